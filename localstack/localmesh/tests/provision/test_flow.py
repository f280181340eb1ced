"""The provisioned mesh works: events, schedules' targets, routes, dead letters, with IAM enforced."""

import json
import uuid
from typing import Any

import httpx
import psycopg
import pytest

from testkit import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

PASSWORD = "Correct-horse-1"


def unique() -> str:
    return uuid.uuid4().hex


def test_an_event_reaches_every_consumer(world: Any) -> None:
    event = unique()
    world.put(id=event)
    eventually(lambda: all(world.saw(who, event) for who in ("alpha", "beta", "gamma")))


def test_a_replayed_event_reaches_only_the_consumer_it_names(world: Any) -> None:
    replayed, marker = unique(), unique()
    world.put(id=replayed, replayfor="beta")
    world.put(id=marker)
    eventually(lambda: world.saw("beta", replayed))
    eventually(lambda: all(world.saw(who, marker) for who in ("alpha", "gamma")))
    assert not world.saw("alpha", replayed)
    assert not world.saw("gamma", replayed)


def test_a_poison_message_ends_in_the_dead_letter_queue_alone(world: Any) -> None:
    poison, healthy = unique(), unique()
    world.put(id=poison, poison=True)
    world.put(id=healthy)
    sqs, url = world.client("sqs"), world.result.functions["alpha.events"].dead_letter_queue_url
    found: list[str] = []

    def dead() -> bool:
        for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
            found.append(json.loads(message["Body"])["detail"]["id"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bool(found)

    eventually(dead)
    eventually(lambda: world.saw("alpha", healthy))
    assert found == [poison]


def test_an_object_in_the_landing_zone_reaches_its_function(world: Any) -> None:
    s3, bucket = world.client("s3"), world.result.images_bucket
    key, other = f"t/uploads/{unique()}", f"t/images/{unique()}"
    s3.put_object(Bucket=bucket, Key=other, Body=b"x")
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    eventually(lambda: world.saw("uploads", key))
    assert not world.saw("uploads", other)


def test_a_scheduled_function_is_the_target_of_a_rule_with_constant_input(world: Any) -> None:
    events, name = world.client("events"), "collections-local-alpha-probe"
    assert events.describe_rule(Name=name)["ScheduleExpression"] == "rate(1 day)"
    (target,) = events.list_targets_by_rule(Rule=name)["Targets"]
    assert target["Arn"].endswith(f":function:{name}")
    assert json.loads(target["Input"]) == {"source": "collections.schedule", "service": "alpha", "function": "probe"}
    assert target["DeadLetterConfig"]["Arn"].endswith("-schedules-dlq")


def test_routes_know_the_caller(world: Any) -> None:
    api, cognito = world.result.api_url, world.client("cognito-idp")
    client_id, email = world.result.client_id, f"{unique()}@example.org"
    cognito.sign_up(ClientId=client_id, Username=email, Password=PASSWORD)
    cognito.admin_confirm_sign_up(UserPoolId=world.result.user_pool_id, Username=email)
    tokens = cognito.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    sub = cognito.get_user(AccessToken=tokens["AccessToken"])["UserAttributes"]
    (expected,) = [item["Value"] for item in sub if item["Name"] == "sub"]
    with httpx.Client(base_url=api, trust_env=False, timeout=30) as client:
        signed_in = client.get("/mine", headers={"Authorization": f"Bearer {tokens['AccessToken']}"})
        assert (signed_in.status_code, signed_in.json()) == (200, {"sub": expected})
        assert client.get("/mine").status_code == 401
        forged = tokens["AccessToken"][:-8] + "AAAAAAAA"
        assert client.get("/mine", headers={"Authorization": f"Bearer {forged}"}).status_code == 401
        assert client.get("/open").json() == {"sub": None}
        assert client.get("/nowhere").status_code == 404


def test_what_is_declared_is_allowed(world: Any) -> None:
    bucket, key = world.result.images_bucket, f"t/images/{unique()}"
    entry = {"EventBusName": world.result.event_bus, "Source": "collections.alpha"}
    entry |= {"DetailType": "other", "Detail": "{}"}
    parameter = "/collections/local/voyage-api-key"
    assert (
        world.probe(
            "probe",
            ("s3", "put_object", {"Bucket": bucket, "Key": key, "Body": "x"}),
            ("s3", "get_object", {"Bucket": bucket, "Key": key}),
            ("s3", "delete_object", {"Bucket": bucket, "Key": f"t/uploads/{unique()}"}),
            ("events", "put_events", {"Entries": [entry]}),
            (
                "dynamodb",
                "get_item",
                {"TableName": "collections-local-seen", "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}}},
            ),
            (
                "dynamodb",
                "query",
                {
                    "TableName": "collections-local-seen",
                    "IndexName": "by_who",
                    "KeyConditionExpression": "who = :w",
                    "ExpressionAttributeValues": {":w": {"S": "alpha"}},
                },
            ),
            ("ssm", "get_parameter", {"Name": parameter, "WithDecryption": True}),
            ("ssm", "get_parameter", {"Name": "/collections/local/database/alpha", "WithDecryption": True}),
        )
        == ["ok"] * 8
    )


def test_what_is_not_declared_is_denied(world: Any) -> None:
    bucket, queue = world.result.images_bucket, world.result.functions["alpha.events"].queue_url
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    entry = {"Source": "collections.alpha", "DetailType": "other", "Detail": "{}"}
    own = {"EventBusName": world.result.event_bus}
    outcomes = world.probe(
        "probe",
        ("s3", "list_objects_v2", {"Bucket": bucket}),
        ("s3", "get_object", {"Bucket": bucket, "Key": "t/uploads/x"}),
        ("s3", "put_object", {"Bucket": bucket, "Key": "t/uploads/x", "Body": "x"}),
        ("s3", "delete_object", {"Bucket": bucket, "Key": "t/images/x"}),
        ("events", "put_events", {"Entries": [entry]}),  # the default bus
        ("events", "put_events", {"Entries": [entry | own | {"Source": "collections.beta"}]}),
        ("dynamodb", "put_item", {"TableName": "collections-local-seen", "Item": key}),
        ("dynamodb", "scan", {"TableName": "collections-local-seen"}),
        ("dynamodb", "get_item", {"TableName": "collections-local-seen-by-beta", "Key": {"pk": {"S": "a"}}}),
        ("ssm", "get_parameter", {"Name": "/collections/local/database/beta"}),
        ("ssm", "get_parameters_by_path", {"Path": "/collections/local"}),
        ("sqs", "receive_message", {"QueueUrl": queue}),
    ) + world.probe(
        "unprivileged",
        ("events", "put_events", {"Entries": [entry | own]}),
        ("ssm", "get_parameter", {"Name": "/collections/local/voyage-api-key"}),
    )
    assert [code for code in outcomes if not code.startswith("AccessDenied")] == []
    assert len(outcomes) == 14


def test_schemas_are_migrated_and_separate(world: Any) -> None:
    passwords = json.loads((world.settings.state_dir / "database-passwords.json").read_text())
    assert (world.settings.state_dir / "database-passwords.json").stat().st_mode & 0o777 == 0o600
    assert set(passwords) == {"alpha", "beta"}
    with psycopg.connect(world.settings.postgres_dsn("workspace", "alpha", passwords["alpha"])) as connection:
        rows = connection.execute("SELECT name FROM schema_migrations ORDER BY name").fetchall()
        assert rows == [("alpha/0001_things.sql",), ("chassis/0001_base.sql",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM beta.base")
