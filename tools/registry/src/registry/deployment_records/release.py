"""The contract versions that a service publishes and understands, at a commit or in the working tree.

Read from committed files, not from installed code: the manifest lists the types, the registry's folder their versions.
A service publishes the newest version of a type, and understands every version of the major up to it.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from contracts.schemas import closed
from manifests import Service
from registry.catalogue import EXAMPLES, SCHEMAS, Catalogue, Version, read_catalogue, tree_files
from registry.deployment_records.errors import ContractMissingError, UnknownServiceError
from registry.deployment_records.record import ContractVersion, Release
from registry.errors import GitError
from registry.git import Repository

WORKING_TREE = "working tree"


def release_at(root: Path, service: str, revision: str) -> Release:
    """The service at a revision, named by its commit.

    Raises:
        UnknownServiceError, ContractMissingError: not at that commit.
        registry.errors.RegistryError: git or a file fails.
    """
    repository = Repository(root)
    commit = repository.commit(revision)
    manifest = f"services/{service}/service.yaml"
    files = repository.files(commit, SCHEMAS, EXAMPLES, manifest)
    return _release(service, commit, files.get(manifest), files)


def release_here(root: Path, service: str) -> Release:
    """The service in the working tree. Raises like `release_at`."""
    manifest = root / "services" / service / "service.yaml"
    return _release(service, _head(root), manifest.read_bytes() if manifest.is_file() else None, tree_files(root))


def _head(root: Path) -> str:
    try:
        repository = Repository(root)
        commit = repository.find("HEAD")
        return WORKING_TREE if commit is None else commit + ("-dirty" if repository.is_dirty() else "")
    except GitError:
        return WORKING_TREE


def _release(service: str, commit: str, manifest: bytes | None, files: Mapping[str, bytes]) -> Release:
    if manifest is None:
        raise UnknownServiceError(f"services/{service}/service.yaml does not exist at {commit}")
    try:
        declared = Service.model_validate(yaml.safe_load(manifest))
    except (yaml.YAMLError, ValidationError) as error:
        raise UnknownServiceError(f"services/{service}/service.yaml at {commit} cannot be read: {error}") from error
    catalogue = read_catalogue({path: raw for path, raw in files.items() if path.startswith((SCHEMAS, EXAMPLES))})
    published = [_newest(catalogue, event, service) for event in declared.publishes]
    consumed = [_newest(catalogue, item.event, service) for item in declared.consumes if item.event]
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
        raise ContractMissingError(f"{service} names {event}, but {SCHEMAS} has no version of it")
    return versions[-1]


def _version(found: Version, schema: dict[str, object]) -> ContractVersion:
    return ContractVersion(event=found.event_type, version=found.number, schema_=schema)
