"""Linters for infrastructure report nothing, except findings with a reason in the code."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from policy_checks.errors import LinterUnusableError
from policy_checks.linting import Linted, Remark, install_checkov, lint
from policy_checks.terraform import copy_configuration
from workspace import REPOSITORY

REQUIREMENTS = Path(__file__).parent / "checkov" / "requirements.txt"
# A shorter reason explains nothing.
_A_REASON = 25
_PLANTED = "planted"
_PUBLIC_BUCKET = """
resource "aws_s3_bucket" "open" {
  bucket = "open"
}

resource "aws_s3_bucket_acl" "open" {
  bucket = aws_s3_bucket.open.id
  acl    = "public-read"
}
"""


# Half a minute of work; a job of its own does it on every push.
by_checkov = pytest.mark.scheduled


@pytest.fixture(scope="module")
def linted(tmp_path_factory: pytest.TempPathFactory) -> Linted:
    """The whole configuration, linted once."""
    try:
        program = install_checkov(REQUIREMENTS, REPOSITORY / ".tools")
    except LinterUnusableError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(f"NOT CHECKED BY CHECKOV: {error}")
    folder = tmp_path_factory.mktemp("linted") / "repository"
    copy_configuration(REPOSITORY, folder)
    (folder / _PLANTED).mkdir()
    (folder / _PLANTED / "main.tf").write_text(_PUBLIC_BUCKET, encoding="utf-8")
    return lint(program, folder)


@by_checkov
def test_checkov_finds_nothing(linted: Linted) -> None:
    assert [str(remark) for remark in linted.failed if not _is_planted(remark)] == []
    assert linted.unread == ()
    assert linted.passed > 200, "too few checks ran"


@by_checkov
def test_every_exception_has_a_reason(linted: Linted) -> None:
    assert [str(remark) for remark in linted.excused if len(remark.reason) < _A_REASON] == []
    assert linted.excused, "exceptions are no longer recognised"


@by_checkov
def test_a_public_bucket_is_found(linted: Linted) -> None:
    """Otherwise a clean report proves nothing."""
    assert "CKV_AWS_20" in {remark.check for remark in linted.failed if _is_planted(remark)}


def test_tflint_finds_nothing(copy: Path) -> None:
    tflint = shutil.which("tflint")
    if tflint is None:
        pytest.skip("NOT LINTED: tflint is missing; see https://github.com/terraform-linters/tflint")
    run = subprocess.run([tflint, "--recursive", "--no-color"], cwd=copy, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def _is_planted(remark: Remark) -> bool:
    return remark.place.startswith(f"{_PLANTED}/")
