"""A better prompt, tried on a sample beside the live descriptions, promoted, and rolled back: by the command itself."""

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

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.scheduled]

BRIEF, BETTER = "collections-app-brief@1", "claude-opus-5-5"


@pytest.fixture
def reprocess(mesh: RunningMesh, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """`mesh reprocess analysis`, on the running mesh; its JSON."""
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: local_environment(mesh.settings))

    def run(*arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, ["reprocess", "analysis", *arguments, "--yes", "--json"])
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    return run


def headlines(api: Api) -> dict[str, str]:
    """What each item of the user says, as the API shows it."""
    return {str(item["id"]): _newest(api, str(item["id"]))["raw_response"]["headline"] for item in api.items()}


def _newest(api: Api, item: str) -> dict[str, Any]:
    return dict(api.json("GET", f"/items/{item}/analyses")[0])


def test_a_sample_is_looked_at_promoted_and_rolled_back(
    mesh: RunningMesh,
    alice: Api,
    picture: Callable[..., Path],
    tmp_path: Path,
    reprocess: Callable[..., dict[str, Any]],
) -> None:
    # Canned descriptions are live; the models of the emulator make the candidates, so that there is something to see.
    mesh.providers.mode("instant")
    items = [str(alice.upload(picture(f"Receipt\nTotal {number} EUR\nVAT 2"))["id"]) for number in range(4)]
    alice.follow(items)
    eventually(mesh.is_idle, timeout_s=60)
    mesh.providers.mode("models")
    before = headlines(alice)
    [row] = mesh.rows("SELECT DISTINCT tenant_id FROM analysis.pictures WHERE item_id = %s", items[0])
    tenant = str(row["tenant_id"])
    queries = tmp_path / "queries.json"
    queries.write_text(json.dumps([{"query": "receipt total", "relevant": items}]))
    plan = ("--prompt", BRIEF, "--model", BETTER, "--tenant", tenant, "--seed", "3", "--budget", "5")

    told = reprocess("--sample", "2", *plan, "--dry-run")
    assert (told["sample"], told["pictures"], told["prompt"]) == (2, 4, BRIEF)
    sampled = reprocess("--sample", "2", *plan, "--queries", str(queries))
    run = sampled["run"]
    assert (sampled["figures"]["paid"], sampled["order"]["missing"], sampled["rest"]["paid"]) == (2, 0, 2)
    assert 0 < sampled["figures"]["cost_usd"] == pytest.approx(sampled["order"]["spending"]["spent_usd"])
    assert sampled["figures"]["p95_ms"] >= sampled["figures"]["p50_ms"] > 0
    headline = next(each for each in sampled["fields"] if each["field"] == "headline")
    assert (headline["changed"], headline["compared"]) == (2, 2)
    assert {example["old"] for example in headline["examples"]} <= set(before.values())
    assert sampled["search"]["queries"] == 1
    assert sampled["search"]["candidate"]["ndcg@10"] > 0
    eventually(mesh.is_idle, timeout_s=60)
    assert headlines(alice) == before, "nothing that is live has changed"
    indexed = "SELECT max(analysis_version) AS newest FROM search.documents WHERE tenant_id = %s"
    assert mesh.rows(indexed, tenant)[0]["newest"] == 1
    calls = len(mesh.providers.requests("anthropic"))

    promoted = reprocess("--promote", run, "--budget", "5")
    assert promoted["first"]["spending"]["reused"] == 2
    assert promoted["then"]["spending"]["made"] == 2
    assert promoted["left"] == {"pictures": 4, "others": 0, "paid": 0}
    assert len(mesh.providers.requests("anthropic")) == calls + 2, "the sample was paid for before"
    eventually(lambda: mesh.rows(_VERSIONS, tenant) == [{"version": 2, "items": 4}], timeout_s=60)
    eventually(mesh.is_idle, timeout_s=60)
    assert {_newest(alice, item)["model_used"] for item in items} == {BETTER}
    assert not set(headlines(alice).values()) & set(before.values())
    embedded = len(mesh.providers.requests("voyage"))

    returned = reprocess("--rollback", run)
    assert (returned["order"]["spending"]["reused"], returned["order"]["spending"]["spent_usd"]) == (4, 0)
    eventually(lambda: mesh.rows(_VERSIONS, tenant) == [{"version": 3, "items": 4}], timeout_s=60)
    eventually(mesh.is_idle, timeout_s=60)
    assert headlines(alice) == before
    assert len(mesh.providers.requests("anthropic")) == calls + 2
    assert len(mesh.providers.requests("voyage")) == embedded, "the vectors of the earlier texts are known"
    vectors = "SELECT DISTINCT analysis_version AS version FROM search.vectors WHERE tenant_id = %s"
    assert mesh.rows(vectors, tenant) == [{"version": 3}]
    assert mesh.dead_letters() == {}

    chosen = reprocess("--item", items[0], "--version", "2")
    assert chosen["order"]["spending"]["reused"] == 1
    eventually(lambda: headlines(alice)[items[0]] not in before.values(), timeout_s=30)


_VERSIONS = """
SELECT analysis_version AS version, count(*) AS items FROM search.documents WHERE tenant_id = %s
GROUP BY analysis_version ORDER BY analysis_version
"""
