"""Lambda functions: code, configuration, and who else may invoke them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

from localmesh.config import API_ID
from localmesh.provision.bus import rule_arns
from localmesh.provision.context import Action, Context, error_code, in_parallel
from localmesh.provision.errors import NotReadyError
from localmesh.provision.packages import Package, build_package
from manifests import FunctionRef, Trigger, function_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

_WAIT = {"Delay": 1, "MaxAttempts": 60}


def build_packages(context: Context) -> dict[str, Package]:
    """The package of every service; its functions share it."""
    manifests = context.manifests
    return {name: build_package(manifests.root, service) for name, service in manifests.services.items()}


def provision_functions(context: Context, packages: Mapping[str, Package]) -> None:
    """Make and mend all functions and wait until each is active."""
    found = _list(context)

    def work(ref: FunctionRef) -> None:
        name = context.names.function(ref)
        _provision(context, ref, packages[ref.service.service], found.get(name))
        _permit(context, ref, existed=name in found)

    in_parallel(work, context.manifests.functions)


def remove_functions(context: Context) -> None:
    """Remove functions that are no longer declared."""
    for name in sorted(set(_list(context)) - set(context.function_names())):
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


def _provision(context: Context, ref: FunctionRef, package: Package, current: dict[str, Any] | None) -> None:
    client, name = context.clients.functions, context.names.function(ref)
    configuration = _configuration(context, ref)
    if current is None:
        client.create_function(
            FunctionName=name,
            Code={"ZipFile": package.content},
            Architectures=[context.manifests.platform.architecture],  # type: ignore[list-item]  # text from YAML
            **configuration,
        )
        context.note("function", name, Action.CREATED)
        _wait(context, "function_active_v2", name)
        return
    if current.get("CodeSha256") != package.code_sha256:
        client.update_function_code(FunctionName=name, ZipFile=package.content)
        context.note("code", name, Action.UPDATED)
        _wait(context, "function_updated_v2", name)
    if any(current.get(key) != value for key, value in configuration.items()):
        client.update_function_configuration(FunctionName=name, **configuration)
        context.note("function", name, Action.UPDATED)
        _wait(context, "function_updated_v2", name)


def _configuration(context: Context, ref: FunctionRef) -> dict[str, Any]:
    variables = function_environment(context.manifests, context.deployment, ref)
    return {
        "Runtime": context.manifests.platform.runtime,
        "Role": context.names.role_arn(ref),
        "Handler": ref.function.handler,
        "MemorySize": ref.function.memory_mb,
        "Timeout": ref.function.timeout_s,
        "Environment": {"Variables": variables},
    }


def _wait(context: Context, waiter: Any, name: str) -> None:  # noqa: ANN401 - names of waiters are literals
    try:
        context.clients.functions.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=_WAIT)
    except WaiterError as error:
        raise NotReadyError(f"function {name} did not become ready: {error}") from error


def _permit(context: Context, ref: FunctionRef, *, existed: bool) -> None:
    """Let API Gateway or EventBridge invoke the function; queues are polled with the function's own role."""
    wanted = _invokers(context, ref)
    if not wanted:
        return
    client, name = context.clients.functions, context.names.function(ref)
    present = _statements(context, name) if existed else {}
    for statement, (principal, source) in wanted.items():
        if present.get(statement) == (principal, source):
            continue
        if statement in present:
            client.remove_permission(FunctionName=name, StatementId=statement)
        client.add_permission(
            FunctionName=name,
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=source,
        )
        context.note("permission", f"{name}/{statement}", Action.UPDATED if statement in present else Action.CREATED)


def _invokers(context: Context, ref: FunctionRef) -> dict[str, tuple[str, str]]:
    if ref.function.trigger is Trigger.ROUTES:
        return {"api": ("apigateway.amazonaws.com", context.names.arn("execute-api", f"{API_ID}/*/*"))}
    if ref.function.trigger is Trigger.SCHEDULE:
        return {"schedule": ("events.amazonaws.com", rule_arns(context, ref)[0])}
    return {}


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
        found[item["Sid"]] = (item["Principal"]["Service"], condition.get("AWS:SourceArn", ""))
    return found
