"""What the cases of tests/conformance share: one back end, seen through LocalStack's own client library."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from dataclasses import dataclass
from typing import Any

from botocore.config import Config

from localmesh.aws import ROOT_KEY, open_session
from testkit.polling import eventually

ROLE = "arn:aws:iam::000000000000:role/conformance"


@dataclass(frozen=True)
class Aws:
    """One back end, and short ways to what most cases need."""

    backend: str
    url: str

    def client(self, service: str, credentials: dict[str, str] | None = None) -> Any:
        """A client that does not retry: what is refused is what the case sees."""
        config = Config(
            retries={"total_max_attempts": 1}, signature_version="s3v4" if service == "s3" else None,
            s3={"addressing_style": "path"}, proxies={},
        )  # fmt: skip
        given = credentials or {"AccessKeyId": ROOT_KEY, "SecretAccessKey": ROOT_KEY}
        session = open_session(self.url, "us-east-1", given["AccessKeyId"], given["SecretAccessKey"])
        return session.client(service, config=config, aws_session_token=given.get("SessionToken"))

    def queue(self, **attributes: str) -> tuple[str, str]:
        """URL and ARN of a new queue."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name("queue"), Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def messages(self, url: str, count: int, *, timeout_s: float = 15) -> list[Any]:
        """The first so many messages of a queue, with SQS's attributes."""
        sqs, found = self.client("sqs"), []

        def enough() -> bool:
            got = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageSystemAttributeNames=["All"]
            )
            found.extend(got.get("Messages", []))
            return len(found) >= count

        eventually(enough, timeout_s=timeout_s)
        return found

    def received(self, url: str, count: int, *, timeout_s: float = 15) -> list[Any]:
        """The first so many messages of a queue, as JSON."""
        return [json.loads(message["Body"]) for message in self.messages(url, count, timeout_s=timeout_s)]

    def function(self, code: str, *, timeout_s: int = 20, variables: dict[str, str] | None = None) -> str:
        """The name of a new function with this module."""
        lambdas, function = self.client("lambda"), name("function")
        lambdas.create_function(
            FunctionName=function, Role=ROLE, Runtime="python3.13", Handler="case.handler", Timeout=timeout_s,
            Code={"ZipFile": self.package(code)}, Environment={"Variables": variables or {}},
        )  # fmt: skip
        lambdas.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
        return function

    def package(self, code: str) -> bytes:
        """A function's package: this module, as `case.py`."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("case.py", code)
        return packed.getvalue()

    def bus_to_queue(self, pattern: dict[str, Any]) -> tuple[str, str, str]:
        """A bus, the ARN of a rule on it, and the URL of the queue that gets what matches."""
        events, bus = self.client("events"), name("bus")
        events.create_event_bus(Name=bus)
        url, arn = self.queue()
        rule = events.put_rule(Name=name("rule"), EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
        events.put_targets(Rule=rule.split("/")[-1], EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        return bus, rule, url

    def put(self, bus: str, **fields: Any) -> dict[str, Any]:
        """The result of one entry."""
        entry = {"EventBusName": bus, "Source": "case", "DetailType": "thing", "Detail": "{}", **fields}
        result: dict[str, Any] = self.client("events").put_events(Entries=[entry])["Entries"][0]
        return result


def name(kind: str) -> str:
    """One that no other case has."""
    return f"{kind}-{secrets.token_hex(4)}"
