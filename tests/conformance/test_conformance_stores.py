"""S3 and DynamoDB, as AWS has them."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from testkit.conformance import Aws, name

pytestmark = pytest.mark.integration


def bucket(aws: Aws) -> str:
    created = name("bucket")
    aws.client("s3").create_bucket(Bucket=created)
    return created


@pytest.mark.differs(localstack="the key is URL-encoded; ours are URL-safe")
def test_the_event_of_an_object_has_its_plain_key(aws: Aws) -> None:
    s3, events, store = aws.client("s3"), aws.client("events"), bucket(aws)
    url, arn = aws.queue()
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [store]}}}
    events.put_rule(Name=store, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=store, Targets=[{"Id": "queue", "Arn": arn}])
    s3.put_bucket_notification_configuration(Bucket=store, NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.put_object(Bucket=store, Key="in/a b+ü.txt", Body=b"x")
    (event,) = aws.received(url, 1)
    assert (event["detail-type"], event["detail"]["reason"]) == ("Object Created", "PutObject")
    assert event["detail"]["object"]["key"] == "in/a b+ü.txt"


def test_a_signed_link_that_was_changed_or_is_old_is_refused(aws: Aws) -> None:
    s3, store = aws.client("s3"), bucket(aws)
    s3.put_object(Bucket=store, Key="mine", Body=b"mine")
    s3.put_object(Bucket=store, Key="yours", Body=b"yours")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": store, "Key": "mine"}, ExpiresIn=60)
    brief = s3.generate_presigned_url("get_object", Params={"Bucket": store, "Key": "mine"}, ExpiresIn=1)
    assert httpx.get(link).content == b"mine"
    assert httpx.get(link.replace("/mine?", "/yours?")).status_code == 403
    assert httpx.get(link.replace("X-Amz-Expires=60", "X-Amz-Expires=600")).status_code == 403
    time.sleep(2.1)
    assert httpx.get(brief).status_code == 403


@pytest.mark.scheduled
def test_an_object_is_not_written_over_by_who_wants_it_new(aws: Aws) -> None:
    s3, store = aws.client("s3"), bucket(aws)
    s3.put_object(Bucket=store, Key="key", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=store, Key="key", Body=b"second", IfNoneMatch="*")
    assert s3.get_object(Bucket=store, Key="key", Range="bytes=1-2")["Body"].read() == b"ir"


def test_conditions_and_transactions_hold(aws: Aws) -> None:
    dynamodb, table = aws.client("dynamodb"), name("table")
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    put: dict[str, Any] = {
        "TableName": table,
        "Item": {"id": {"S": "a"}},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    dynamodb.put_item(**put)
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        dynamodb.put_item(**put)
    other = {**put, "Item": {"id": {"S": "b"}}}
    with pytest.raises(ClientError) as failed:
        dynamodb.transact_write_items(TransactItems=[{"Put": other}, {"Put": put}])
    reasons = failed.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert "Item" not in dynamodb.get_item(TableName=table, Key={"id": {"S": "b"}}, ConsistentRead=True)


@pytest.mark.scheduled
def test_a_form_takes_what_it_was_signed_for_and_nothing_else(aws: Aws) -> None:
    s3, store = aws.client("s3"), bucket(aws)
    form = s3.generate_presigned_post(
        Bucket=store, Key="mine", Fields={"Content-Type": "image/png"}, ExpiresIn=60,
        Conditions=[{"Content-Type": "image/png"}, ["content-length-range", 1, 10]],
    )  # fmt: skip

    def sent(content: bytes, **changed: str) -> int:
        fields = form["fields"] | changed
        return httpx.post(form["url"], data=fields, files={"file": content}, timeout=30).status_code

    assert sent(b"x" * 11) == 400
    assert sent(b"x", key="yours") == 403
    assert sent(b"x", **{"Content-Type": "text/html"}) == 403
    assert "Contents" not in s3.list_objects_v2(Bucket=store)
    assert sent(b"x" * 10) in {200, 204}
    found = s3.head_object(Bucket=store, Key="mine")
    assert (found["ContentLength"], found["ContentType"]) == (10, "image/png")


@pytest.mark.scheduled
def test_nothing_is_left_when_all_versions_are_deleted(aws: Aws) -> None:
    s3, store = aws.client("s3"), bucket(aws)
    s3.put_bucket_versioning(Bucket=store, VersioningConfiguration={"Status": "Enabled"})
    for content in (b"1", b"2"):
        s3.put_object(Bucket=store, Key="key", Body=content)
    s3.delete_object(Bucket=store, Key="key")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=store, Key="key")
    found = s3.list_object_versions(Bucket=store)
    versions = [*found["Versions"], *found["DeleteMarkers"]]
    assert len(versions) == 3
    objects: list[Any] = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
    assert "Errors" not in s3.delete_objects(Bucket=store, Delete={"Objects": objects})
    assert not {"Versions", "DeleteMarkers"} & s3.list_object_versions(Bucket=store).keys()


@pytest.mark.scheduled
@pytest.mark.differs(ministack="pages of every origin may")
def test_a_page_may_send_to_a_bucket_that_allows_its_origin(aws: Aws) -> None:
    s3, store = aws.client("s3"), bucket(aws)
    rule: Any = {"AllowedOrigins": ["https://ours.example"], "AllowedMethods": ["POST"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=store, CORSConfiguration={"CORSRules": [rule]})

    def asked(origin: str) -> httpx.Response:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return httpx.options(f"{aws.url}/{store}", headers=headers)

    assert asked("https://ours.example").headers["access-control-allow-origin"] in {"*", "https://ours.example"}
    assert asked("https://theirs.example").status_code == 403


def test_an_index_is_read_in_its_own_order_and_page_by_page(aws: Aws) -> None:
    dynamodb, table = aws.client("dynamodb"), name("table")
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("id", "user", "at")],
        GlobalSecondaryIndexes=[{
            "IndexName": "latest", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        }],
    )  # fmt: skip
    for key, user, at in (("a", "1", "2026-01"), ("b", "1", "2026-03"), ("c", "2", "2026-04"), ("d", "1", "2026-02")):
        dynamodb.put_item(TableName=table, Item={"id": {"S": key}, "user": {"S": user}, "at": {"S": at}})
    dynamodb.put_item(TableName=table, Item={"id": {"S": "without"}, "user": {"S": "1"}})
    query: dict[str, Any] = {
        "TableName": table, "IndexName": "latest", "ScanIndexForward": False,
        "KeyConditionExpression": "#u = :u", "ExpressionAttributeNames": {"#u": "user"},
        "ExpressionAttributeValues": {":u": {"S": "1"}},
    }  # fmt: skip
    first = dynamodb.query(**query, Limit=2)
    assert [item["id"]["S"] for item in first["Items"]] == ["b", "d"]
    rest = dynamodb.query(**query, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [item["id"]["S"] for item in rest["Items"]] == ["a"]
    assert "LastEvaluatedKey" not in rest
    with pytest.raises(ClientError, match="ValidationException"):
        dynamodb.query(**query, ConsistentRead=True)


@pytest.mark.scheduled
def test_items_and_batches_over_the_limits_are_refused(aws: Aws) -> None:
    dynamodb, table = aws.client("dynamodb"), name("table")
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    with pytest.raises(ClientError, match="ValidationException"):
        dynamodb.put_item(TableName=table, Item={"id": {"S": "a"}, "value": {"S": "x" * 400 * 1024}})
    requests: list[Any] = [{"PutRequest": {"Item": {"id": {"S": str(number)}}}} for number in range(26)]
    with pytest.raises(ClientError, match="ValidationException"):
        dynamodb.batch_write_item(RequestItems={table: requests})
    assert dynamodb.batch_write_item(RequestItems={table: requests[:25]})["UnprocessedItems"] == {}
