"""Reads every manifest below a repository root."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from manifests.catalogue import Manifests
from manifests.checks import check
from manifests.errors import ManifestsInvalidError, Problem
from manifests.model import Model, Operators, Service
from manifests.platform import Platform

M = TypeVar("M", bound=Model)
# libyaml's loader is ten times as fast; a PyYAML built without it has the same loader in Python.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_manifests(root: Path) -> Manifests:
    """Read and check `services/*/service.yaml`, `platform.yaml`, `operators.yaml`, alone and against each other.

    Raises ManifestsInvalidError with every problem found; file names in it are relative to the root.
    """
    problems: list[Problem] = []
    platform_file = Path("services/platform.yaml")
    platform = _read(root, platform_file, Platform, problems)
    # An environment without operators' events has no such file.
    operators_file = Path("services/operators.yaml")
    has_operators = (root / operators_file).exists()
    operators = _read(root, operators_file, Operators, problems) if has_operators else Operators()
    services: dict[str, Service] = {}
    for found in sorted((root / "services").glob("*/service.yaml")):
        file = found.relative_to(root)
        service = _read(root, file, Service, problems)
        if service is None:
            continue
        if service.service != found.parent.name:
            problems.append(Problem(file, "service", f"is {service.service!r}, its folder is {found.parent.name!r}"))
        services[service.service] = service
    if not services and not problems:
        problems.append(Problem(Path("services"), "", "no service.yaml found"))
    if problems or platform is None or operators is None:
        raise ManifestsInvalidError(problems)
    manifests = Manifests(root, services, platform, operators)
    if found_problems := check(manifests):
        raise ManifestsInvalidError(found_problems)
    return manifests


def _read(root: Path, file: Path, model: type[M], problems: list[Problem]) -> M | None:
    try:
        document: Any = yaml.load((root / file).read_text(encoding="utf-8"), _LOADER)  # noqa: S506
        return model.model_validate(document)
    except FileNotFoundError:
        problems.append(Problem(file, "", "is missing"))
    except yaml.YAMLError as error:
        problems.append(Problem(file, "", f"is not YAML: {error}"))
    except ValidationError as error:
        for item in error.errors(include_url=False):
            problems.append(Problem(file, ".".join(str(part) for part in item["loc"]), item["msg"]))
    return None
