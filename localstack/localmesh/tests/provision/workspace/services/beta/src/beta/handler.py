"""An entry point that records events in a table."""

import json
import os
from typing import Any

import boto3


def on_events(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Record each event."""
    for record in event["Records"]:
        item = {"pk": {"S": json.loads(record["body"])["detail"]["id"]}}
        boto3.client("dynamodb").put_item(TableName=os.environ["TABLE_SEEN_BY_BETA"], Item=item)
    return {"batchItemFailures": []}
