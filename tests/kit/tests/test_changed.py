"""Which tests a change can reach."""

import subprocess
from pathlib import Path

import pytest

from testkit import changed
from workspace import REPOSITORY, OperatorError


def reached(*paths: str) -> set[str]:
    return set(changed.tests_for(REPOSITORY, paths))


READERS_OF_TESTS = {"tests/architecture", "tests/docs"}


def test_a_test_reaches_itself_and_who_reads_tests() -> None:
    assert reached("tests/kit/tests/test_changed.py") == {"tests/kit/tests/test_changed.py", *READERS_OF_TESTS}


def test_a_test_that_is_gone_reaches_its_folder() -> None:
    """What it alone did is missed there: an event that nobody emits any more, an entry point that nobody builds."""
    assert reached("services/imaging/tests/test_gone.py") == {"services/imaging/tests", *READERS_OF_TESTS}


def test_what_tests_share_reaches_their_folder() -> None:
    assert reached("services/imaging/tests/conftest.py") == {"services/imaging/tests", *READERS_OF_TESTS}


def test_a_service_reaches_its_own_tests_and_those_of_the_whole() -> None:
    found = reached("services/imaging/src/imaging/api.py")
    assert {"services/imaging/tests", "tests/e2e", "tests/contracts", "tests/imports"} <= found
    assert not any(folder.startswith("services/") for folder in found - {"services/imaging/tests"})


def test_a_library_reaches_all_that_import_it_directly_or_not() -> None:
    services = {
        f"{member.folder}/tests" for member in changed.read_members(REPOSITORY) if member.folder.startswith("services/")
    }
    assert services <= reached("contracts/src/contracts/ingest.py")
    assert services - {"services/lib/retrieval/tests"} <= reached("services/lib/chassis/src/chassis/work.py")
    with_retrieval = {"services/search/tests", "services/chat/tests", "services/lib/retrieval/tests"}
    found = reached("services/lib/retrieval/src/retrieval/query.py")
    assert with_retrieval <= found
    assert "services/ingest/tests" not in found


def test_a_tool_reaches_no_service() -> None:
    found = reached("tools/mesh/src/mesh/cli.py")
    assert "tools/mesh/tests" in found
    assert not any(folder.startswith("services/") for folder in found)


def test_terraform_reaches_what_runs_it() -> None:
    assert reached("terraform/modules/api/main.tf") == {"tests/docs", "tests/infrastructure", "tools/mesh/tests"}


def test_documents_reach_the_tests_of_documents() -> None:
    assert reached("docs/glossary.md") == {"tests/docs", "tests/architecture"}


@pytest.mark.parametrize(
    ("path", "test"),
    [
        ("services/imaging/README.md", "services/imaging/tests/test_hostile_files.py"),
        ("services/lib/chassis/README.md", "services/lib/chassis/tests/test_public_names.py"),
        ("services/imaging/src/imaging/structure.py", "tests/mutation/tests/test_mutation_rules.py"),
        ("services/imaging/service.yaml", "tests/policy_checks/tests/test_policy_checks_topology.py"),
        ("services/imaging/service.yaml", "services/ingest/tests/test_manifest.py"),
        ("services/imaging/pyproject.toml", "libraries/manifests/tests/test_derived.py"),
        ("services/ingest/src/ingest/openapi.json", "tools/registry/tests/test_openapi.py"),
        ("services/analysis/src/analysis/models.json", "tools/mesh/tests/test_mesh_cost.py"),
        ("services/chat/src/chat/agent.py", "tools/mesh/tests/test_packaging_building.py"),
        (".env.example", "localstack/localmesh/tests/processes/test_config.py"),
        (".gitignore", "tests/infrastructure/test_infrastructure_configurations.py"),
    ],
)
def test_what_a_test_reads_without_importing_it_reaches_it(path: str, test: str) -> None:
    assert (REPOSITORY / path).exists()
    assert (REPOSITORY / test).exists()
    assert any(test.startswith(f"{folder}/") for folder in reached(path))


@pytest.mark.parametrize(
    "path",
    [
        *("uv.lock", "pyproject.toml", "conftest.py", "new/x", "tests/kit/src/testkit/servers.py"),
        "localstack/providers/src/provider_emulator/voyage.py",
    ],
)
def test_what_everything_stands_on_reaches_everything(path: str) -> None:
    every = {folder.relative_to(REPOSITORY).as_posix() for folder in every_folder_of_tests()}
    assert reached(path) == every


def every_folder_of_tests() -> set[Path]:
    """The outermost folders named `tests` of members, and the folders below the repository's own."""
    own = {path.parent for path in (REPOSITORY / "tests").glob("*/test_*.py")}
    return own | {
        REPOSITORY / member.folder / "tests" for member in changed.read_members(REPOSITORY) if has_tests(member.folder)
    }


def has_tests(folder: str) -> bool:
    return (REPOSITORY / folder / "tests").is_dir()


def test_nothing_inside_what_is_printed_anyway() -> None:
    found = reached("services/imaging/src/imaging/api.py", "services/imaging/tests/conftest.py")
    assert not [path for path in found if path.startswith("services/imaging/tests/")]


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_what_differs_from_the_base_is_found_committed_or_not(tmp_path: Path) -> None:
    git(tmp_path, "init", "-b", "main")
    for name in ("kept", "edited", "deleted", "old name"):
        (tmp_path / name).write_text(f"{name}, with enough text to be recognised when it is renamed")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "base")
    git(tmp_path, "checkout", "-b", "mine")
    (tmp_path / "committed").write_text("x")
    git(tmp_path, "mv", "old name", "new name")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "mine")
    (tmp_path / "edited").write_text("differently")
    (tmp_path / "deleted").unlink()
    (tmp_path / "untracked").write_text("x")
    expected = ["committed", "deleted", "edited", "new name", "old name", "untracked"]
    assert changed.changed_files(tmp_path, "main") == expected


def test_an_unknown_base_is_an_error(tmp_path: Path) -> None:
    git(tmp_path, "init", "-b", "main")
    with pytest.raises(OperatorError, match="nowhere"):
        changed.changed_files(tmp_path, "nowhere")
