"""Every configuration is formatted, valid, and passes its own tests."""

from pathlib import Path

import pytest

from localmesh.paths import REPOSITORY
from mesh.auditing.terraform import Terraform, Works

CONFIGURATIONS = sorted(
    {
        str(file.parent.relative_to(REPOSITORY))
        for pattern in ("terraform/**/*.tf", "services/*/terraform/*.tf")
        for file in REPOSITORY.glob(pattern)
        if ".terraform" not in file.parts and "tests" not in file.parts
    }
)
TESTED = [name for name in CONFIGURATIONS if any((REPOSITORY / name / "tests").glob("*.tftest.hcl"))]


def test_everything_is_formatted(terraform: Terraform, copy: Path) -> None:
    assert terraform.format_problems(copy) == [], "`terraform fmt -recursive` mends them"


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_configuration_is_valid(configuration: str, works: Works) -> None:
    assert works.checked(configuration).problems == []


@pytest.mark.parametrize("configuration", TESTED)
def test_a_module_passes_its_own_tests(configuration: str, works: Works) -> None:
    checked = works.checked(configuration)
    assert checked.problems == []
    assert not checked.failure, checked.failure


def test_every_module_has_tests_of_its_own() -> None:
    modules = {name for name in CONFIGURATIONS if name.startswith("terraform/modules/")}
    assert modules - set(TESTED) == set()


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_configuration_has_the_files_where_one_looks_for_them(configuration: str) -> None:
    present = {file.name for file in (REPOSITORY / configuration).glob("*.tf")}
    assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf"} - present == set()
