"""What a service declares is enough: its package, built for this machine, is all that its handlers are given."""

import re
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from manifests import Manifests
from mesh.bench.fresh import environment_of, run_statements
from mesh.packages import AWS_SERVICES, RegistryError, add_own_code, dependencies_of, install, trim

AI = {
    "anthropic", "openai", "voyageai", "tavily-python", "langsmith", "langchain", "langchain-core", "langgraph",
    "langchain-anthropic", "langchain-voyageai", "numpy", "tokenizers", "tiktoken", "huggingface-hub",
}  # fmt: skip


@dataclass(frozen=True)
class Built:
    service: str
    folder: Path


@pytest.fixture(scope="module")
def package(service: str, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The package as it would be shipped, but for this machine and without compiled modules."""
    folder = tmp_path_factory.mktemp("packages") / service
    dependencies = dependencies_of(service)
    try:
        install(dependencies, folder)
    except RegistryError as error:
        pytest.skip(f"NOT TESTED: the registry cannot be reached and the cache does not hold everything: {error}")
    add_own_code(dependencies, folder)
    trim(folder)
    borrow_compiled_modules(folder)
    return Built(service, folder)


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
def test_every_handler_starts_with_its_package_alone(package: Built, manifests: Manifests) -> None:
    refs = [ref for ref in manifests.functions if ref.service.service == package.service]
    environment: dict[str, str] = {}
    # One interpreter for all of them: what is missing is missed there too, and starting takes its time.
    statements = ["from importlib import import_module", "import boto3"]
    for ref in refs:
        environment |= environment_of(manifests, ref)
        module, _, name = ref.function.handler.rpartition(".")
        statements.append(f"getattr(import_module({module!r}), {name!r})")
    statements += [f"boto3.client({name!r})" for name in sorted(AWS_SERVICES)]
    started = run_statements(statements, environment, packages=[package.folder])
    assert {ref.function.handler.partition(".")[0] for ref in refs} <= started.modules


def test_aws_clients_in_our_code_are_of_services_that_are_packaged(manifests: Manifests) -> None:
    asked: set[str] = set()
    for file in (manifests.root / "services").rglob("src/**/*.py"):
        asked |= set(
            re.findall(r"""(?:boto3|session)\.(?:client|resource)\(\s*["']([a-z0-9-]+)["']""", file.read_text())
        )
    assert {"s3", "events", "dynamodb"} <= asked, "the expression finds nothing any more"
    assert asked <= AWS_SERVICES


@pytest.mark.parametrize("name", ["ingest", "imaging", "sessions"])
def test_services_without_models_have_no_ai_sdk_among_their_dependencies(name: str) -> None:
    required = set(re.findall(r"^([a-z0-9._-]+)==", dependencies_of(name).requirements, re.MULTILINE))
    assert "pydantic" in required
    assert not required & AI
