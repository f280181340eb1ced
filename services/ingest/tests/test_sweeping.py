"""The sweep on real servers: races with an upload that is being recorded, and what is old enough."""

from typing import Any

import pytest

from ingest import sweeping
from ingest.bootstrap import bootstrap
from ingest.repository import pending as pending_originals
from testkit.faults import losing_connection, waiting

pytestmark = pytest.mark.integration


@pytest.fixture
def other(ingest: Any) -> Any:
    """Another process of the service."""
    service = bootstrap(ingest.service.settings, ingest.service.aws)
    yield service
    service.database.close()


def age(ingest: Any, hours: int) -> None:
    ingest.service.database.connection().execute(
        "UPDATE pending_originals SET put_at = put_at - make_interval(hours => %s)", (hours,)
    )


def test_a_crash_between_the_object_and_its_item_leaves_nothing_for_ever(ingest: Any, tenant: str, png: Any) -> None:
    with losing_connection(ingest.service.database, "INSERT INTO events"):
        assert ingest.upload(tenant, png()).status == 503
    kept = ingest.upload(tenant, png()).body
    assert len(ingest.objects(tenant)) == 2
    assert sweeping.delete_ownerless(ingest.service) == (0, False), "it may be on its way"
    age(ingest, 25)
    assert sweeping.delete_ownerless(ingest.service) == (1, False)
    assert ingest.objects(tenant) == [f"{tenant}/images/{kept['filename']}"]
    assert ingest.rows("SELECT 1 FROM pending_originals") == []


def test_an_upload_that_is_being_recorded_is_not_swept(
    ingest: Any, other: Any, tenant: str, png: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is first with the lock of the item decides; the sweep waits, and finds it struck off."""
    sweeps: list[Any] = []
    record = pending_originals.strike

    def meanwhile(connection: Any, pending: Any) -> Any:
        struck = record(connection, pending)
        sweeps.append(waiting(ingest.deployment.schema.database.dsn, lambda: sweeping.delete_ownerless(other)))
        return struck

    monkeypatch.setattr(pending_originals, "strike", meanwhile)
    monkeypatch.setattr(ingest.service.images, "put", _then(ingest.service.images.put, lambda: age(ingest, 25)))
    item = ingest.upload(tenant, png()).body
    assert sweeps[0].result(10) == (0, False)
    assert ingest.objects(tenant) == [f"{tenant}/images/{item['filename']}"]


def test_an_upload_that_was_swept_meanwhile_is_refused(
    ingest: Any, other: Any, tenant: str, png: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swept() -> None:
        age(ingest, 25)
        assert sweeping.delete_ownerless(other) == (1, False)

    monkeypatch.setattr(ingest.service.images, "put", _then(ingest.service.images.put, swept))
    assert ingest.upload(tenant, png()).status == 503
    assert ingest.objects(tenant) == []
    assert ingest.rows("SELECT 1 FROM events") == []


def test_a_direct_upload_whose_event_never_came_becomes_an_item(ingest: Any, tenant: str, png: Any) -> None:
    request = {"filename": "big.png", "media_type": "image/png", "bytes": 1000}
    sent, unsent = (ingest.post_json("/items/uploads", tenant, request).body["item_id"] for _ in range(2))
    ingest.service.aws.s3.put_object(Bucket=ingest.bucket, Key=f"{tenant}/uploads/{sent}", Body=png())
    assert sweeping.sweep(ingest.service) == {"accepted": 0, "deleted": 0}, "the form still works"
    ingest.service.database.connection().execute("UPDATE uploads SET expires_at = now() - interval '61 minutes'")
    assert sweeping.sweep(ingest.service) == {"accepted": 1, "deleted": 0}
    assert ingest.call("GET", f"/items/{sent}", tenant=tenant).body["status"] == "uploaded"
    assert ingest.call("GET", f"/items/{unsent}", tenant=tenant).status == 404
    rows = ingest.rows("SELECT item_id, swept_at IS NOT NULL AS swept FROM uploads WHERE ended_at IS NULL")
    assert rows == [{"item_id": unsent, "swept": True}]
    assert ingest.arrive(ingest.next_arrival()) == []
    assert len(ingest.rows("SELECT 1 FROM events")) == 1


def _then(put: Any, after: Any) -> Any:
    def stored(*arguments: Any) -> None:
        put(*arguments)
        after()

    return stored
