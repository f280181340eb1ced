"""The contract versions that a service publishes and understands, at a commit or in the working tree.

Read from committed files, not from installed code: the manifest lists the types, the registry's folder their versions.
A service publishes the newest version of a type, and understands every version of the major up to it.
"""

from collections.abc import Mapping
from pathlib import Path

from contracts.schemas import closed
from registry.catalogue import Catalogue, Version, read_catalogue, tree_files
from registry.deployment_records.errors import ContractMissingError, UnknownServiceError
from registry.deployment_records.record import ContractVersion, Release
from registry.errors import GitError
from registry.git import Repository
from registry.layout import Layout
from registry.topology import read_topology, tree_manifests

WORKING_TREE = "working tree"


def release_at(layout: Layout, service: str, revision: str) -> Release:
    """The service at a revision, named by its commit.

    Raises:
        UnknownServiceError, ContractMissingError: not at that commit.
        registry.errors.RegistryError: git or a file fails.
    """
    repository = Repository(layout.root)
    commit = repository.commit(revision)
    return _release(layout, service, commit, repository.files(commit, *layout.folders))


def release_here(layout: Layout, service: str) -> Release:
    """The service in the working tree. Raises like `release_at`."""
    return _release(layout, service, _head(layout.root), tree_files(layout) | tree_manifests(layout))


def _head(root: Path) -> str:
    try:
        repository = Repository(root)
        commit = repository.find("HEAD")
        return WORKING_TREE if commit is None else commit + ("-dirty" if repository.is_dirty() else "")
    except GitError:
        return WORKING_TREE


def _release(layout: Layout, service: str, commit: str, files: Mapping[str, bytes]) -> Release:
    topology = read_topology(files, layout)
    if service not in topology.publishes:
        raise UnknownServiceError(f"no {layout.manifests} is of {service!r} at {commit}")
    catalogue = read_catalogue(files, layout)
    published = [_newest(catalogue, event, service) for event in topology.publishes[service]]
    consumed = [_newest(catalogue, event, service) for event in topology.consumes[service]]
    return Release(
        service=service,
        git_sha=commit,
        # Before producers' schemas were committed, they followed from the consumers'.
        publishes=tuple(_version(found, found.producer or closed(found.consumer)) for found in published),
        understands=tuple(_version(found, found.consumer) for found in consumed),
    )


def _newest(catalogue: Catalogue, event: str, service: str) -> Version:
    versions = catalogue.versions.get(event)
    if not versions:
        raise ContractMissingError(f"{service} names {event}, but no version of it is published")
    return versions[-1]


def _version(found: Version, schema: dict[str, object]) -> ContractVersion:
    return ContractVersion(event=found.event_type, version=found.number, schema_=schema)
