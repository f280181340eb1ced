"""The user pool and its one client. Both are found by name: Cognito assigns their ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localmesh.provision.context import Action, Context
from localmesh.provision.errors import ImmutableError
from manifests.topology import UserPool, UserPoolClient


@dataclass(frozen=True, slots=True)
class IdentityPool:
    """What a client of the API needs to sign in, and the authorizer to check tokens."""

    user_pool_id: str
    client_id: str
    issuer: str


def provision_identity(context: Context) -> IdentityPool:
    """Create or update the user pool and its client; users in the pool are left as they are.

    Raises ImmutableError where a pool or a client would have to be recreated: users and tokens would be lost.
    """
    pool_id = _pool(context, context.topology.only(UserPool))
    issuer = f"https://cognito-idp.{context.names.region}.amazonaws.com/{pool_id}"
    return IdentityPool(pool_id, _client(context, context.topology.only(UserPoolClient), pool_id), issuer)


def _pool(context: Context, pool: UserPool) -> str:
    cognito, name = context.clients.cognito, pool.name
    policy = {
        "MinimumLength": pool.minimum_length,
        "RequireLowercase": pool.lowercase,
        "RequireUppercase": pool.uppercase,
        "RequireNumbers": pool.numbers,
        "RequireSymbols": pool.symbols,
    }
    pages = cognito.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 60})
    ids = [item["Id"] for page in pages for item in page["UserPools"] if item.get("Name") == name]
    settings: dict[str, Any] = {
        "Policies": {"PasswordPolicy": policy},
        "AutoVerifiedAttributes": list(pool.verified_attributes),
    }
    usernames: list[Any] = list(pool.username_attributes)
    if not ids:
        created = cognito.create_user_pool(PoolName=name, UsernameAttributes=usernames, **settings)
        context.note("user pool", name, Action.CREATED)
        return created["UserPool"]["Id"]
    current: dict[str, Any] = dict(cognito.describe_user_pool(UserPoolId=ids[0])["UserPool"])
    if current.get("UsernameAttributes") != usernames:
        raise ImmutableError(
            f"user pool {name} has other username attributes than declared: delete it and provision again"
        )
    found = current.get("Policies", {}).get("PasswordPolicy", {})
    same_policy = all(found.get(key) == value for key, value in policy.items())
    if not same_policy or current.get("AutoVerifiedAttributes") != settings["AutoVerifiedAttributes"]:
        cognito.update_user_pool(UserPoolId=ids[0], **settings)
        context.note("user pool", name, Action.UPDATED)
    return ids[0]


def _client(context: Context, declared: UserPoolClient, pool_id: str) -> str:
    cognito, name = context.clients.cognito, declared.name
    tokens = {
        "AccessToken": declared.access_token,
        "IdToken": declared.id_token,
        "RefreshToken": declared.refresh_token,
    }
    wanted: dict[str, Any] = {
        "ExplicitAuthFlows": list(declared.flows),
        **{f"{token}Validity": number for token, (number, _) in tokens.items()},
        "TokenValidityUnits": {token: unit for token, (_, unit) in tokens.items()},
        "PreventUserExistenceErrors": "ENABLED" if declared.hides_users else "LEGACY",
    }
    pages = cognito.get_paginator("list_user_pool_clients").paginate(UserPoolId=pool_id)
    found = [item for page in pages for item in page["UserPoolClients"]]
    ids = [item["ClientId"] for item in found if item.get("ClientName") == name]
    for undeclared in [item for item in found if item["ClientId"] not in ids[:1]]:
        cognito.delete_user_pool_client(UserPoolId=pool_id, ClientId=undeclared["ClientId"])
        context.note("user pool client", undeclared["ClientName"], Action.REMOVED)
    if not ids:
        created = cognito.create_user_pool_client(
            UserPoolId=pool_id, ClientName=name, GenerateSecret=declared.has_secret, **wanted
        )
        context.note("user pool client", name, Action.CREATED)
        return created["UserPoolClient"]["ClientId"]
    current: dict[str, Any] = dict(
        cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=ids[0])["UserPoolClient"]
    )
    if bool(current.get("ClientSecret")) is not declared.has_secret:
        raise ImmutableError(
            f"a secret of user pool client {name} cannot be added or removed: delete it and provision again"
        )
    current["ExplicitAuthFlows"] = sorted(current.get("ExplicitAuthFlows", []))
    if any(current.get(key) != value for key, value in wanted.items()):
        cognito.update_user_pool_client(UserPoolId=pool_id, ClientId=ids[0], ClientName=name, **wanted)
        context.note("user pool client", name, Action.UPDATED)
    return ids[0]
