"""Every configuration is formatted, valid, and passes its own tests."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from policy_checks.terraform import Runner, Terraform, environments_of
from workspace import REPOSITORY

CONFIGURATIONS = sorted(
    {
        str(file.parent.relative_to(REPOSITORY))
        for pattern in ("terraform/**/*.tf", "services/*/terraform/*.tf")
        for file in REPOSITORY.glob(pattern)
        if ".terraform" not in file.parts and "tests" not in file.parts
    }
)


def test_everything_is_formatted(terraform: Terraform, copy: Path) -> None:
    assert terraform.format_problems(copy) == [], "run `terraform fmt -recursive`"


# Some of them on a push: the plans of prod and local show what they make, and a job of its own runs every test.
@pytest.mark.sampled(5)
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_configuration_is_valid_and_passes_its_own_tests(configuration: str, runner: Runner) -> None:
    assert runner.problems(configuration) == []


def test_every_module_has_tests_of_its_own() -> None:
    modules = {name for name in CONFIGURATIONS if name.startswith(("terraform/modules/", "services/"))}
    assert [name for name in sorted(modules) if not any((REPOSITORY / name / "tests").glob("*.tftest.hcl"))] == []


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_configuration_has_the_usual_files(configuration: str) -> None:
    present = {file.name for file in (REPOSITORY / configuration).glob("*.tf")}
    # The module of a service is one call of lambda-service, which declares the required versions.
    versions = set() if configuration.startswith("services/") else {"versions.tf"}
    assert {"main.tf", "variables.tf", "outputs.tf"} | versions <= present


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_every_variable_is_used(configuration: str) -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in (REPOSITORY / configuration).glob("*.tf"))
    declared = set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))
    assert declared - set(re.findall(r"\bvar\.(\w+)", text)) == set()


def test_every_setting_of_an_environment_is_used() -> None:
    folder = REPOSITORY / "terraform" / "modules" / "environment"
    (settings,) = re.findall(
        r'^variable "settings" \{.*?^\}', (folder / "variables.tf").read_text(), re.MULTILINE | re.DOTALL
    )
    declared = set(re.findall(r"^    (\w+) *= optional\(", settings, re.MULTILINE))
    assert declared
    assert declared == set(re.findall(r"\bvar\.settings\.(\w+)", (folder / "main.tf").read_text(encoding="utf-8")))


@pytest.mark.parametrize("environment", environments_of(REPOSITORY))
def test_an_environment_has_the_one_output_that_is_read(environment: str) -> None:
    text = (REPOSITORY / "terraform" / "environments" / environment / "outputs.tf").read_text(encoding="utf-8")
    assert re.findall(r'^output "(\w+)"', text, re.MULTILINE) == ["environment"]


@pytest.mark.parametrize("environment", [name for name in environments_of(REPOSITORY) if name != "local"])
def test_the_state_of_an_environment_is_its_own_encrypted_and_locked(environment: str) -> None:
    text = (REPOSITORY / "terraform" / "environments" / environment / "main.tf").read_text(encoding="utf-8")
    (backend,) = re.findall(r'backend "s3" \{(.*?)\}', text, re.DOTALL)
    settings = dict(re.findall(r"^ *(\w+) *= *(.+?) *$", backend, re.MULTILINE))
    # The bucket's name holds the account's number, so it is given at init.
    assert settings == {
        "key": f'"{environment}/terraform.tfstate"',
        "region": '"us-east-1"',
        "encrypt": "true",
        "use_lockfile": "true",
    }


@pytest.mark.parametrize(
    "left_behind",
    [
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "terraform.tfstate.1764113051.backup",
        ".terraform.tfstate.lock.info",
        "errored.tfstate",
        "dev.tfplan",
        "crash.log",
        ".terraform/terraform.tfstate",
    ],
)
def test_files_left_by_terraform_are_not_committed(left_behind: str, tmp_path: Path) -> None:
    """States and plans may contain secrets."""
    shutil.copy(REPOSITORY / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    file = f"terraform/environments/dev/{left_behind}"
    assert subprocess.run(["git", "-C", str(tmp_path), "check-ignore", "--quiet", file], check=False).returncode == 0
