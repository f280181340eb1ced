"""What the domain loads, each module in an interpreter of its own; for the entry points see tests/imports."""

import json
import os
import subprocess
import sys

import pytest

FORBIDDEN = {
    "anthropic",
    "openai",
    "voyageai",
    "langchain",
    "langchain_core",
    "langgraph",
    "langsmith",
    "tavily",
    "numpy",
}


def loaded_after(statement: str) -> set[str]:
    """Modules in a fresh interpreter after the statement."""
    script = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    environment = {**os.environ, "SERVICE": "imaging", "AWS_DEFAULT_REGION": "us-east-1"}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


@pytest.mark.parametrize("module", ["processing", "isolation", "phash", "formats", "structure", "exif", "colour"])
def test_the_domain_needs_no_cloud(module: str) -> None:
    loaded = loaded_after(f"import imaging.{module}")
    assert not loaded & {"boto3", "botocore", "aws_lambda_powertools", "psycopg", *FORBIDDEN}
    assert {name for name in loaded if name.startswith("chassis")} <= {"chassis", "chassis.media_type"}
