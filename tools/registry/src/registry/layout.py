"""Where a repository keeps its contracts, and how it names events: `[tool.contracts]` of its pyproject.toml.

```toml
[tool.contracts]                       # all of it is optional; these are the defaults
title = "Collections"                  # what readers call it
prefix = "collections"                 # of event types: <prefix>.<service>.<fact>.v<major>
schemas = "contracts/schemas"
examples = "contracts/examples"
manifests = "services/*/service.yaml"  # YAML files with `publishes` and `consumes`
operators = "services/operators.yaml"  # of what is published by operators, and by no service; need not exist
acknowledged = "contracts/acknowledged.yaml"
deployments = "deployments"
```

NoRegistryError: no repository with contracts was found
UnusableFileError: its settings are malformed
"""

import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from registry.errors import NoRegistryError, UnusableFileError

SETTINGS = "pyproject.toml"
_VERSION = "1.0.0"
_NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"

Folder = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")]


class Layout(BaseModel):
    """The settings of one repository; paths are relative to its root."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: Path
    #: That of `[project]`: no setting.
    version: str = _VERSION
    #: Whether there are settings, if only the defaults: a repository before its first event. No setting either.
    declared: bool = False
    title: str = Field(default="Collections", min_length=1)
    prefix: str = Field(default="collections", pattern=rf"^{_NAME}(\.{_NAME})*$")
    schemas: Folder = "contracts/schemas"
    examples: Folder = "contracts/examples"
    manifests: str = Field(default="services/*/service.yaml", pattern=r"^[A-Za-z0-9_.*-]+(/[A-Za-z0-9_.*-]+)*\.ya?ml$")
    operators: str = Field(default="services/operators.yaml", pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\.ya?ml$")
    acknowledged: Folder = "contracts/acknowledged.yaml"
    deployments: Folder = "deployments"

    @cached_property
    def type_pattern(self) -> re.Pattern[str]:
        """What event types look like; groups `service`, `fact`, `major`."""
        return re.compile(
            rf"^{re.escape(self.prefix)}\.(?P<service>{_NAME})\.(?P<fact>{_NAME})\.v(?P<major>[1-9][0-9]*)$"
        )

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Folders below which schemas, examples and manifests are; what git lists of a revision."""
        manifests = self.manifests.partition("*")[0].rpartition("/")[0]
        return tuple(dict.fromkeys((self.schemas, self.examples, manifests or ".")))

    @cached_property
    def manifest_pattern(self) -> re.Pattern[str]:
        """Paths of manifests; the group is what the first `*` stands for, by default the service's name."""
        return re.compile("([^/]+)".join(map(re.escape, self.manifests.split("*"))))


def find_layout(start: Path) -> Layout:
    """The repository with the contracts, or with settings for them, from a folder in it.

    Raises:
        NoRegistryError: there is none.
        UnusableFileError: its settings are malformed.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        layout = _layout(folder)
        if layout.declared or (folder / layout.schemas).is_dir():
            return layout
    raise NoRegistryError(
        f"no {Layout(root=start).schemas}, and no [tool.contracts] in {SETTINGS}, in {start.resolve()} or above it"
    )


def _layout(folder: Path) -> Layout:
    file = folder / SETTINGS
    return layout_of(folder, file.read_bytes()) if file.is_file() else Layout(root=folder)


def layout_of(root: Path, settings: bytes) -> Layout:
    """The layout of a repository with that pyproject.toml, of the working tree or of a revision.

    Raises:
        UnusableFileError: its settings are malformed.
    """
    file = root / SETTINGS
    try:
        document = tomllib.loads(settings.decode("utf-8"))
        project, given = document.get("project", {}), document.get("tool", {}).get("contracts")
        version = project.get("version", _VERSION)
        return Layout(root=root, version=version, declared=given is not None, **(given or {}))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, AttributeError) as error:
        raise UnusableFileError(f"{file}: {error}") from error
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        place = ".".join(map(str, ("tool.contracts", *first["loc"])))
        raise UnusableFileError(f"{file}: {place}: {first['msg']}") from error
