"""Saved outputs of AWS environments: one file each, written by `mesh infra`, read by every other command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mesh.environments.errors import EnvironmentUnknownError, OutputsMalformedError
from mesh.environments.model import Environment
from workspace import REPOSITORY

OUTPUTS_FOLDER = REPOSITORY / ".environments"


def save_outputs(outputs: Mapping[str, Any], folder: Path = OUTPUTS_FOLDER) -> Environment:
    """Save an environment's output values, by name. Raises OutputsMalformedError; then nothing is written."""
    try:
        environment = Environment.model_validate(dict(outputs))
    except ValidationError as error:
        raise OutputsMalformedError(f"the outputs do not describe an environment: {_sentence(error)}") from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{environment.environment}.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(dict(outputs), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    fresh.replace(path)
    return environment


def load_outputs(name: str, folder: Path = OUTPUTS_FOLDER) -> Environment:
    """The saved environment. Raises EnvironmentUnknownError, OutputsMalformedError."""
    path = folder / f"{name}.json"
    try:
        found = Environment.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        known = ", ".join(["local", *known_environments(folder)])
        raise EnvironmentUnknownError(
            f"no outputs are saved for the environment {name!r} (known: {known}); run `make infra-outputs ENV={name}`"
        ) from None
    except OSError as error:
        raise OutputsMalformedError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise OutputsMalformedError(f"{path}: {_sentence(error)}") from error
    if found.environment != name:
        raise OutputsMalformedError(f"{path} describes {found.environment!r}")
    return found


def known_environments(folder: Path = OUTPUTS_FOLDER) -> list[str]:
    """Names of all saved environments."""
    return sorted(path.stem for path in folder.glob("*.json"))


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(step) for step in first['loc']) or 'document'}: {first['msg']}"
