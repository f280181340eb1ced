"""Summaries of plans, and Terraform's errors in one line."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from mesh.infra.running import flat
from mesh.infra.showing import as_json, in_words, print_summary
from mesh.infra.summary import STATEFUL, Action, Summary, part_of, protected, summarize
from mesh.infra.terraform import _reason


def resource(address: str, *actions: str, **more: Any) -> dict[str, Any]:
    """A resource change in Terraform's JSON."""
    kind = address.split(".")[-2]
    before = more.pop("before", None)
    paths = more.pop("replace_paths", None)
    change = {"actions": list(actions), "before": before} | ({"replace_paths": paths} if paths else {})
    return {"address": address, "mode": "managed", "type": kind, "change": change, **more}


def summary_of(*resources: dict[str, Any], **more: Any) -> Summary:
    return summarize({"resource_changes": list(resources), **more}, differs=True)


def printed(summary: Summary) -> str:
    out = StringIO()
    print_summary(Console(file=out, width=200), summary)
    return out.getvalue()


@pytest.mark.parametrize(
    ("actions", "action"),
    [
        (("create",), Action.CREATE),
        (("update",), Action.CHANGE),
        (("delete",), Action.DESTROY),
        (("delete", "create"), Action.REPLACE),
        (("create", "delete"), Action.REPLACE),
        (("forget",), Action.FORGET),
    ],
)
def test_every_action_is_counted(actions: tuple[str, ...], action: Action) -> None:
    assert summary_of(resource("aws_sqs_queue.a", *actions)).counts == {action: 1}


def test_unchanged_resources_and_reads_are_not_counted() -> None:
    data = {**resource("data.aws_region.here", "read"), "mode": "data"}
    assert summary_of(resource("aws_sqs_queue.a", "no-op"), data).changes == ()


def test_a_move_is_a_change_although_the_resource_stays() -> None:
    moved = resource("aws_sqs_queue.b", "no-op", previous_address="aws_sqs_queue.a")
    assert summary_of(moved).counts == {Action.MOVE: 1}


@pytest.mark.parametrize(
    ("address", "part"),
    [
        ('module.environment.module.imaging.module.service.aws_sqs_queue.this["events"]', "imaging"),
        ("module.environment.module.bus.aws_cloudwatch_event_bus.this", "bus"),
        ('module.environment.module.chat.module.service.aws_lambda_function.this["http"]', "chat"),
        ("module.environment.module.database[0].aws_db_instance.this", "database"),
        ('module.environment.module.budget["monthly"].aws_budgets_budget.this', "budget"),
        ("module.environment.aws_sns_topic.alarms", "(environment)"),
        ("module.storage.aws_s3_bucket.images", "storage"),
        ("aws_sns_topic.alarms", "(environment)"),
    ],
)
def test_resources_belong_to_a_service_or_a_shared_module(address: str, part: str) -> None:
    assert part_of(address) == part


@pytest.mark.parametrize("kind", STATEFUL)
@pytest.mark.parametrize("actions", [("delete",), ("delete", "create"), ("create", "delete")])
def test_lost_data_is_marked(kind: str, actions: tuple[str, ...]) -> None:
    summary = summary_of(resource(f"{kind}.a", *actions), resource("aws_sqs_queue.a", *actions))
    assert [change.address for change in summary.losses] == [f"{kind}.a"]
    assert f"DATA LOSS: {actions[0] if len(actions) == 1 else 'replace'}".replace("delete", "destroy") in printed(
        summary
    )
    assert as_json(summary)["changes"][0]["loses"] == STATEFUL[kind]


@pytest.mark.parametrize("actions", [("create",), ("update",), ("no-op",), ("forget",)])
def test_kept_data_is_not_marked(actions: tuple[str, ...]) -> None:
    assert summary_of(resource("aws_db_instance.this", *actions)).losses == ()


def test_a_replacement_names_the_attribute_that_forces_it() -> None:
    summary = summary_of(resource("aws_db_instance.this", "delete", "create", replace_paths=[["storage", 0, "type"]]))
    assert "because of storage.0.type" in printed(summary)


def test_counts_are_shown_per_part_and_in_total() -> None:
    summary = summary_of(
        resource("module.chat.aws_sqs_queue.a", "create"),
        resource("module.chat.aws_sqs_queue.b", "create"),
        resource("module.bus.aws_cloudwatch_event_bus.this", "update"),
    )
    assert as_json(summary)["parts"] == {
        "bus": {"create": 0, "change": 1, "replace": 0, "destroy": 0},
        "chat": {"create": 2, "change": 0, "replace": 0, "destroy": 0},
    }
    assert in_words(summary) == "2 create, 1 change"
    assert [line.split() for line in printed(summary).splitlines() if line.startswith(("bus", "chat", "all"))] == [
        ["bus", "1"],
        ["chat", "2"],
        ["all", "2", "1"],
    ]


def test_outputs_and_drift_are_shown() -> None:
    summary = summary_of(
        output_changes={"api_url": {"actions": ["create"]}, "region": {"actions": ["no-op"]}},
        resource_drift=[resource(f"aws_sqs_queue.q{number:02}", "update") for number in range(12)],
    )
    assert summary.outputs == ("api_url",)
    assert in_words(summary) == "outputs only"
    text = printed(summary)
    assert "aws_sqs_queue.q09" in text
    assert "aws_sqs_queue.q10" not in text
    assert "2 more" in text


def test_changed_attributes_of_an_object_output_are_listed() -> None:
    before = {"environment": "dev", "alarms": ["a"], "archive": "a", "gone": "x", "functions": {"chat.http": {}}}
    after = {"environment": "dev", "alarms": ["a", "b"], "archive": "a", "functions": {"chat.http": {}}}
    unknown = {"alarms": [False, False], "api_url": True, "functions": {"chat.http": {}}}
    change = {"actions": ["update"], "before": before, "after": after, "after_unknown": unknown}
    assert summary_of(output_changes={"environment": change}).outputs == ("alarms", "api_url", "gone")


def test_a_destroy_lists_only_losses() -> None:
    out = StringIO()
    summary = summary_of(resource("aws_sqs_queue.a", "delete"), resource("aws_db_instance.b", "delete"))
    print_summary(Console(file=out, width=200), summary, everything_goes=True)
    assert "aws_sqs_queue.a" in printed(summary)
    assert "aws_sqs_queue.a" not in out.getvalue()
    assert "DATA LOSS: destroy: aws_db_instance.b: the database" in out.getvalue()


def test_outputs_are_flattened_for_display() -> None:
    values = {
        "database": {"host": "h", "resource_id": None},
        "functions": {"chat.http": {"name": "collections-dev-chat-http", "log_group": "g", "queue_url": None}},
        "alarms": ["a", "b", "c", "d"],
        "mails": ["a", "b"],
    }
    assert dict(flat(values)) == {
        "database.host": "h",
        "database.resource_id": "",
        "functions.chat.http": "collections-dev-chat-http",
        "alarms": "4 (--json shows them)",
        "mails": "a, b",
    }


def test_no_differences_are_reported_as_such() -> None:
    assert printed(summarize({}, differs=False)).strip() == "no differences"


@pytest.mark.parametrize(
    ("kind", "before", "refuses"),
    [
        ("aws_db_instance", {"deletion_protection": True}, True),
        ("aws_db_instance", {"deletion_protection": False}, False),
        ("aws_dynamodb_table", {"deletion_protection_enabled": True}, True),
        ("aws_dynamodb_table", {"deletion_protection_enabled": False}, False),
        ("aws_cognito_user_pool", {"deletion_protection": "ACTIVE"}, True),
        ("aws_cognito_user_pool", {"deletion_protection": "INACTIVE"}, False),
        ("aws_s3_bucket", {"force_destroy": False}, True),
        ("aws_s3_bucket", {"force_destroy": True}, False),
        ("aws_sqs_queue", {"force_destroy": False}, False),
        ("aws_db_instance", None, False),
    ],
)
def test_protection_from_deletion_is_seen(kind: str, before: dict[str, Any] | None, refuses: bool) -> None:
    plan = {"resource_changes": [resource(f"{kind}.this", "delete", before=before)]}
    assert protected(plan) == ([f"{kind}.this"] if refuses else [])


def test_protection_of_unchanged_resources_is_ignored() -> None:
    before = {"deletion_protection": True}
    assert protected({"resource_changes": [resource("aws_db_instance.this", "no-op", before=before)]}) == []


BOXED = """
╷
│ Error: Reference to undeclared resource
│
│   on main.tf line 3, in output "x":
│    3:   value = terraform_data.nobody
│
│ A managed resource "terraform_data" "nobody" has not been declared.
╵
╷
│ Error: Second
╵
"""


def test_terraforms_errors_become_one_line() -> None:
    reason = _reason(BOXED, 1)
    assert reason.startswith("Reference to undeclared resource: ")
    assert reason.endswith("has not been declared.; Second: ")
    assert "\n" not in reason
    assert "│" not in reason


@pytest.mark.parametrize(("message", "reason"), [(None, "exit code 7, its own message is above"), ("", "exit code 7")])
def test_without_captured_output_the_exit_code_is_reported(message: str | None, reason: str) -> None:
    assert _reason(message, 7) == reason
