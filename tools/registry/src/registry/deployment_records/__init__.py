"""What is deployed where, and whether a version of a service is compatible with it.

`release` determines which contract versions a service publishes and understands at a commit, `record` keeps that for
each environment, `deciding` compares. `commands` is what `mesh contracts record-deployment` and `can-deploy` do.
"""


def short_commit(git_sha: str) -> str:
    """A short commit hash, with any suffix for uncommitted changes."""
    commit, dash, rest = git_sha.partition("-")
    return commit[:12] + dash + rest
