"""The rules of the emulator's corrections, without an emulator."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from localmesh.emulator.corrections import VERSION, check_names, load_corrected
from localmesh.emulator.events import entry_bytes, entry_fault, merge, only_types, source_context
from localmesh.emulator.launch import EmulatorOptions, environment
from localmesh.emulator.workers import CONSUMER_WORKERS, DEFAULT_WORKERS, HTTP_WORKERS, worker_limit
from localmesh.errors import EmulatorVersionError


def test_another_version_is_refused_before_anything_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.6.0")
    with pytest.raises(EmulatorVersionError, match=r"1\.6\.0 is installed"):
        load_corrected(EmulatorOptions(port=1, state_dir=tmp_path, objects_dir=tmp_path, temporary_dir=tmp_path))


def test_a_missing_private_name_is_refused() -> None:
    modules = defaultdict(SimpleNamespace, {"ministack.app": SimpleNamespace(main=1)})
    with pytest.raises(EmulatorVersionError, match=r"ministack\.services\.eventbridge\._put_events"):
        check_names(modules)


def test_the_installed_version_is_the_one_corrected() -> None:
    assert importlib.metadata.version("ministack") == VERSION


def test_entry_faults() -> None:
    good = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    assert entry_fault(good) is None
    assert entry_fault({**good, "Detail": "null"}) == ("MalformedDetail", "Detail is malformed.")


def test_entry_bytes_counts_utf8_and_time() -> None:
    entry = {"Source": "ü", "DetailType": "tt", "Detail": json.dumps({}), "Resources": ["abc"], "Time": 0}
    assert entry_bytes(entry) == 2 + 2 + 2 + 3 + 14


@pytest.mark.parametrize(
    ("pattern", "types"),
    [
        ({"detail-type": ["a", "b"], "detail": {"replayfor": [{"exists": False}]}}, {"a", "b"}),
        ({"detail-type": ["a", {"prefix": "b"}]}, None),
        ({"detail-type": {"of": ["a"]}}, None),
        ({"$or": [{"detail-type": ["a"]}, {"source": ["s"]}]}, None),
        (["detail-type"], None),
    ],
)
def test_a_rule_is_passed_over_only_where_it_names_all_its_types(pattern: object, types: set[str] | None) -> None:
    assert only_types(json.dumps(pattern)) == types
    assert only_types("{") is None


def test_merge_keeps_the_order_of_the_request() -> None:
    results = merge([None, ("Code", "text"), None], [{"EventId": "1"}, {"EventId": "2"}])
    assert results == [{"EventId": "1"}, {"ErrorCode": "Code", "ErrorMessage": "text"}, {"EventId": "2"}]


def test_worker_limit_is_by_kind_of_function() -> None:
    assert worker_limit({"Environment": {"Variables": {"FUNCTION": "http"}}}) == HTTP_WORKERS
    assert worker_limit({"Environment": {"Variables": {"FUNCTION": "events"}}}) == CONSUMER_WORKERS
    assert worker_limit({}) == DEFAULT_WORKERS


@pytest.mark.parametrize(("outward", "passed"), [(True, {"HTTPS_PROXY"}), (False, set())])
def test_the_environment_is_built_from_scratch(tmp_path: Path, outward: bool, passed: set[str]) -> None:
    options = EmulatorOptions(port=1, state_dir=tmp_path, objects_dir=tmp_path, temporary_dir=tmp_path, outward=outward)
    inherited = {"HTTPS_PROXY": "p", "HTTP_PROXY": "p", "AWS_PROFILE": "x", "ANTHROPIC_API_KEY": "k", "PATH": "/bin"}
    built = environment(options, inherited)
    assert set(built) & (set(inherited) - {"PATH"}) == passed
    assert built["AUTH"] == "false"


def test_policies_see_the_source_of_an_event_but_no_mixture() -> None:
    def body(*sources: str) -> bytes:
        return json.dumps({"Entries": [{"Source": source, "DetailType": "t"} for source in sources]}).encode()

    assert source_context(body("a", "a")) == {"events:source": "a", "events:detail-type": "t"}
    assert source_context(body("a", "b"))["events:source"] not in {"a", "b"}
    assert source_context(b"not json") == {}
