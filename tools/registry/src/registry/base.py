"""The base of a comparison with the working tree.

The published contracts are those of the main branch. On a branch that is the merge base with main; on a clean main
it is the parent commit, so that a push is still checked. A clone that is too shallow for either is not compared with
another revision: its versions are compared with each other.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from registry.catalogue import EXAMPLES, SCHEMAS, Catalogue, read_catalogue, tree_files
from registry.git import Repository

#: Names of the published branch, the remote's first: local commits on main are not published yet.
_MAIN = ("origin/main", "main")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The contracts before and now; `base` is None where there is nothing to compare with."""

    base: str | None
    before: Catalogue
    now: Catalogue


def compare(root: Path, revision: str | None) -> Comparison:
    """The working tree against a revision; by default against what is published.

    Raises:
        GitError: git is missing, or this is not a checkout.
        UnknownRevisionError: there is no such revision.
        UnusableFileError: a schema or example is not JSON.
    """
    repository = Repository(root)
    now = read_catalogue(tree_files(root))
    commit = repository.commit(revision) if revision else published(repository)
    if commit is None:
        return Comparison(None, Catalogue({}), now)
    before = read_catalogue(repository.files(commit, SCHEMAS, EXAMPLES))
    return Comparison(repository.describe(commit), before, now)


def published(repository: Repository) -> str | None:
    """The commit of the published contracts; None where the clone does not have it."""
    # A pull request's target on GitHub may be another branch than main.
    target = os.environ.get("GITHUB_BASE_REF")
    names = (f"origin/{target}", *_MAIN) if target else _MAIN
    head = repository.find("HEAD")
    main = next((commit for name in names if (commit := repository.find(name))), None)
    if head is None or main is None:
        return None
    base = repository.merge_base(head, main)
    if base == head and not repository.is_dirty(SCHEMAS, EXAMPLES):
        return repository.find("HEAD^")
    return base
