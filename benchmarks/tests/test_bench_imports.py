"""Imports in fresh interpreters: what is recorded, and what is forbidden."""

import os
from pathlib import Path

import pytest

from benchmarks.fresh import ImportFailedError, import_handler, run_statements

ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath)}


def write(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def test_statements_of_our_code_that_name_foreign_packages_are_seen_in_order(tmp_path: Path) -> None:
    # `search` is one of our packages, `foreign` and `other` are not; what those import themselves is not ours.
    write(
        tmp_path,
        foreign="import other\nvalue = 1",
        other="",
        late="",
        search="import json\nfrom foreign import value\ndef entry():\n    import late",
    )
    seen = import_handler("search.entry", ENVIRONMENT, packages=[tmp_path])
    assert seen.statements == ("from foreign import value",)
    assert seen.loaded(["foreign", "other", "late"]) == {"foreign", "other"}
    assert seen.cpu_s > 0


def test_a_connection_during_import_is_detected(tmp_path: Path) -> None:
    write(tmp_path, search="import socket\nsocket.create_connection(('127.0.0.1', 9))\nentry = 1")
    with pytest.raises(ImportFailedError, match="must not reach the network"):
        import_handler("search.entry", ENVIRONMENT, packages=[tmp_path])


def test_only_the_given_packages_can_be_imported(tmp_path: Path) -> None:
    write(tmp_path, search="import pydantic\nentry = 1")
    with pytest.raises(ImportFailedError, match="No module named 'pydantic'"):
        import_handler("search.entry", ENVIRONMENT, packages=[tmp_path])
    assert "pydantic" in run_statements(["import pydantic"], ENVIRONMENT).modules


def test_a_missing_handler_is_reported(tmp_path: Path) -> None:
    write(tmp_path, search="entry = 1")
    with pytest.raises(ImportFailedError, match="no attribute 'entrance'"):
        import_handler("search.entrance", ENVIRONMENT, packages=[tmp_path])
