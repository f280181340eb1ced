"""Every service has the same plan: the same file for the same job, wired in one way. CONTRIBUTING.md describes it."""

import ast
import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks import probe
from chassis.entry_points import EntryPoints
from chassis.settings import Settings
from manifests import load_manifests
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
SERVICES = sorted(MANIFESTS.services)

#: Of each service: beside `src` and inside it. A package may stand for a module of the same name.
FOLDER = ("README.md", "service.yaml", "pyproject.toml", "migrations", "terraform", "tests", "src")
MODULES = {
    "handler": "entry points by the manifest's names",
    "bootstrap": "one function that builds the real dependencies",
    "settings": "all settings",
    "api": "routes: parse, call, answer",
    "consumers": "queues: which event goes to which reaction",
    "schedule": "scheduled functions",
    "projections": "events -> tables",
    "reactions": "events -> effects",
    "repository": "SQL",
    "errors": "the tree of the service's errors",
}
#: Jobs that a service may not have: search keeps the read model of `retrieval` and nothing else.
WITHOUT = {
    "search": {
        "migrations": "its tables are those of retrieval",
        "repository": "its SQL is that of retrieval",
    },
}
#: Names that the jobs have had elsewhere.
STRANGERS = {"config", "entries", "entry", "events", "handlers", "handling", "hearing", "maintenance", "projection"}


def source(service: str) -> Path:
    return REPOSITORY / "services" / service / "src" / service


def modules(service: str) -> set[str]:
    """Names of the service's modules and packages."""
    return {path.stem for path in source(service).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}


def reacts(service: str) -> bool:
    """Whether one of its subscriptions has more than a contract, which is folded only."""
    tree = ast.parse((source(service) / "consumers.py").read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "on")
    return any(len(call.args) + len(call.keywords) > 1 for call in calls)


@pytest.mark.parametrize("service", SERVICES)
def test_the_folder_holds_what_every_service_has(service: str) -> None:
    folder = REPOSITORY / "services" / service
    missing = {name for name in FOLDER if not (folder / name).exists()}
    assert missing == set(FOLDER) & set(WITHOUT.get(service, {}))


@pytest.mark.parametrize("service", SERVICES)
def test_every_job_has_its_module(service: str) -> None:
    wanted = set(MODULES) - set(WITHOUT.get(service, {})) - {"reactions"}
    assert wanted - modules(service) == set()
    assert modules(service) & STRANGERS == set()
    assert set(WITHOUT.get(service, {})) & modules(service) == set(), "the exception is needed no more"
    assert ("reactions" in modules(service)) == reacts(service)


@pytest.mark.parametrize("service", SERVICES)
def test_the_entry_points_are_those_of_the_manifest(service: str) -> None:
    entry_points = importlib.import_module(f"{service}.handler").ENTRY_POINTS
    assert isinstance(entry_points, EntryPoints)
    handlers = {function.handler for function in MANIFESTS.services[service].functions.values()}
    assert {f"{service}.handler.{name}" for name in entry_points.names} == handlers
    assert entry_points.module_of_bootstrap == f"{service}.bootstrap"


IMPORTING = """
import importlib, json, sys, traceback
failed = {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except Exception:
        failed[name] = traceback.format_exc()
print(json.dumps(failed))
"""


@pytest.fixture(scope="module")
def failed_imports() -> dict[str, str]:
    """Modules that cannot be imported in an interpreter that has no settings, and why.

    One interpreter for all services: what they share (SDKs, pydantic) takes seconds to import.
    """
    names = [f"{service}.{name}" for service in SERVICES for name in sorted(modules(service) - {"__init__", "py"})]
    command = [sys.executable, "-c", IMPORTING, json.dumps(names)]
    run = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    failed: dict[str, str] = json.loads(run.stdout)
    return failed


@pytest.mark.parametrize("service", SERVICES)
def test_importing_builds_nothing(service: str, failed_imports: dict[str, str]) -> None:
    """Whatever was built at import would miss the settings."""
    assert {name: why for name, why in failed_imports.items() if name.startswith(f"{service}.")} == {}


@pytest.mark.parametrize("service", SERVICES)
def test_the_readme_lists_the_settings(service: str) -> None:
    """The service's own, apart from names of tables, which the provisioner sets."""
    classes = [item for item in vars(importlib.import_module(f"{service}.settings")).values() if isinstance(item, type)]
    (settings,) = [item for item in classes if issubclass(item, Settings) and item is not Settings]
    own = {name.upper() for name in set(settings.model_fields) - set(Settings.model_fields)}
    readme = (REPOSITORY / "services" / service / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", readme))
    assert {name for name in own if not name.startswith("TABLE_")} - listed == set()


@pytest.mark.parametrize("service", SERVICES)
def test_the_readme_shows_where_to_look(service: str) -> None:
    readme = (REPOSITORY / "services" / service / "README.md").read_text(encoding="utf-8")
    _, heading, rest = readme.partition("## Where to look\n")
    assert heading, "a table of questions and the modules that answer them"
    table = rest.partition("\n\n")[0]
    named = set(re.findall(r"`([a-z_.]+)`", table))
    known = {
        path.relative_to(source(service)).with_suffix("").as_posix().replace("/", ".")
        for path in source(service).rglob("*.py")
    }
    known |= modules(service) | {name for name in named if name.startswith(("chassis.", "contracts.", "retrieval."))}
    assert {name for name in named if name not in known} == set(), "the table names modules that are not there"
    assert {"projections", "consumers", "api"} <= named
    for word in ("**Consumes**", "**Publishes**", "**Keeps**"):
        assert word in readme


def test_rules_for_imports_and_types_name_every_service() -> None:
    """Lists that pyproject.toml keeps by hand, and one that a benchmark does: a service must be in each."""
    tools = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    rules = {rule["name"]: rule for rule in tools["importlinter"]["contracts"]}
    (floors,) = [rule["layers"] for rule in rules.values() if "retrieval" in rule.get("layers", [])]
    assert set(floors[0].split(" | ")) == set(SERVICES)
    unlinked = {name for name, service in MANIFESTS.services.items() if not service.retrieval}
    assert set(rules["Only search and chat link the retrieval library"]["source_modules"]) == unlinked
    for listed in (
        tools["ruff"]["lint"]["isort"]["known-first-party"],
        tools["importlinter"]["root_packages"],
        rules["No circles"]["ancestors"],
        rules["Tools import no service"]["forbidden_modules"],
        rules["Nothing that runs in AWS knows the tools"]["source_modules"],
        [path.removeprefix("services/").removesuffix("/src") for path in tools["mypy"]["mypy_path"]],
        probe.OURS,
    ):
        assert set(SERVICES) - set(listed) == set(), f"{sorted(listed)} lacks a service"


def test_contributing_describes_the_plan() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name, job in MODULES.items():
        assert re.search(rf"{name}(\.py)?\b.*{re.escape(job)}", text), f"CONTRIBUTING.md lacks {name}: {job}"
