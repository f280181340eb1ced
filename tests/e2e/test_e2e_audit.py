"""An audit of the running mesh finds what was planted in each of the three ways, and no more; replays repair it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mesh.cli import app
from mesh.client import Api
from mesh.environments.opening import local_environment
from testkit import eventually
from testkit.operator import RunningMesh

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

LOST = """
    DELETE FROM search.inbox WHERE event_id = (SELECT event_id FROM analysis.events WHERE stream_id = %s) RETURNING 1
"""
STALE = "UPDATE ingest.items SET status = 'uploaded' WHERE id = %s AND tenant_id = %s RETURNING 1"


@pytest.mark.scheduled
def test_what_differs_is_found_and_repaired_by_replays(
    mesh: RunningMesh, instant: None, alice: Api, picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: local_environment(mesh.settings))
    first, second = items = [str(alice.upload(picture(f"number {number}"))["id"]) for number in range(2)]
    alice.follow(items)
    eventually(mesh.is_idle, timeout_s=60)
    (row,) = mesh.rows("SELECT tenant_id FROM search.documents WHERE item_id = %s", first)
    tenant = row["tenant_id"]
    assert mesh.rows(LOST, first)
    assert mesh.rows(STALE, second, tenant)
    thumbnail = f"{tenant}/thumbnails/{second}.webp"
    mesh.aws("s3").delete_object(Bucket=local_environment(mesh.settings).images_bucket, Key=thumbnail)

    options = ["--tenant", tenant, "--settled", "0s", "--repair", "--yes", "--json"]
    result = CliRunner().invoke(app, ["audit", *options])

    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    assert found(told["before_repair"]) == {
        ("event not delivered", "search", first),
        ("row stale", "ingest.items", second),
        ("object missing", "imaging.thumbnails", second),
    }
    assert told["differences"] == []
    assert mesh.keys(thumbnail) == [thumbnail], "made again by imaging, which pays nobody for it"
    assert (told["subjects"], told["objects"]) == (2, 6)
    assert told["not_compared"] == []


def found(differences: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(each["kind"], each["where"], each["subject"]) for each in differences}
