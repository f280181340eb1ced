"""Tests with an argument `ref` run for every function of every manifest, those with `planned` for every package."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from manifests import FunctionRef, Manifests, load_manifests
from mesh.packaging.planning import plan_packages
from workspace import REPOSITORY

_MANIFESTS = load_manifests(REPOSITORY)


def name_of(ref: FunctionRef) -> str:
    return f"{ref.service.service}.{ref.name}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "ref" in metafunc.fixturenames:
        metafunc.parametrize("ref", _MANIFESTS.functions, ids=name_of)
    if "planned" in metafunc.fixturenames:
        packages = plan_packages(_MANIFESTS)
        metafunc.parametrize("planned", packages, ids=[package.name for package in packages], scope="module")


@pytest.fixture(scope="session")
def manifests() -> Manifests:
    return _MANIFESTS


@pytest.fixture(scope="session")
def table() -> dict[str, Any]:
    """The contents of `budgets.toml`."""
    return tomllib.loads(Path(__file__).with_name("budgets.toml").read_text(encoding="utf-8"))


@pytest.fixture
def budget(ref: FunctionRef, table: dict[str, Any]) -> set[str]:
    """The watched modules that the function loads."""
    of_trigger = table["triggers"][ref.function.trigger.value]
    return {*table["everywhere"], *of_trigger, *table["functions"].get(name_of(ref), ())}
