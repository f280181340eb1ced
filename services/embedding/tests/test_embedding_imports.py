"""Each function imports what it needs and no more; the manifest's entry points exist."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from embedding import handler

MANIFEST = yaml.safe_load((Path(__file__).parents[1] / "service.yaml").read_text(encoding="utf-8"))
HEAVY = {"voyageai", "langchain_core", "langchain_voyageai", "numpy", "tokenizers", "aws_xray_sdk", "anthropic"}


@pytest.mark.parametrize("function", MANIFEST["functions"].values(), ids=MANIFEST["functions"])
def test_entry_points_exist(function: dict[str, str]) -> None:
    module, name = function["handler"].rsplit(".", 1)
    assert module == handler.__name__
    assert callable(getattr(handler, name))


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ("on_events", {"voyageai", "langchain_core", "langchain_voyageai", "numpy", "tokenizers"}),
        ("on_rebuilds", {"voyageai", "langchain_core", "langchain_voyageai", "numpy", "tokenizers"}),
        ("http", set()),
        ("relay", set()),
    ],
)
def test_heavy_imports(entry: str, allowed: set[str]) -> None:
    code = f"import embedding.handler as h, sys; h.{entry}; print(*sys.modules)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    listed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120, env=environment
    ).stdout.split()
    assert HEAVY & set(listed) - allowed == set()
    assert ("voyageai" in listed) == ("voyageai" in allowed), "the SDK belongs into the initialisation"
