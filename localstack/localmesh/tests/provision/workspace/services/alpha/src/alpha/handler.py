"""Entry points that record events in a table, or make AWS calls and return the results."""

import json
import os
from typing import Any

import boto3
from botocore.exceptions import ClientError


def on_events(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Record each event; one that contains `poison` fails and becomes visible again at once."""
    failures = []
    for record in event["Records"]:
        detail = json.loads(record["body"])["detail"]
        if detail.get("poison"):
            boto3.client("sqs").change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"], ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
            )
            failures.append({"itemIdentifier": record["messageId"]})
            continue
        note(detail["id"], "alpha")
    return {"batchItemFailures": failures}


def on_uploads(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Record the key of each uploaded object."""
    for record in event["Records"]:
        note(json.loads(record["body"])["detail"]["object"]["key"], "uploads")
    return {"batchItemFailures": []}


def http(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the caller."""
    claims = event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims", {})
    return {"statusCode": 200, "body": json.dumps({"sub": claims.get("sub")})}


def probe(event: dict[str, Any], context: object) -> list[str]:
    """Make the calls that the event lists; return `ok` or the error code of each."""
    outcomes = []
    for service, operation, arguments in event["calls"]:
        try:
            getattr(boto3.client(service), operation)(**arguments)
            outcomes.append("ok")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])
    return outcomes


def note(what: str, who: str) -> None:
    """Write a row that the tests read."""
    item = {"pk": {"S": what}, "sk": {"S": who}, "who": {"S": who}}
    boto3.client("dynamodb").put_item(TableName=os.environ["TABLE_SEEN"], Item=item)
