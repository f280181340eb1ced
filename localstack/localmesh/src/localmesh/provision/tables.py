"""DynamoDB tables with their indexes and time to live. Tables are never removed: they hold what people said."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localmesh.provision.context import Action, Context, error_code, in_parallel
from localmesh.provision.errors import NotReadyError
from manifests import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

_READY_S = 30.0


def provision_tables(context: Context) -> None:
    """Make missing tables, add missing indexes, set time to live. Keys of an existing table cannot change."""
    tables = [
        (context.names.table(name), table)
        for service in context.manifests.services.values()
        for name, table in service.tables.items()
    ]
    in_parallel(lambda item: _provision(context, *item), tables)


def _provision(context: Context, name: str, table: Table) -> None:
    dynamodb = context.clients.dynamodb
    description = _describe(context, name)
    if description is None:
        dynamodb.create_table(TableName=name, **table_definition(table))
        context.note("table", name, Action.CREATED)
    else:
        present = {index["IndexName"] for index in description.get("GlobalSecondaryIndexes", [])}
        for index in _indexes(table):
            if index["IndexName"] not in present:
                _wait_active(context, name)
                addition: dict[str, Any] = {
                    "AttributeDefinitions": _attributes(table),
                    "GlobalSecondaryIndexUpdates": [{"Create": index}],
                }
                dynamodb.update_table(TableName=name, **addition)
                context.note("index", f"{name}/{index['IndexName']}", Action.CREATED)
    _wait_active(context, name)
    if table.ttl:
        _time_to_live(context, name, table.ttl)


def table_definition(table: Table) -> dict[str, Any]:
    """Keyword arguments of CreateTable for what a manifest declares, all but the name and the time to live."""
    wanted: dict[str, Any] = {
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _keys(table.partition_key, table.sort_key),
        "AttributeDefinitions": _attributes(table),
    }
    if table.indexes:
        wanted["GlobalSecondaryIndexes"] = _indexes(table)
    return wanted


def _time_to_live(context: Context, name: str, attribute: str) -> None:
    dynamodb = context.clients.dynamodb
    current = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    enabled = current.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    if enabled and current.get("AttributeName") == attribute:
        return
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute})
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


def _indexes(table: Table) -> list[dict[str, Any]]:
    return [
        {
            "IndexName": name,
            "KeySchema": _keys(index.partition_key, index.sort_key),
            "Projection": {"ProjectionType": "ALL"},
        }
        for name, index in table.indexes.items()
    ]


def _attributes(table: Table) -> list[dict[str, str]]:
    names = {table.partition_key, table.sort_key}
    for index in table.indexes.values():
        names |= {index.partition_key, index.sort_key}
    return [{"AttributeName": name, "AttributeType": "S"} for name in sorted(name for name in names if name)]
