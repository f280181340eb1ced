"""What a function's manifest and its service declare is enough: its package, built for this machine, is all that its
handlers are given; and it is no more than that."""

import re
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from benchmarks.fresh import environment_of, run_statements
from manifests import FunctionRef, Manifests
from mesh.packaging.contents import AWS_SERVICES, add_own_code, trim
from mesh.packaging.dependencies import dependencies_of, install
from mesh.packaging.errors import RegistryError
from mesh.packaging.planning import PlannedPackage

AI = {
    "anthropic", "openai", "voyageai", "tavily-python", "langsmith", "langchain", "langchain-core", "langgraph",
    "langchain-anthropic", "langchain-voyageai", "numpy", "tokenizers", "tiktoken", "huggingface-hub",
}  # fmt: skip
#: A function with a provider's key can call it, and needs its SDK, even if only on some requests.
SDKS = {
    "anthropic-api-key": "anthropic",
    "openai-api-key": "openai",
    "voyage-api-key": "voyageai",
    "tavily-api-key": "tavily-python",
    "langsmith-api-key": "langsmith",
}


@dataclass(frozen=True)
class Built:
    planned: PlannedPackage
    folder: Path


@pytest.fixture(scope="module")
def package(planned: PlannedPackage, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The package as it would be shipped, but for this machine and without compiled modules."""
    folder = tmp_path_factory.mktemp("packages") / planned.name
    dependencies = dependencies_of(planned.service, planned.extras)
    try:
        install(dependencies, folder)
    except RegistryError as error:
        pytest.skip(f"NOT TESTED: the registry cannot be reached and the cache does not hold everything: {error}")
    add_own_code(dependencies, folder)
    trim(folder)
    borrow_compiled_modules(folder)
    return Built(planned, folder)


@cache
def required(service: str, extras: tuple[str, ...]) -> set[str]:
    requirements = dependencies_of(service, extras).requirements
    return set(re.findall(r"^([a-z0-9._-]+)==", requirements, re.MULTILINE))


def modules_of(planned: PlannedPackage, manifests: Manifests) -> list[str]:
    """All modules of the service, where everything is that any of its functions needs: some are imported only on
    request, such as an agent."""
    functions = manifests.services[planned.service].functions.values()
    if set(planned.extras) != {extra for function in functions for extra in function.extras}:
        return []
    source = manifests.service_folder(planned.service) / "src"
    return [
        ".".join(file.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        for file in sorted(source.rglob("*.py"))
    ]


@cache
def compiled_modules(environment: Path) -> list[Path]:
    return list(environment.rglob("__pycache__/*.pyc"))


def borrow_compiled_modules(folder: Path) -> None:
    """Spare compiling what this environment has compiled: Python takes a module only for the source it was made of."""
    environment = Path(sysconfig.get_path("purelib"))
    present = {entry.name for entry in folder.iterdir()}
    for compiled in compiled_modules(environment):
        place = compiled.relative_to(environment)
        there = folder / place
        if place.parts[0] not in present:
            continue
        if (there.parent.parent / f"{compiled.name.partition('.')[0]}.py").exists():
            there.parent.mkdir(exist_ok=True)
            there.symlink_to(compiled)


@pytest.mark.integration
@pytest.mark.sampled(2)
def test_every_handler_starts_with_its_package_alone(package: Built, manifests: Manifests) -> None:
    environment: dict[str, str] = {}
    # One interpreter for all of them: what is missing is missed there too, and starting is slow.
    statements = ["from importlib import import_module", "import boto3"]
    for ref in package.planned.functions:
        environment |= environment_of(manifests, ref)
        module, _, name = ref.function.handler.rpartition(".")
        statements.append(f"getattr(import_module({module!r}), {name!r})")
    statements += [f"boto3.client({name!r})" for name in sorted(AWS_SERVICES)]
    asked_for = modules_of(package.planned, manifests)
    statements += [f"import {name}" for name in asked_for]
    started = run_statements(statements, environment, packages=[package.folder])
    assert {package.planned.service, *asked_for} <= started.modules


def test_aws_clients_in_our_code_are_of_services_that_are_packaged(manifests: Manifests) -> None:
    asked: set[str] = set()
    for file in (manifests.root / "services").rglob("src/**/*.py"):
        asked |= set(
            re.findall(r"""(?:boto3|session)\.(?:client|resource)\(\s*["']([a-z0-9-]+)["']""", file.read_text())
        )
    assert {"s3", "events", "dynamodb"} <= asked, "the expression finds nothing any more"
    assert asked <= AWS_SERVICES


def test_a_function_with_a_key_has_what_is_called_with_it(ref: FunctionRef) -> None:
    keys = set(ref.function.secrets)
    assert keys <= SDKS.keys(), "a secret of which this test knows no SDK"
    names = required(ref.service.service, tuple(sorted(ref.function.extras)))
    assert {SDKS[key] for key in keys} <= names


def test_a_function_without_keys_has_no_ai_sdk(ref: FunctionRef) -> None:
    names = required(ref.service.service, tuple(sorted(ref.function.extras)))
    assert "pydantic" in names
    assert ref.function.secrets or not names & AI
