"""DynamoDB tables with their indexes and time to live. Tables are never removed: they hold users' data."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localmesh.provision.context import Action, Context, error_code, in_parallel
from localmesh.provision.errors import ImmutableError, NotReadyError
from manifests.topology import DynamoTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

_READY_S = 30.0


def provision_tables(context: Context) -> None:
    """Create missing tables; update indexes, billing and time to live.

    Raises ImmutableError for a table with other keys than declared, NotReadyError for one that stays inactive.
    """
    in_parallel(lambda table: _provision(context, table), context.topology.of(DynamoTable))


def _provision(context: Context, table: DynamoTable) -> None:
    dynamodb, name, wanted = context.clients.dynamodb, table.name, table_definition(table)
    description = _describe(context, name)
    if description is None:
        dynamodb.create_table(TableName=name, **wanted)
        context.note("table", name, Action.CREATED)
    else:
        _update(context, table, {**description})
    _wait_active(context, name)
    _time_to_live(context, table)


def _update(context: Context, table: DynamoTable, current: dict[str, Any]) -> None:
    dynamodb, name, wanted = context.clients.dynamodb, table.name, table_definition(table)
    types = {item["AttributeName"]: item["AttributeType"] for item in current["AttributeDefinitions"]}
    declared = {item["AttributeName"]: item["AttributeType"] for item in wanted["AttributeDefinitions"]}
    if current["KeySchema"] != wanted["KeySchema"] or any(
        types.get(key, kind) != kind for key, kind in declared.items()
    ):
        raise ImmutableError(f"table {name} has other keys than declared: delete it and provision again")
    if current.get("BillingModeSummary", {}).get("BillingMode") != table.billing:
        dynamodb.update_table(TableName=name, BillingMode=wanted["BillingMode"])
        context.note("table", name, Action.UPDATED)
        _wait_active(context, name)
    indexes = {index["IndexName"]: index for index in wanted.get("GlobalSecondaryIndexes", ())}
    present = {index["IndexName"]: index for index in current.get("GlobalSecondaryIndexes") or ()}
    same = {index for index in present if _is_same(present[index], indexes.get(index))}
    for index in sorted(set(present) - same):
        _update_indexes(context, table, {"Delete": {"IndexName": index}})
        context.note("index", f"{name}/{index}", Action.REMOVED)
    for index in [index for index in indexes if index not in same]:
        _update_indexes(context, table, {"Create": indexes[index]})
        context.note("index", f"{name}/{index}", Action.CREATED)


def _update_indexes(context: Context, table: DynamoTable, update: dict[str, Any]) -> None:
    _wait_active(context, table.name)
    change: dict[str, Any] = {"GlobalSecondaryIndexUpdates": [update]}
    if "Create" in update:
        change["AttributeDefinitions"] = _attributes(table)
    context.clients.dynamodb.update_table(TableName=table.name, **change)


def _is_same(present: dict[str, Any], wanted: dict[str, Any] | None) -> bool:
    return wanted is not None and all(present.get(key) == value for key, value in wanted.items())


def table_definition(table: DynamoTable) -> dict[str, Any]:
    """Keyword arguments of CreateTable, all but the name and the time to live."""
    wanted: dict[str, Any] = {
        "BillingMode": table.billing,
        "KeySchema": _keys(table.partition_key, table.sort_key),
        "AttributeDefinitions": _attributes(table),
    }
    if table.indexes:
        wanted["GlobalSecondaryIndexes"] = _indexes(table)
    return wanted


def _time_to_live(context: Context, table: DynamoTable) -> None:
    dynamodb, name = context.clients.dynamodb, table.name
    current = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    enabled = current.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    attribute = current.get("AttributeName") if enabled else None
    if attribute == table.ttl:
        return
    if attribute:
        # DynamoDB changes the attribute only while the time to live is off.
        off: Any = {"Enabled": False, "AttributeName": attribute}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=off)
    if table.ttl:
        on: Any = {"Enabled": True, "AttributeName": table.ttl}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=on)
    context.note("time to live", name, Action.UPDATED)


def _describe(context: Context, name: str) -> TableDescriptionTypeDef | None:
    try:
        return context.clients.dynamodb.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return None
        raise


def _wait_active(context: Context, name: str) -> None:
    deadline = time.monotonic() + _READY_S
    while (_describe(context, name) or {}).get("TableStatus") != "ACTIVE":
        if time.monotonic() > deadline:
            raise NotReadyError(f"table {name} was not active within {_READY_S:.0f} s")
        time.sleep(0.1)


def _keys(partition: str, sort: str | None) -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*keys, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else keys


def _indexes(table: DynamoTable) -> list[dict[str, Any]]:
    return [
        {
            "IndexName": index.name,
            "KeySchema": _keys(index.partition_key, index.sort_key),
            "Projection": {"ProjectionType": index.projection},
        }
        for index in table.indexes
    ]


def _attributes(table: DynamoTable) -> list[dict[str, str]]:
    names = {table.partition_key, table.sort_key}
    for index in table.indexes:
        names |= {index.partition_key, index.sort_key}
    return [{"AttributeName": name, "AttributeType": table.key_type} for name in sorted(name for name in names if name)]
