"""An audit of the running mesh finds what was planted in each of the three ways, and no more; rebuilds repair it."""

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


def audit(tenant: str, *options: str) -> dict[str, Any]:
    """What is found of a tenant, at once."""
    result = CliRunner().invoke(app, ["audit", "--tenant", tenant, "--settled", "0s", "--json", *options])
    assert result.exit_code in {0, 4}, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (4 if document["differences"] else 0)
    return document


def test_what_differs_is_found_and_repaired_by_replays(
    mesh: RunningMesh, instant: None, alice: Api, picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: local_environment(mesh.settings))
    first, second, third = items = [str(alice.upload(picture(f"number {number}"))["id"]) for number in range(3)]
    alice.follow(items)
    eventually(mesh.is_idle, timeout_s=60)
    (row,) = mesh.rows("SELECT tenant_id FROM search.documents WHERE item_id = %s", first)
    tenant = row["tenant_id"]
    whole = audit(tenant)
    assert (whole["differences"], whole["subjects"], whole["objects"]) == ([], 3, 9)
    assert whole["not_compared"] == ["chat.postings", "chat.tenant_stats", "search.postings", "search.tenant_stats"]

    assert mesh.rows(LOST, first)
    assert mesh.rows(STALE, second, tenant)
    s3, bucket = mesh.aws("s3"), local_environment(mesh.settings).images_bucket
    thumbnail = {"Bucket": bucket, "Key": f"{tenant}/thumbnails/{third}.webp"}
    content = s3.get_object(**thumbnail)["Body"].read()
    s3.delete_object(**thumbnail)

    found = {(each["kind"], each["where"], each["subject"]) for each in audit(tenant)["differences"]}
    missing = ("object missing", "imaging.thumbnails", third)
    assert found == {("event not delivered", "search", first), ("row stale", "ingest.items", second), missing}

    (left,) = audit(tenant, "--repair", "--yes")["differences"]
    assert (left["kind"], left["where"], left["subject"]) == missing
    assert left["repair"].startswith(f"mesh replay start imaging --kind reprocess --item {third}")
    s3.put_object(**thumbnail, Body=content)
    assert audit(tenant)["differences"] == []
