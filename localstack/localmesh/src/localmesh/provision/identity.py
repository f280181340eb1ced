"""The user pool and its one client. Both are found by name: their ids are made by Cognito."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localmesh.provision.context import Action, Context

_ATTRIBUTES = ("email",)


@dataclass(frozen=True, slots=True)
class IdentityPool:
    """What a client of the API needs to sign in, and the authorizer to check tokens."""

    user_pool_id: str
    client_id: str
    issuer: str


def provision_identity(context: Context) -> IdentityPool:
    """Make and mend the user pool and its client; people in the pool stay as they are."""
    pool_id = _pool(context)
    issuer = f"https://cognito-idp.{context.names.region}.amazonaws.com/{pool_id}"
    return IdentityPool(pool_id, _client(context, pool_id), issuer)


def _pool(context: Context) -> str:
    cognito, name = context.clients.cognito, context.names.api
    password = context.manifests.platform.identity.password
    policy = {
        "MinimumLength": password.minimum_length,
        "RequireLowercase": password.lowercase,
        "RequireUppercase": password.uppercase,
        "RequireNumbers": password.numbers,
        "RequireSymbols": password.symbols,
    }
    pages = cognito.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 60})
    ids = [pool["Id"] for page in pages for pool in page["UserPools"] if pool.get("Name") == name]
    settings: dict[str, Any] = {
        "Policies": {"PasswordPolicy": policy},
        "AutoVerifiedAttributes": list(_ATTRIBUTES),
    }
    if not ids:
        created = cognito.create_user_pool(PoolName=name, UsernameAttributes=list(_ATTRIBUTES), **settings)  # type: ignore[arg-type]  # literals
        context.note("user pool", name, Action.CREATED)
        return created["UserPool"]["Id"]
    current: dict[str, Any] = dict(cognito.describe_user_pool(UserPoolId=ids[0])["UserPool"])
    found = current.get("Policies", {}).get("PasswordPolicy", {})
    same_policy = all(found.get(key) == value for key, value in policy.items())
    if not same_policy or current.get("AutoVerifiedAttributes") != list(_ATTRIBUTES):
        cognito.update_user_pool(UserPoolId=ids[0], **settings)
        context.note("user pool", name, Action.UPDATED)
    return ids[0]


def _client(context: Context, pool_id: str) -> str:
    cognito, name = context.clients.cognito, context.names.api
    tokens = context.manifests.platform.identity.tokens
    wanted: dict[str, Any] = {
        "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH"],
        "AccessTokenValidity": tokens.access_minutes,
        "IdTokenValidity": tokens.id_minutes,
        "RefreshTokenValidity": tokens.refresh_days,
        "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"},
        "PreventUserExistenceErrors": "ENABLED",
    }
    pages = cognito.get_paginator("list_user_pool_clients").paginate(UserPoolId=pool_id)
    ids = [item["ClientId"] for page in pages for item in page["UserPoolClients"] if item.get("ClientName") == name]
    if not ids:
        created = cognito.create_user_pool_client(UserPoolId=pool_id, ClientName=name, GenerateSecret=False, **wanted)
        context.note("user pool client", name, Action.CREATED)
        return created["UserPoolClient"]["ClientId"]
    current: dict[str, Any] = dict(
        cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=ids[0])["UserPoolClient"]
    )
    current["ExplicitAuthFlows"] = sorted(current.get("ExplicitAuthFlows", []))
    if any(current.get(key) != value for key, value in wanted.items()):
        cognito.update_user_pool_client(UserPoolId=pool_id, ClientId=ids[0], ClientName=name, **wanted)
        context.note("user pool client", name, Action.UPDATED)
    return ids[0]
