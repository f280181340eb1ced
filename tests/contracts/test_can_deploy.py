"""May a version go out: decided from records, reported by the command line, read from a real git repository."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mesh.cli import app
from registry.deployment_records import record
from registry.deployment_records.deciding import Answer, decide
from registry.deployment_records.errors import RecordUnusableError, UnknownEnvironmentError
from registry.deployment_records.record import ContractVersion, Deployed, Environment, Release

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FACT = "collections.alpha.thing-added"
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


def schema(required: tuple[str, ...] = ("text",), **more: Any) -> dict[str, Any]:
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "type": "object", "properties": {"text": TEXT, **more}, "required": list(required)}


def published(version: str = "1.0", *, fact: str = FACT, **shape: Any) -> ContractVersion:
    closed = schema(**shape) | {"additionalProperties": False}
    return ContractVersion(event=f"{fact}.v{version[0]}", version=version, schema_=closed)


def consumed(version: str = "1.0", *, fact: str = FACT, **shape: Any) -> ContractVersion:
    return ContractVersion(event=f"{fact}.v{version[0]}", version=version, schema_=schema(**shape))


def alpha(*versions: ContractVersion) -> Release:
    return Release(service="alpha", git_sha="a" * 40, publishes=versions)


def beta(*versions: ContractVersion) -> Release:
    return Release(service="beta", git_sha="b" * 40, understands=versions)


def asked(candidate: Release, *deployed: Release) -> Answer:
    services = {release.service: Deployed(release=release, recorded_at=NOW) for release in deployed}
    return decide(candidate, Environment(environment="production", services=services))


def codes(answer: Answer) -> list[str]:
    return [reason.code for reason in answer.reasons]


def test_the_same_versions_on_both_sides_go_out() -> None:
    answer = asked(alpha(published()), beta(consumed()))
    assert answer.may_go_out
    assert [(pair.producer, pair.consumer) for pair in answer.pairs] == [("alpha", "beta")]


def test_a_new_optional_field_goes_out_before_and_after_its_readers() -> None:
    assert asked(alpha(published("1.1", size=NUMBER)), beta(consumed("1.0"))).may_go_out
    assert asked(beta(consumed("1.1", size=NUMBER)), alpha(published("1.0"))).may_go_out


def test_a_producer_waits_for_readers_that_would_reject_what_it_publishes() -> None:
    answer = asked(alpha(published("1.1", required=())), beta(consumed("1.0")))
    assert not answer.may_go_out
    (reason,) = answer.reasons
    assert (reason.code, reason.witness) == ("required-property-added", {})
    for word in ("alpha", "beta", FACT, "v1 (1.0)", "v1 (1.1)"):
        assert word in str(reason)


def test_a_reader_waits_for_producers_that_do_not_publish_what_it_needs() -> None:
    answer = asked(beta(consumed("1.1", required=("text", "size"), size=NUMBER)), alpha(published("1.0")))
    assert codes(answer) == ["required-property-added"]
    assert (answer.reasons[0].pair.producer, answer.reasons[0].pair.consumer) == ("alpha", "beta")


def test_a_new_major_waits_for_subscriptions_to_it() -> None:
    answer = asked(alpha(published("2.0", other=TEXT)), beta(consumed("1.0")))
    assert codes(answer) == ["major-not-understood"]
    assert f"beta has no subscription to {FACT}.v2" in str(answer.reasons[0])
    assert asked(alpha(published("2.0", other=TEXT)), beta(consumed("1.0"), consumed("2.0", other=TEXT))).may_go_out


def test_a_reader_keeps_the_majors_that_are_still_published() -> None:
    assert codes(asked(beta(consumed("2.0")), alpha(published("1.0")))) == ["major-not-understood"]
    assert asked(beta(consumed("1.0"), consumed("2.0")), alpha(published("1.0"))).may_go_out


def test_a_release_consumes_from_itself_and_not_from_the_release_it_replaces() -> None:
    old = Release(service="alpha", git_sha="0" * 40, publishes=(published("1.0"),), understands=(consumed("1.0"),))
    new = Release(service="alpha", git_sha="1" * 40, publishes=(published("2.0"),), understands=(consumed("2.0"),))
    assert asked(new, old).may_go_out
    torn = Release(service="alpha", git_sha="2" * 40, publishes=(published("2.0"),), understands=(consumed("1.0"),))
    assert codes(asked(torn, old)) == ["major-not-understood"]


def test_who_does_not_consume_the_fact_is_not_compared() -> None:
    answer = asked(alpha(published("2.0")), beta(consumed(fact="collections.gamma.thing-made")))
    assert answer.may_go_out
    assert answer.pairs == ()


def test_a_fact_without_a_producer_is_noted_and_stops_nothing() -> None:
    answer = asked(alpha(), beta(consumed()))
    assert answer.may_go_out
    assert answer.notes == (f"beta consumes {FACT}, which no service there publishes",)


def test_what_cannot_be_decided_is_a_no() -> None:
    remote = ContractVersion(event=f"{FACT}.v1", version="1.0", schema_={"$ref": "https://example.com/elsewhere.json"})
    assert codes(asked(alpha(published()), beta(remote))) == ["unusable-schema:remote-reference"]


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    record.note(tmp_path, "production", alpha(published()), at=NOW)
    written = record.note(tmp_path, "production", beta(consumed()), at=NOW)
    assert record.read(tmp_path, "production") == written
    assert list(written.services) == ["alpha", "beta"]
    assert written.services["alpha"].release == alpha(published())


def test_a_release_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    record.note(tmp_path, "production", alpha(published("1.0")), at=NOW)
    after = record.note(tmp_path, "production", alpha(published("2.0")), at=NOW)
    assert [str(version) for version in after.services["alpha"].release.publishes] == [f"{FACT}.v2 2.0"]


def test_concurrent_deployments_keep_each_other(tmp_path: Path) -> None:
    names = ["alpha", "beta", "gamma", "delta"]

    def note(service: str) -> None:
        for _ in range(10):
            record.note(tmp_path, "production", Release(service=service, git_sha="c" * 40), at=NOW)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(note, names))
    assert set(record.read(tmp_path, "production").services) == set(names)


def test_an_environment_without_record_is_unknown(tmp_path: Path) -> None:
    record.note(tmp_path, "staging", alpha(), at=NOW)
    with pytest.raises(UnknownEnvironmentError, match=r"nothing is recorded for 'production'.*known: staging"):
        record.read(tmp_path, "production")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON"),
        ('{"format": 2, "environment": "production"}', "format"),
        ('{"format": 1, "environment": "production", "extra": 1}', "extra"),
        ('{"format": 1, "environment": "staging"}', "is the record of 'staging'"),
    ],
    ids=["cut off", "another format", "unknown key", "another environment"],
)
def test_a_record_that_is_not_ours_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "production.json").write_text(text)
    with pytest.raises(RecordUnusableError, match=message):
        record.read(tmp_path, "production")


class Repository:
    """A git repository with two services and their contracts, and the command line in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._git("init", "--quiet")
        self.publish("1.0")
        self.declare("alpha", publishes=["v1"])
        self.declare("beta", consumes=["v1"])

    def publish(self, version: str, **shape: Any) -> None:
        folder = self.root / "contracts" / "schemas" / f"{FACT}.v{version[0]}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{version}.json").write_text(json.dumps(schema(**shape)))
        closed = schema(**shape) | {"additionalProperties": False}
        (folder / f"{version}.producer.json").write_text(json.dumps(closed))

    def declare(self, service: str, *, publishes: list[str] | None = None, consumes: list[str] | None = None) -> None:
        manifest = {
            "service": service,
            "summary": "A service.",
            "publishes": [f"{FACT}.{major}" for major in publishes or []],
            "consumes": [{"event": f"{FACT}.{major}", "function": "events"} for major in consumes or []],
            "functions": {"events": {"handler": f"{service}.handler.on_events", "queue": {}}},
        }
        folder = self.root / "services" / service
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "service.yaml").write_text(json.dumps(manifest))

    def commit(self) -> str:
        self._git("add", ".")
        self._git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "A commit")
        return self._git("rev-parse", "HEAD").strip()

    def run(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["contracts", *arguments, "--root", str(self.root)])
        return result.exit_code, result.output

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def deployed(repository: Repository) -> Repository:
    """Both services are deployed at the first commit."""
    repository.commit()
    for service in ("alpha", "beta"):
        code, output = repository.run("record-deployment", service, "--env", "production")
        assert code == 0, output
    return repository


def test_the_first_deployment_of_all_must_be_declared_as_one(repository: Repository) -> None:
    repository.commit()
    code, output = repository.run("can-deploy", "alpha", "--env", "production")
    assert code == 2
    assert "nothing is recorded for 'production'" in output
    assert repository.run("can-deploy", "alpha", "--env", "production", "--first")[0] == 0


def test_consumer_first_then_producer(deployed: Repository) -> None:
    deployed.publish("2.0", required=("text", "size"), size=NUMBER)
    deployed.declare("alpha", publishes=["v2"])
    deployed.declare("beta", consumes=["v1", "v2"])
    commit = deployed.commit()

    code, output = deployed.run("can-deploy", "alpha", "--env", "production", "--git-sha", commit)
    assert code == 1
    assert f"beta reads v1 (1.0) of {FACT}, alpha publishes v2 (2.0)" in output
    assert "alpha at " + commit[:12] + " may not be deployed to production" in output

    assert deployed.run("can-deploy", "beta", "--env", "production")[0] == 0
    assert deployed.run("record-deployment", "beta", "--env", "production", "--git-sha", commit)[0] == 0
    code, output = deployed.run("can-deploy", "alpha", "--env", "production")
    assert (code, output.splitlines()[-1].split(":")[1]) == (
        0,
        " 1 pairs of producer and consumer compared, 1 other services there",
    )


def test_a_break_inside_a_major_is_found_with_a_document(deployed: Repository) -> None:
    deployed.publish("1.1", required=())
    code, output = deployed.run("can-deploy", "alpha", "--env", "production", "--json")
    assert code == 1
    answer = json.loads(output)
    assert answer["may_go_out"] is False
    assert answer["git_sha"].endswith("-dirty")
    (reason,) = answer["reasons"]
    assert (reason["code"], reason["witness"]) == ("required-property-added", {})
    assert reason["pair"] == {
        "event": FACT,
        "published": "v1 (1.1)",
        "producer": "alpha",
        "consumer": "beta",
        "understood": ["v1 (1.0)"],
    }


def test_what_is_recorded_is_the_commit_and_not_the_working_tree(deployed: Repository) -> None:
    deployed.publish("1.1", size=NUMBER)
    code, output = deployed.run("record-deployment", "alpha", "--env", "production", "--json")
    assert code == 0
    assert json.loads(output)["publishes"] == [{"event": f"{FACT}.v1", "version": "1.0"}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("can-deploy", "gamma", "--env", "production"), "no services/*/service.yaml is of 'gamma'"),
        (("can-deploy", "alpha", "--env", "Production"), "is not a valid environment name"),
        (("can-deploy", "alpha", "--env", "production", "--git-sha", "nonsense"), "no revision 'nonsense'"),
        (("record-deployment", "../alpha", "--env", "production"), "no services/*/service.yaml is of '../alpha'"),
    ],
)
def test_unusable_questions_end_with_2(deployed: Repository, arguments: tuple[str, ...], message: str) -> None:
    code, output = deployed.run(*arguments)
    assert code == 2
    assert message in output.replace("\n", " ").replace("│", "")


def test_a_contract_that_the_registry_does_not_hold_ends_with_2(deployed: Repository) -> None:
    deployed.declare("alpha", publishes=["v3"])
    code, output = deployed.run("can-deploy", "alpha", "--env", "production")
    assert code == 2
    assert f"alpha names {FACT}.v3, but no version of it is published" in output


def test_records_may_lie_elsewhere(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> None:
    repository.commit()
    elsewhere = str(tmp_path_factory.mktemp("records"))
    where = ("--env", "staging", "--deployments", elsewhere)
    assert repository.run("record-deployment", "alpha", *where)[0] == 0
    assert (Path(elsewhere) / "staging.json").exists()
    assert repository.run("can-deploy", "beta", *where)[0] == 0
