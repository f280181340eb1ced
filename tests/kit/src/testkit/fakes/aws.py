"""AWS in memory: as much of each client as the chassis calls, and every call can be made to fail."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from chassis.aws import Aws

_FORM_URL = "https://images.invalid/"


class FakeClient:
    """A client; its operations are methods, as in boto3."""

    def __init__(self) -> None:
        self._faults: dict[str, Exception] = {}

    @contextmanager
    def failing(self, operation: str, code: str = "ServiceUnavailable") -> Iterator[None]:
        """That operation ends with the error code while the block runs; without a code nothing answers."""
        fault = _error(code, operation) if code else EndpointConnectionError(endpoint_url="https://aws.invalid")
        self._faults[operation] = fault
        try:
            yield
        finally:
            del self._faults[operation]

    def _called(self, operation: str) -> None:
        if operation in self._faults:
            raise self._faults[operation]


class FakeEvents(FakeClient):
    """EventBridge. `entries` are on a bus; an entry of which `refuses` is true is not accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[dict[str, Any]] = []
        self.refuses: Callable[[Mapping[str, Any]], bool] = lambda _: False

    def put_events(self, *, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._called("put_events")
        assert 1 <= len(Entries) <= 10
        accepted = [not self.refuses(entry) for entry in Entries]
        self.entries += [entry for entry, taken in zip(Entries, accepted, strict=True) if taken]
        results = [{"EventId": "id"} if taken else {"ErrorCode": "InternalFailure"} for taken in accepted]
        return {"FailedEntryCount": accepted.count(False), "Entries": results}


@dataclass
class FakeObject:
    """An object of the bucket."""

    body: bytes
    media_type: str


class FakeS3(FakeClient):
    """S3 with the bucket `images`: its `objects` by their keys, and how many older versions each key has."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, FakeObject] = {}
        self.noncurrent: dict[str, int] = {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self._called("get_object", Bucket)
        return {"Body": io.BytesIO(self._find(Key, "NoSuchKey").body)}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self._called("head_object", Bucket)
        return {"ContentLength": len(self._find(Key, "404").body)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfNoneMatch: str = "") -> None:  # noqa: N803
        self._called("put_object", Bucket)
        if IfNoneMatch and Key in self.objects:
            raise _error("PreconditionFailed", "put_object")
        if Key in self.objects:
            self.noncurrent[Key] = self.noncurrent.get(Key, 0) + 1
        self.objects[Key] = FakeObject(Body, ContentType)

    def list_object_versions(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803
        self._called("list_object_versions", Bucket)
        older = [{"Key": key, "VersionId": f"v{i}"} for key, number in self.noncurrent.items() for i in range(number)]
        found = [*({"Key": key, "VersionId": "current"} for key in self.objects), *older]
        return {"Versions": [version for version in found if version["Key"].startswith(Prefix)]}

    def delete_objects(self, *, Bucket: str, Delete: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        self._called("delete_objects", Bucket)
        for entry in Delete["Objects"]:
            if entry["VersionId"] == "current":
                self.objects.pop(entry["Key"], None)
            elif self.noncurrent[entry["Key"]] == 1:
                del self.noncurrent[entry["Key"]]
            else:
                self.noncurrent[entry["Key"]] -= 1
        return {}

    def generate_presigned_url(self, operation: str, *, Params: Mapping[str, str], ExpiresIn: int) -> str:  # noqa: N803
        disposition = f"&disposition={text}" if (text := Params.get("ResponseContentDisposition")) else ""
        return f"{_FORM_URL}{Params['Key']}?operation={operation}&expires={ExpiresIn}{disposition}"

    def generate_presigned_post(
        self,
        bucket: str,
        key: str,
        *,
        Fields: Mapping[str, str],  # noqa: N803
        Conditions: Sequence[Any],  # noqa: N803
        ExpiresIn: int,  # noqa: N803
    ) -> dict[str, Any]:
        policy = {"conditions": list(Conditions), "expires": ExpiresIn}
        return {"url": _FORM_URL, "fields": {**Fields, "key": key, "policy": str(policy)}}

    def _called(self, operation: str, bucket: str = "images") -> None:
        super()._called(operation)
        if bucket != "images":
            raise _error("NoSuchBucket", operation)

    def _find(self, key: str, code: str) -> FakeObject:
        if key not in self.objects:
            raise _error(code, "get_object")
        return self.objects[key]


class FakeSqs(FakeClient):
    """SQS: queues by their URLs, created when first used. `delays` are the seconds for which messages were hidden.

    `max_receives` is what the redrive policy of every queue says.
    """

    def __init__(self) -> None:
        super().__init__()
        self.delays: list[int] = []
        self.max_receives = 3
        self._queues: dict[str, dict[str, dict[str, Any]]] = {}
        self._received: set[str] = set()
        self._ids = count(1)

    def send_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        MessageBody: str,  # noqa: N803
        MessageAttributes: Mapping[str, Any] | None = None,  # noqa: N803
    ) -> None:
        self._called("send_message")
        name = f"message-{next(self._ids)}"
        message = {"MessageId": name, "ReceiptHandle": name, "Body": MessageBody, "MD5OfBody": ""}
        self._queues.setdefault(QueueUrl, {})[name] = message | {"MessageAttributes": MessageAttributes or {}}

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int, **_: object) -> dict[str, Any]:  # noqa: N803
        queue = self._queues.get(QueueUrl, {})
        visible = [message for name, message in queue.items() if name not in self._received][:MaxNumberOfMessages]
        self._received |= {message["MessageId"] for message in visible}
        return {"Messages": visible}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        self._called("delete_message")
        del self._queues[QueueUrl][ReceiptHandle]

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        self._called("change_message_visibility")
        assert ReceiptHandle in self._queues[QueueUrl]
        self.delays.append(VisibilityTimeout)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._called("change_message_visibility_batch")
        assert 1 <= len(Entries) <= 10
        for entry in Entries:
            assert (entry["ReceiptHandle"] in self._queues[QueueUrl], entry["VisibilityTimeout"]) == (True, 0)
            self._received.discard(entry["ReceiptHandle"])
        return {"Failed": []}

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: Sequence[str]) -> dict[str, Any]:  # noqa: N803
        self._called("get_queue_attributes")
        assert QueueUrl
        queue = self._queues.get(QueueUrl, {})
        received = sum(name in self._received for name in queue)
        attributes = {
            "ApproximateNumberOfMessages": str(len(queue) - received),
            "ApproximateNumberOfMessagesDelayed": "0",
            "ApproximateNumberOfMessagesNotVisible": str(received),
            "RedrivePolicy": json.dumps({"maxReceiveCount": self.max_receives}),
        }
        return {"Attributes": {name: attributes[name] for name in AttributeNames}}


class FakeSsm(FakeClient):
    """Parameter Store: `parameters` by their paths."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: dict[str, str] = {}

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> dict[str, Any]:  # noqa: N803
        self._called("get_parameter")
        if Name not in self.parameters or not WithDecryption:
            raise _error("ParameterNotFound", "get_parameter")
        return {"Parameter": {"Value": self.parameters[Name]}}


class FakeUserPools(FakeClient):
    """Cognito, as far as a person's own token allows. `deleted` are the tokens of deleted accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[str] = []

    def delete_user(self, *, AccessToken: str) -> None:  # noqa: N803
        self._called("delete_user")
        self.deleted.append(AccessToken)


@dataclass(frozen=True)
class FakeAws(Aws):
    """An AWS environment in memory."""

    @cached_property
    def events(self) -> Any:
        return FakeEvents()

    @cached_property
    def s3(self) -> Any:
        return FakeS3()

    @cached_property
    def s3_probe(self) -> Any:
        return self.s3

    @cached_property
    def sqs(self) -> Any:
        return FakeSqs()

    @cached_property
    def ssm(self) -> Any:
        return FakeSsm()

    @cached_property
    def user_pools(self) -> Any:
        return FakeUserPools()

    @cached_property
    def dynamodb(self) -> Any:
        raise NotImplementedError("a fake of the service's own table takes its place")


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "on purpose"}}, operation)
