"""IAM: what each function may do, from what its manifest declares and nothing else."""

from collections.abc import Iterator
from typing import Any

from manifests.catalogue import CONSUMER, FunctionRef
from manifests.environment import Deployment
from manifests.model import Access, Operators
from manifests.naming import REPLAYED, Names

Statement = dict[str, Any]
Policy = dict[str, Any]

TABLE_ACTIONS: dict[Access, tuple[str, ...]] = {
    Access.READ: ("dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:Query"),
    Access.WRITE: ("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
    Access.SCAN: ("dynamodb:Scan",),
}
# An index can only be read.
INDEX_ACTIONS: dict[Access, str] = {Access.READ: "dynamodb:Query", Access.SCAN: "dynamodb:Scan"}
IMAGE_ACTIONS: dict[str, tuple[str, ...]] = {
    "read": ("s3:GetObject",),
    "write": ("s3:PutObject",),
    # What is deleted is gone with all its versions.
    "delete": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "tag": ("s3:PutObjectTagging",),
}


def function_policy(deployment: Deployment, ref: FunctionRef) -> Policy:
    """The inline policy of a function's role."""
    parts = (_logs, _tracing, _publish, _queue, _backlogs, _images, _tables, _secrets, _database)
    return _policy(*(statement for part in parts for statement in part(deployment, ref)))


def trust_policy() -> Policy:
    """Who may assume the role of a function: the Lambda service."""
    return _policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})


def operators_policy(names: Names, operators: Operators) -> Policy:
    """The inline policy of the operators' role: to put their events on the bus, and nothing else."""
    return _policy(
        _allow(["events:PutEvents"], [names.bus_arn])
        | {
            "Condition": {
                "ForAllValues:StringEquals": {
                    "events:source": operators.source,
                    "events:detail-type": list(operators.publishes),
                },
                "Null": {"events:source": "false", "events:detail-type": "false"},
            }
        }
    )


def operators_trust_policy(names: Names) -> Policy:
    """Who may assume the operators' role: whom the account lets."""
    root = f"arn:aws:iam::{names.account}:root"
    return _policy({"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"})


def queue_policy(queue_arn: str, rule_arns: list[str]) -> Policy:
    """Who may send to a queue that is a target or dead-letter queue of rules: EventBridge, for those rules."""
    return _policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule_arns}},
        }
    )


def schedules_queue_policy(names: Names) -> Policy:
    """Who may send to the dead-letter queue of the schedules: EventBridge, for any rule of the environment."""
    return _policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": names.queue_arn(names.schedules_dead_letter_queue),
            "Condition": {"ArnLike": {"aws:SourceArn": names.rule_arn(f"{names.prefix}*")}},
        }
    )


def _logs(deployment: Deployment, ref: FunctionRef) -> Iterator[Statement]:
    names = deployment.names
    group = names.arn("logs", f"log-group:{names.log_group(ref)}")
    yield _allow(["logs:CreateLogStream", "logs:PutLogEvents"], [group, f"{group}:*"])


def _tracing(deployment: Deployment, ref: FunctionRef) -> Iterator[Statement]:
    if ref.function.tracing:
        # These two actions have no resource-level permissions.
        yield _allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"])


def _publish(deployment: Deployment, ref: FunctionRef) -> Iterator[Statement]:
    if ref.function.publish:
        # A request holds several events: all must have this source, and there must be at least one.
        yield _allow(["events:PutEvents"], [deployment.names.bus_arn]) | {
            "Condition": {
                "ForAllValues:StringEquals": {"events:source": ref.service.source},
                "Null": {"events:source": "false"},
            }
        }


def _queue(deployment: Deployment, ref: FunctionRef) -> Iterator[Statement]:
    if ref.function.queue:
        names = deployment.names
        consume = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
        queues = [queue for queue in (names.function(ref), names.replayed_queue(ref)) if queue]
        yield _allow([f"sqs:{action}" for action in consume], [names.queue_arn(queue) for queue in queues])
        # It reads and deletes dead letters of a deleted item, and of a tenant who is forgotten.
        letters = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage", "SendMessage")
        yield _allow([f"sqs:{action}" for action in letters], [names.queue_arn(names.dead_letter_queue(ref))])
    if ref.function.backlog_of:
        names = deployment.names
        backlog = names.function(ref.sibling(ref.function.backlog_of))
        yield _allow(["sqs:GetQueueAttributes"], [names.queue_arn(backlog)])


def _backlogs(deployment: Deployment, ref: FunctionRef) -> Iterator[Statement]:
    """Who takes up orders of operators sees how many messages wait for the consumers."""
    if any(event.startswith(f"{Operators().source}.") for event in ref.service.consumed_by(ref.name)):
        names = deployment.names
        queues = [f"{names.prefix}*-{CONSUMER}", f"{names.prefix}*-{CONSUMER}{REPLAYED}"]
        yield _allow(["sqs:GetQueueAttributes"], [names.queue_arn(queue) for queue in queues])


def _images(deployment: Deployment, ref: FunctionRef) -> Iterator[Statement]:
    names, images = deployment.names, ref.function.images
    for access, actions in IMAGE_ACTIONS.items():
        if patterns := getattr(images, access):
            yield _allow([*actions], [names.bucket_arn(pattern) for pattern in patterns])
    if images.delete:
        yield _allow(["s3:ListBucketVersions"], [names.bucket_arn()])
    if images.list:
        yield _allow(["s3:ListBucket"], [names.bucket_arn()])
    if images.read_lifecycle:
        yield _allow(["s3:GetLifecycleConfiguration"], [names.bucket_arn()])


def _tables(deployment: Deployment, ref: FunctionRef) -> Iterator[Statement]:
    for table, access in sorted(ref.function.tables.items()):
        arn = deployment.names.arn("dynamodb", f"table/{deployment.names.table(table)}")
        yield _allow(sorted(action for item in access for action in TABLE_ACTIONS[item]), [arn])
        indexes = [f"{arn}/index/{index}" for index in sorted(ref.service.tables[table].indexes)]
        actions = sorted(INDEX_ACTIONS[item] for item in access if item in INDEX_ACTIONS)
        if indexes and actions:
            yield _allow(actions, indexes)


def _secrets(deployment: Deployment, ref: FunctionRef) -> Iterator[Statement]:
    names = deployment.names
    parameters = [names.parameter(secret) for secret in ref.function.secrets]
    if ref.service.database and deployment.database.auth == "password":
        parameters.append(names.database_password(ref.service.service))
    if parameters:
        resources = [names.arn("ssm", f"parameter{parameter}") for parameter in parameters]
        yield _allow(["ssm:GetParameter", "ssm:GetParameters"], resources)


def _database(deployment: Deployment, ref: FunctionRef) -> Iterator[Statement]:
    if ref.service.database and deployment.database.auth == "iam":
        user = f"dbuser:{deployment.database.resource_id}/{ref.service.service}"
        yield _allow(["rds-db:connect"], [deployment.names.arn("rds-db", user)])


def _allow(actions: list[str], resources: list[str]) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _policy(*statements: Statement) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}
