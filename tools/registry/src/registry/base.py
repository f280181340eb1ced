"""The base of a comparison with the working tree.

The published contracts are those of the main branch. On a branch that is the merge base with main; on a clean main
it is the parent commit, so that a push is still checked. A clone that has neither proves nothing, which is an error,
unless it is said that versions are to be compared with each other only.
"""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from registry.catalogue import Catalogue, misplaced, read_catalogue, tree_files
from registry.errors import NoBaseError, NoRegistryError, UnusableFileError
from registry.git import Repository
from registry.layout import SETTINGS, Layout, layout_of
from registry.meaning import Acknowledgement, read_acknowledged
from registry.topology import Topology, read_topology, tree_manifests

#: Names of the published branch, the remote's first: local commits on main are not published yet.
_MAIN = ("origin/main", "main")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Contracts and services before and now; `base` is None where versions are compared with each other only."""

    base: str | None
    before: Catalogue
    now: Catalogue
    topology_before: Topology
    topology: Topology
    acknowledged: Sequence[Acknowledgement] = ()


def compare(layout: Layout, revision: str | None, *, no_base: bool = False) -> Comparison:
    """The working tree against a revision; by default against what is published.

    Raises:
        GitError: git is missing, or this is not a checkout.
        UnknownRevisionError: there is no such revision.
        NoBaseError: what is published is not in this clone.
        UnusableFileError: a schema or example is not JSON; a manifest or the acknowledgements are not YAML.
        NoRegistryError: neither has a contract: the folder in the settings may be misspelt.
    """
    files = tree_files(layout)
    now, topology = read_catalogue(files, layout), read_topology(tree_manifests(layout), layout)
    acknowledged = read_acknowledged(layout)
    alone = Comparison(None, Catalogue({}), now, topology, topology, acknowledged)
    if no_base:
        return _checked(alone, files, layout)
    repository = Repository(layout.root)
    commit = repository.commit(revision) if revision else published(repository, layout)
    if commit is None:
        return _checked(alone, files, layout)
    # Where they were then: folders may have moved since.
    settings = repository.files(commit, SETTINGS).get(SETTINGS, b"")
    then = layout_of(layout.root, settings)
    found = repository.files(commit, *then.folders)
    before, topology_before = read_catalogue(found, then), read_topology(found, then)
    comparison = Comparison(repository.describe(commit), before, now, topology_before, topology, acknowledged)
    return _checked(comparison, files, layout)


def _checked(comparison: Comparison, files: Collection[str], layout: Layout) -> Comparison:
    if not (comparison.now.versions or comparison.before.versions or files):
        raise NoRegistryError(f"there is no contract in {layout.root / layout.schemas}, so there is nothing to check")
    if strangers := misplaced(files, layout, comparison.now, comparison.before):
        raise UnusableFileError(f"{strangers[0]}: no schema or example of a published version is looked for there")
    return comparison


def published(repository: Repository, layout: Layout) -> str | None:
    """The commit of the published contracts; None where nothing was published before.

    Raises:
        NoBaseError: it is not in this clone.
    """
    # A pull request's target on GitHub may be another branch than main.
    target = os.environ.get("GITHUB_BASE_REF")
    names = (f"origin/{target}", *_MAIN) if target else _MAIN
    head = repository.find("HEAD")
    if head is None:
        return None
    main = next((commit for name in names if (commit := repository.find(name))), None)
    if main is None:
        raise NoBaseError(f"{names[0]} is not in this clone", shallow=repository.is_shallow())
    base = repository.merge_base(head, main)
    if base is None:
        raise NoBaseError("HEAD and main have no common commit in this clone", shallow=repository.is_shallow())
    if base != head or repository.is_dirty(layout.schemas, layout.examples):
        return base
    parent = repository.find("HEAD^")
    if parent is None and repository.is_shallow():
        raise NoBaseError("the commit before main's last is not in this clone", shallow=True)
    return parent
