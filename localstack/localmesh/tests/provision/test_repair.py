"""Provisioning again: nothing to do, drift to repair, something to remove."""

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from localmesh.provision import ImmutableError
from testkit import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

CONSUMER = "collections-local-alpha-events"


def unique() -> str:
    return uuid.uuid4().hex


def test_a_second_run_changes_nothing_and_is_quick(world: Any) -> None:
    before, seconds = world.result, []
    for _ in range(3):
        assert world.provision() == []
        seconds.append(world.result.seconds)
    assert min(seconds) < 3, "best of three tries: other processes may be busy"
    assert world.result.user_pool_id == before.user_pool_id
    assert world.result.client_id == before.client_id


def delete_rule(world: Any) -> None:
    events, bus = world.client("events"), world.result.event_bus
    events.remove_targets(Rule=CONSUMER, EventBusName=bus, Ids=["function"])
    events.delete_rule(Name=CONSUMER, EventBusName=bus)


def narrow_rule(world: Any) -> None:
    world.client("events").put_rule(
        Name=CONSUMER, EventBusName=world.result.event_bus, EventPattern='{"source": ["none"]}'
    )


def disable_rule(world: Any) -> None:
    world.client("events").disable_rule(Name=CONSUMER, EventBusName=world.result.event_bus)


def delete_queue(world: Any) -> None:
    world.client("sqs").delete_queue(QueueUrl=world.result.functions["alpha.events"].queue_url)


def remove_redrive(world: Any) -> None:
    world.client("sqs").set_queue_attributes(
        QueueUrl=world.result.functions["alpha.events"].queue_url, Attributes={"RedrivePolicy": ""}
    )


def live_mapping(client: Any) -> Any:
    """The one of its two mappings that live events come by."""
    found = client.list_event_source_mappings(FunctionName=CONSUMER)["EventSourceMappings"]
    (mapping,) = [each for each in found if each["EventSourceArn"].endswith(CONSUMER)]
    return mapping


def delete_mapping(world: Any) -> None:
    client = world.client("lambda")
    mapping = live_mapping(client)
    client.delete_event_source_mapping(UUID=mapping["UUID"])


def disable_mapping(world: Any) -> None:
    client = world.client("lambda")
    mapping = live_mapping(client)
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def delete_function(world: Any) -> None:
    world.client("lambda").delete_function(FunctionName=CONSUMER)


def change_handler(world: Any) -> None:
    world.client("lambda").update_function_configuration(FunctionName=CONSUMER, Handler="alpha.handler.http")


def delete_policy(world: Any) -> None:
    world.client("iam").delete_role_policy(RoleName=CONSUMER, PolicyName="declared")


def shorten_retention(world: Any) -> None:
    world.client("logs").put_retention_policy(logGroupName=f"/aws/lambda/{CONSUMER}", retentionInDays=1)


Damage = Callable[[Any], None]
DELETED: dict[Damage, set[str]] = {
    delete_mapping: {f"mapping {CONSUMER} created"},
    delete_rule: {f"rule {CONSUMER} created", f"target {CONSUMER} created"},
    delete_queue: {f"queue {CONSUMER} created"},
    delete_function: {f"function {CONSUMER} created"},
    delete_policy: {f"policy {CONSUMER} created"},
}
ALTERED: dict[Damage, set[str]] = {
    disable_mapping: {f"mapping {CONSUMER} updated"},
    narrow_rule: {f"rule {CONSUMER} updated"},
    remove_redrive: {f"queue {CONSUMER} updated"},
    change_handler: {f"function {CONSUMER} updated"},
    shorten_retention: {f"log group /aws/lambda/{CONSUMER} updated"},
}
DISABLED: dict[Damage, set[str]] = {disable_rule: {f"rule {CONSUMER} updated"}}


@pytest.mark.parametrize("damages", [DELETED, ALTERED, DISABLED], ids=["deleted", "altered", "disabled"])
def test_damage_is_repaired(world: Any, damages: dict[Damage, set[str]]) -> None:
    for damage in damages:
        damage(world)
    changes = world.provision()
    assert set(changes) == {change for expected in damages.values() for change in expected}
    assert world.provision() == []
    event = unique()
    world.put(id=event)
    eventually(lambda: world.saw("alpha", event))


EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def attach_a_managed_policy(world: Any) -> None:
    iam = world.client("iam")
    arn = iam.create_policy(PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=CONSUMER, PolicyArn=arn)


def add_a_policy(world: Any) -> None:
    world.client("iam").put_role_policy(RoleName=CONSUMER, PolicyName="more", PolicyDocument=json.dumps(EVERYTHING))


def widen_trust(world: Any) -> None:
    world.client("iam").update_assume_role_policy(RoleName=CONSUMER, PolicyDocument=json.dumps(EVERYTHING))


def add_a_permission(world: Any) -> None:
    world.client("lambda").add_permission(
        FunctionName=CONSUMER,
        StatementId="more",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::elsewhere",
    )


def remove_a_permission(world: Any) -> None:
    world.client("lambda").remove_permission(FunctionName="collections-local-alpha-probe", StatementId="schedule")


def change_the_architecture(world: Any) -> None:
    client, name = world.client("lambda"), "collections-local-beta-events"
    wrong = {"arm64": "x86_64", "x86_64": "arm64"}
    (current,) = client.get_function_configuration(FunctionName=name)["Architectures"]
    location = client.get_function(FunctionName=name)["Code"]["Location"]
    content = httpx.get(location, trust_env=False).content
    client.update_function_code(FunctionName=name, ZipFile=content, Architectures=[wrong[current]])


def redrive_dead_letters(world: Any) -> None:
    functions = world.result.functions
    arn = f"arn:aws:sqs:us-east-1:000000000000:{functions['beta.events'].dead_letter_queue}"
    world.client("sqs").set_queue_attributes(
        QueueUrl=functions["alpha.events"].dead_letter_queue_url,
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})},
    )


def shrink_messages(world: Any) -> None:
    world.client("sqs").set_queue_attributes(
        QueueUrl=world.result.functions["beta.events"].queue_url, Attributes={"MaximumMessageSize": "1024"}
    )


def add_a_schedule_to_a_pattern(world: Any) -> None:
    events = world.client("events")
    pattern = events.describe_rule(Name="collections-local-alpha-uploads")["EventPattern"]
    events.put_rule(Name="collections-local-alpha-uploads", EventPattern=pattern, ScheduleExpression="rate(1 hour)")


def add_a_target(world: Any) -> None:
    target = {"Id": "more", "Arn": "arn:aws:sqs:us-east-1:000000000000:collections-local-schedules-dlq"}
    world.client("events").put_targets(Rule=CONSUMER, EventBusName=world.result.event_bus, Targets=[target])


def shorten_the_archive(world: Any) -> None:
    world.client("events").update_archive(ArchiveName=world.result.archive, RetentionDays=1)


def add_an_authorizer(world: Any) -> None:
    world.client("apigatewayv2").create_authorizer(
        ApiId="collections",
        Name="more",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["x"], "Issuer": "https://x"},
    )


def loosen_the_throttle(world: Any) -> None:
    settings = {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 1.0}
    world.client("apigatewayv2").update_stage(ApiId="collections", StageName="$default", DefaultRouteSettings=settings)


def open_cors(world: Any) -> None:
    world.client("apigatewayv2").update_api(ApiId="collections", CorsConfiguration={"AllowOrigins": ["http://x"]})


def drop_an_index(world: Any) -> None:
    world.client("dynamodb").update_table(
        TableName="collections-local-seen",
        GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_who"}}],
    )


def expire_by_another_attribute(world: Any) -> None:
    client, table = world.client("dynamodb"), "collections-local-seen"
    for enabled, attribute in ((False, "expires_at"), (True, "other")):
        specification = {"Enabled": enabled, "AttributeName": attribute}
        client.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)


def turn_on_expiry(world: Any) -> None:
    world.client("dynamodb").update_time_to_live(
        TableName="collections-local-seen-by-beta", TimeToLiveSpecification={"Enabled": True, "AttributeName": "x"}
    )


def add_an_index(world: Any) -> None:
    index = {
        "IndexName": "more",
        "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    world.client("dynamodb").update_table(
        TableName="collections-local-seen-by-gamma",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "who")],
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )


def weaken_passwords(world: Any) -> None:
    world.client("cognito-idp").update_user_pool(
        UserPoolId=world.result.user_pool_id,
        Policies={"PasswordPolicy": {"MinimumLength": 6}},
        AutoVerifiedAttributes=["email"],
    )


def add_a_client(world: Any) -> None:
    world.client("cognito-idp").create_user_pool_client(UserPoolId=world.result.user_pool_id, ClientName="more")


def suspend_versioning(world: Any) -> None:
    world.client("s3").put_bucket_versioning(
        Bucket=world.result.images_bucket, VersioningConfiguration={"Status": "Suspended"}
    )


def remove_the_lifecycle(world: Any) -> None:
    world.client("s3").delete_bucket_lifecycle(Bucket=world.result.images_bucket)


DRIFTED: dict[Damage, set[str]] = {
    attach_a_managed_policy: {f"policy {CONSUMER}/arn:aws:iam::000000000000:policy/everything removed"},
    add_a_policy: {f"policy {CONSUMER}/more removed"},
    widen_trust: {f"role {CONSUMER} updated"},
    add_a_permission: {f"permission {CONSUMER}/more removed"},
    remove_a_permission: {"permission collections-local-alpha-probe/schedule created"},
    change_the_architecture: {"code collections-local-beta-events updated"},
    redrive_dead_letters: {f"queue {CONSUMER}-dlq updated"},
    shrink_messages: {"queue collections-local-beta-events updated"},
    add_a_schedule_to_a_pattern: {"rule collections-local-alpha-uploads updated"},
    add_a_target: {f"target {CONSUMER} updated"},
    shorten_the_archive: {"archive collections-local updated"},
    add_an_authorizer: {"authorizer more removed"},
    loosen_the_throttle: {"stage $default updated"},
    open_cors: {"api collections-local updated"},
    drop_an_index: {"index collections-local-seen/by_who created"},
    expire_by_another_attribute: {"time to live collections-local-seen updated"},
    turn_on_expiry: {"time to live collections-local-seen-by-beta updated"},
    add_an_index: {"index collections-local-seen-by-gamma/more removed"},
    weaken_passwords: {"user pool collections-local updated"},
    add_a_client: {"user pool client more removed"},
    suspend_versioning: {"bucket versioning collections-local-images-000000000000 updated"},
    remove_the_lifecycle: {"bucket lifecycle collections-local-images-000000000000 updated"},
}


def test_drift_is_reported_and_repaired(world: Any) -> None:
    for damage in DRIFTED:
        damage(world)
    changes = world.provision()
    assert set(changes) == {change for expected in DRIFTED.values() for change in expected}
    assert len(changes) == len(DRIFTED)
    assert world.provision() == []


def test_an_immutable_difference_is_reported(world: Any) -> None:
    client, name = world.client("dynamodb"), "collections-local-seen-by-gamma"
    client.delete_table(TableName=name)
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(ImmutableError, match=name):
        world.provision()
    client.delete_table(TableName=name)
    assert world.provision() == [f"table {name} created"]


def test_an_emptied_emulator_is_provisioned_again(world: Any) -> None:
    httpx.post(f"{world.emulator.url}/_ministack/reset", trust_env=False, timeout=30).raise_for_status()
    assert len(world.provision()) > 50
    assert world.provision() == []
    event = unique()
    world.put(id=event)
    eventually(lambda: all(world.saw(who, event) for who in ("alpha", "beta", "gamma")))


def test_routes_are_repaired(world: Any) -> None:
    api = world.client("apigatewayv2")
    routes = {item["RouteKey"]: item["RouteId"] for item in api.get_routes(ApiId="collections")["Items"]}
    api.delete_route(ApiId="collections", RouteId=routes["GET /mine"])
    api.update_route(ApiId="collections", RouteId=routes["GET /open"], RouteKey="GET /else")
    assert set(world.provision()) == {"route GET /mine created", "route GET /open created", "route GET /else removed"}
    assert world.provision() == []


def test_settings_of_the_bucket_are_repaired(world: Any) -> None:
    s3, bucket = world.client("s3"), world.result.images_bucket
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    s3.delete_bucket_cors(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    assert set(world.provision()) == {
        f"bucket {aspect} {bucket} updated" for aspect in ("notifications", "cors", "public access block")
    }
    assert world.provision() == []


def test_a_parameter_is_repaired(world: Any) -> None:
    ssm, name = world.client("ssm"), "/collections/local/database/alpha"
    good = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="wrong", Type="SecureString", Overwrite=True)
    assert world.provision() == [f"parameter {name} updated"]
    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == good


def test_lost_passwords_are_generated_again(world: Any) -> None:
    file = world.settings.state_dir / "database-passwords.json"
    before = json.loads(file.read_text())
    file.unlink()
    assert set(world.provision()) == {
        f"{kind} {name} {action}"
        for service in ("alpha", "beta")
        for kind, name, action in (
            ("role and schema", service, "created"),
            ("parameter", f"/collections/local/database/{service}", "updated"),
        )
    }
    after = json.loads(file.read_text())
    assert not set(before.values()) & set(after.values())
    with psycopg.connect(world.settings.postgres_dsn("workspace", "alpha", after["alpha"])) as connection:
        assert connection.execute("SELECT count(*) FROM things").fetchone() == (0,)
    assert world.provision() == []


def test_new_code_runs(world: Any) -> None:
    handler: Path = world.root / "services/alpha/src/alpha/handler.py"
    text = handler.read_text()
    handler.write_text(text.replace('outcomes.append("ok")', 'outcomes.append("better")'))
    assert set(world.provision()) == {
        f"code collections-local-alpha-{name} updated"
        for name in ("http", "events", "uploads", "probe", "unprivileged")
    }
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    assert world.probe("probe", ("dynamodb", "get_item", {"TableName": "collections-local-seen", "Key": key})) == [
        "better"
    ]
    handler.write_text(text)
    world.provision()
    assert world.provision() == []


def resources(world: Any) -> set[str]:
    """Kind and name of all resources of functions."""
    found = {f"function {item['FunctionName']}" for item in world.client("lambda").list_functions()["Functions"]}
    found |= {f"mapping {item['EventSourceArn']}" for item in mappings(world)}
    found |= {f"queue {url.rsplit('/', 1)[1]}" for url in world.client("sqs").list_queues().get("QueueUrls", [])}
    found |= {f"role {item['RoleName']}" for item in world.client("iam").list_roles()["Roles"]}
    for bus in (world.result.event_bus, "default"):
        found |= {f"rule {item['Name']}" for item in world.client("events").list_rules(EventBusName=bus)["Rules"]}
    return found


def mappings(world: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return [item for item in found if item["State"] != "Deleting"]


def test_a_removed_service_disappears_and_unrelated_resources_stay(world: Any) -> None:
    unrelated = world.client("sqs").create_queue(QueueName="unrelated")["QueueUrl"]
    before = resources(world)
    gamma = {name for name in before if "gamma" in name}
    # Function and role; a mapping, a rule and a queue each for live and for replayed events; the dead-letter queue.
    assert len(gamma) == 9
    folder = world.root / "services/gamma"
    kept = world.root / "gamma-kept"
    shutil.move(folder, kept)
    changes = world.provision()
    assert all("gamma" in change and change.endswith("removed") for change in changes)
    assert resources(world) == before - gamma
    tables = world.client("dynamodb").list_tables()["TableNames"]
    assert "collections-local-seen-by-gamma" in tables
    shutil.move(kept, folder)
    world.provision()
    assert resources(world) == before
    world.client("sqs").delete_queue(QueueUrl=unrelated)
    event = unique()
    world.put(id=event)
    eventually(lambda: world.saw("gamma", event))
