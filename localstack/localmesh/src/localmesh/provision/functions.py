"""Lambda functions: code, configuration and invoke permissions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

from localmesh.provision.context import Action, Context, error_code, in_parallel
from localmesh.provision.errors import NotReadyError
from localmesh.provision.packages import Package, build_package
from manifests.topology import LambdaFunction

if TYPE_CHECKING:
    from collections.abc import Mapping

# An emulator has a function ready in less than a second.
_WAIT = {"Delay": 0.1, "MaxAttempts": 600}


def build_packages(context: Context) -> dict[str, Package]:
    """One package for each service, shared by its functions."""
    manifests = context.manifests
    return {name: build_package(manifests.root, service) for name, service in manifests.services.items()}


def provision_functions(context: Context, packages: Mapping[str, Package]) -> None:
    """Create or update all functions and wait until each is active."""
    found = _list(context)

    def work(function: LambdaFunction) -> None:
        _provision(context, function, packages[function.service], found.get(function.name))
        _permit(context, function, existed=function.name in found)

    in_parallel(work, context.topology.of(LambdaFunction))


def remove_functions(context: Context) -> None:
    """Remove functions that are no longer declared."""
    declared = {function.name for function in context.topology.of(LambdaFunction)}
    for name in sorted(set(_list(context)) - declared):
        context.clients.functions.delete_function(FunctionName=name)
        context.note("function", name, Action.REMOVED)


def _list(context: Context) -> dict[str, dict[str, Any]]:
    pages = context.clients.functions.get_paginator("list_functions").paginate()
    return {
        function["FunctionName"]: dict(function)
        for page in pages
        for function in page["Functions"]
        if function["FunctionName"].startswith(context.names.prefix)
    }


def _provision(context: Context, function: LambdaFunction, package: Package, current: dict[str, Any] | None) -> None:
    client, name = context.clients.functions, function.name
    architectures: list[Any] = [function.architecture]
    configuration = _configuration(function)
    if current is None:
        client.create_function(
            FunctionName=name,
            Code={"ZipFile": package.content},
            Architectures=architectures,
            **configuration,
        )
        context.note("function", name, Action.CREATED)
        _wait(context, "function_active_v2", name)
        return
    if current.get("CodeSha256") != package.code_sha256 or current.get("Architectures") != architectures:
        client.update_function_code(FunctionName=name, ZipFile=package.content, Architectures=architectures)
        context.note("code", name, Action.UPDATED)
        _wait(context, "function_updated_v2", name)
    if any(current.get(key) != value for key, value in configuration.items()):
        client.update_function_configuration(FunctionName=name, **configuration)
        context.note("function", name, Action.UPDATED)
        _wait(context, "function_updated_v2", name)


def _configuration(function: LambdaFunction) -> dict[str, Any]:
    return {
        "Runtime": function.runtime,
        "Role": function.role_arn,
        "Handler": function.handler,
        "MemorySize": function.memory_mb,
        "Timeout": function.timeout_s,
        "Environment": {"Variables": dict(function.variables)},
    }


def _wait(context: Context, waiter: Any, name: str) -> None:  # noqa: ANN401 - names of waiters are literals
    try:
        context.clients.functions.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=_WAIT)
    except WaiterError as error:
        raise NotReadyError(f"function {name} did not become ready: {error}") from error


def _permit(context: Context, function: LambdaFunction, *, existed: bool) -> None:
    """Set the invoke permissions to exactly the declared ones; queues are polled with the function's own role."""
    client, name = context.clients.functions, function.name
    wanted = {item.statement: (item.principal, item.source_arn) for item in function.invokers}
    present = _statements(context, name) if existed else {}
    for statement in [statement for statement, found in present.items() if wanted.get(statement) != found]:
        client.remove_permission(FunctionName=name, StatementId=statement)
        if statement not in wanted:
            context.note("permission", f"{name}/{statement}", Action.REMOVED)
    for statement, (principal, source) in wanted.items():
        if present.get(statement) == (principal, source):
            continue
        client.add_permission(
            FunctionName=name,
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=source,
        )
        context.note("permission", f"{name}/{statement}", Action.UPDATED if statement in present else Action.CREATED)


def _statements(context: Context, name: str) -> dict[str, tuple[str, str]]:
    try:
        policy = json.loads(context.clients.functions.get_policy(FunctionName=name)["Policy"])
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return {}
        raise
    found: dict[str, tuple[str, str]] = {}
    for item in policy["Statement"]:
        condition = item.get("Condition", {}).get("ArnLike", {})
        principal = item["Principal"].get("Service", "") if isinstance(item["Principal"], dict) else ""
        found[item["Sid"]] = (principal, condition.get("AWS:SourceArn", ""))
    return found
