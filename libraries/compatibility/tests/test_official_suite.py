"""The required tests of JSON-Schema-Test-Suite, which jsonschema's source distribution carries with its licence."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compatibility import Direction, Outcome, Unusable, UnusableSchemaError, read_schema
from compatibility.deciding import decide
from compatibility.questions import Budget

ROOT = Path(__file__).parents[3]
AT_ONCE = Budget(steps=100, seconds=20)
DIALECTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
#: References lead nowhere but into the document, and dialects are the published ones.
NOT_READ = {Unusable.REMOTE_REFERENCE, Unusable.UNKNOWN_DIALECT}


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every case of the required tests, with the dialect of its folder."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
    source = next(package["sdist"] for package in packages if package["name"] == "jsonschema")
    try:
        with urllib.request.urlopen(source["url"], timeout=60) as answer:
            archive = answer.read()
    except urllib.error.URLError as error:
        if "CI" in os.environ:  # where the network is there, silence would hide that nothing was checked
            raise
        pytest.skip(f"the suite cannot be fetched: {error.reason}")
    assert "sha256:" + hashlib.sha256(archive).hexdigest() == source["hash"]
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            *_, tests, draft, name = ("", "", *Path(member.name).parts)
            if tests == "tests" and draft in DIALECTS and name.endswith(".json"):
                content = files.extractfile(member)
                assert content is not None
                for case in json.load(content):
                    yield f"{draft}/{name}: {case['description']}", {"dialect": DIALECTS[draft], **case}


@pytest.mark.scheduled
@pytest.mark.integration
def test_every_schema_is_compatible_with_itself_at_once_and_means_what_the_suite_says() -> None:
    counts: Counter[str] = Counter()
    for name, case in cases():
        schema = case["schema"]
        try:
            read = read_schema({"$schema": case["dialect"], **schema} if isinstance(schema, dict) else schema)
        except UnusableSchemaError as error:
            if error.code not in NOT_READ:
                raise
            counts["not read"] += 1
            continue
        assert decide(read, read, Direction.BACKWARD, "old", AT_ONCE).outcome is Outcome.COMPATIBLE, name
        counts["schemas"] += 1
        if "/format.json" in name:  # annotations there, asserted here
            continue
        for test in case["tests"]:
            assert read.accepts(test["data"]) is test["valid"], (name, test["description"])
            counts["documents"] += 1
    assert counts["schemas"] > 1200
    assert counts["documents"] > 4000
    assert counts["not read"] < 100
