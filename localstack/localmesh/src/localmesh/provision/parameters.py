"""Secrets as SecureString parameters: keys of AI providers, and passwords of database roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localmesh.provision.context import Action, Context, in_parallel

if TYPE_CHECKING:
    from collections.abc import Mapping


def provision_parameters(context: Context, database_passwords: Mapping[str, str]) -> None:
    """Store what differs; a key that is not given and not emulated has no parameter, so the feature is off."""
    names = context.names
    wanted: dict[str, str | None] = {
        names.database_password(service): password for service, password in database_passwords.items()
    }
    keys = {provider.secret_name: provider.api_key for provider in context.settings.providers}
    for secret in context.manifests.secrets:
        key = keys.get(secret)
        wanted[names.parameter(secret)] = key.get_secret_value() if key else None
    pages = context.clients.ssm.get_paginator("get_parameters_by_path").paginate(
        Path=names.parameter_prefix, Recursive=True, WithDecryption=True
    )
    found = {item["Name"]: item["Value"] for page in pages for item in page["Parameters"]}
    in_parallel(lambda name: _provision(context, name, wanted[name], found.get(name)), wanted)


def _provision(context: Context, name: str, wanted: str | None, current: str | None) -> None:
    ssm = context.clients.ssm
    if wanted == current:
        return
    if wanted is None:
        ssm.delete_parameter(Name=name)
        context.note("parameter", name, Action.REMOVED)
        return
    ssm.put_parameter(Name=name, Value=wanted, Type="SecureString", Overwrite=True)
    context.note("parameter", name, Action.CREATED if current is None else Action.UPDATED)
