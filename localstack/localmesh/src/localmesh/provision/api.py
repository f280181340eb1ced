"""The HTTP API: an integration for each function with routes, the routes, the JWT authorizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localmesh.config import API_ID
from localmesh.provision.context import Action, Context, in_parallel
from localmesh.provision.identity import IdentityPool
from manifests.topology import ApiRoute, Authorizer, HttpApi

if TYPE_CHECKING:
    from collections.abc import Mapping

_STAGE = "$default"
_PAGE = "500"


def provision_api(context: Context, identity: IdentityPool) -> None:
    """Create or update the API and everything in it; remove undeclared routes and authorizers."""
    if not context.topology.of(HttpApi):
        _remove(context)
        return
    api = context.topology.only(HttpApi)
    _api(context, api)
    authorizers = {item.name: _authorizer(context, item, identity) for item in api.authorizers}
    _stage(context, api)
    _routes(context, authorizers, _integrations(context))
    _remove_authorizers(context, authorizers)


def _api(context: Context, api: HttpApi) -> None:
    client, name = context.clients.apigateway, api.name
    cors: dict[str, Any] = {
        "AllowOrigins": list(api.cors.origins),
        "AllowMethods": list(api.cors.methods),
        "AllowHeaders": list(api.cors.headers),
        "ExposeHeaders": list(api.cors.exposed),
        "MaxAge": api.cors.max_age_s,
    }
    found = [item for item in client.get_apis(MaxResults=_PAGE)["Items"] if item.get("ApiId") == API_ID]
    if not found:
        # A tag fixes the id, so that the address of the API is known before it exists: MiniStack's, or LocalStack's.
        tags = {"ms-custom-id": API_ID, "_custom_id_": API_ID}
        client.create_api(Name=name, ProtocolType="HTTP", CorsConfiguration=cors, Tags=tags)  # type: ignore[arg-type]  # literals
        context.note("api", name, Action.CREATED)
    elif found[0].get("CorsConfiguration") != cors or found[0].get("Name") != name:
        client.update_api(ApiId=API_ID, Name=name, CorsConfiguration=cors)  # type: ignore[arg-type]  # literals
        context.note("api", name, Action.UPDATED)


def _remove(context: Context) -> None:
    client = context.clients.apigateway
    for item in client.get_apis(MaxResults=_PAGE)["Items"]:
        if item.get("ApiId") == API_ID:
            client.delete_api(ApiId=API_ID)
            context.note("api", item["Name"], Action.REMOVED)


def _authorizer(context: Context, declared: Authorizer, identity: IdentityPool) -> str:
    """The authorizer's id."""
    client, name = context.clients.apigateway, declared.name
    wanted: dict[str, Any] = {
        "AuthorizerType": "JWT",
        "IdentitySource": [declared.identity_source],
        "JwtConfiguration": {"Audience": [identity.client_id], "Issuer": identity.issuer},
    }
    found = [dict(item) for item in client.get_authorizers(ApiId=API_ID)["Items"] if item["Name"] == name]
    if not found:
        created = client.create_authorizer(ApiId=API_ID, Name=name, **wanted)
        context.note("authorizer", name, Action.CREATED)
        return created["AuthorizerId"]
    authorizer = str(found[0]["AuthorizerId"])
    if any(found[0].get(key) != value for key, value in wanted.items()):
        client.update_authorizer(ApiId=API_ID, AuthorizerId=authorizer, **wanted)
        context.note("authorizer", name, Action.UPDATED)
    return authorizer


def _remove_authorizers(context: Context, declared: Mapping[str, str]) -> None:
    client = context.clients.apigateway
    for item in client.get_authorizers(ApiId=API_ID)["Items"]:
        if item["AuthorizerId"] not in declared.values():
            client.delete_authorizer(ApiId=API_ID, AuthorizerId=item["AuthorizerId"])
            context.note("authorizer", item["Name"], Action.REMOVED)


def _stage(context: Context, api: HttpApi) -> None:
    client = context.clients.apigateway
    limits = {"ThrottlingBurstLimit": api.burst, "ThrottlingRateLimit": float(api.rate)}
    wanted: dict[str, Any] = {"AutoDeploy": True, "DefaultRouteSettings": limits}
    found = [item for item in client.get_stages(ApiId=API_ID)["Items"] if item["StageName"] == _STAGE]
    if not found:
        client.create_stage(ApiId=API_ID, StageName=_STAGE, **wanted)
        context.note("stage", _STAGE, Action.CREATED)
        return
    settings: dict[str, Any] = {**found[0].get("DefaultRouteSettings", {})}
    if not found[0].get("AutoDeploy") or any(settings.get(key) != value for key, value in limits.items()):
        client.update_stage(ApiId=API_ID, StageName=_STAGE, **wanted)
        context.note("stage", _STAGE, Action.UPDATED)


def _integrations(context: Context) -> dict[str, str]:
    """Integration ids by function ARN; undeclared ones are removed after their routes."""
    client = context.clients.apigateway
    found = {
        str(item.get("IntegrationUri")): str(item["IntegrationId"])
        for item in client.get_integrations(ApiId=API_ID, MaxResults=_PAGE)["Items"]
    }
    for arn in sorted(_functions(context)):
        if arn not in found:
            created = client.create_integration(
                ApiId=API_ID, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
            )
            found[arn] = created["IntegrationId"]
            context.note("integration", _function_name(arn), Action.CREATED)
    return found


def _routes(context: Context, authorizers: Mapping[str, str], integrations: Mapping[str, str]) -> None:
    client = context.clients.apigateway
    found: dict[str, dict[str, Any]] = {
        item["RouteKey"]: {**item} for item in client.get_routes(ApiId=API_ID, MaxResults=_PAGE)["Items"]
    }
    wanted = {route.key: _settings(route, authorizers, integrations) for route in context.topology.of(ApiRoute)}

    def work(key: str) -> None:
        current = found.get(key)
        if current is None:
            client.create_route(ApiId=API_ID, RouteKey=key, **wanted[key])
            context.note("route", key, Action.CREATED)
        elif any(current.get(name) != value for name, value in wanted[key].items()):
            client.update_route(ApiId=API_ID, RouteId=current["RouteId"], **wanted[key])
            context.note("route", key, Action.UPDATED)

    in_parallel(work, wanted)
    for key in set(found) - set(wanted):
        client.delete_route(ApiId=API_ID, RouteId=found[key]["RouteId"])
        context.note("route", key, Action.REMOVED)
    for arn in set(integrations) - _functions(context):
        client.delete_integration(ApiId=API_ID, IntegrationId=integrations[arn])
        context.note("integration", arn, Action.REMOVED)


def _settings(route: ApiRoute, authorizers: Mapping[str, str], integrations: Mapping[str, str]) -> dict[str, Any]:
    settings: dict[str, Any] = {"Target": f"integrations/{integrations[route.function_arn]}"}
    if route.authorizer is None:
        return settings | {"AuthorizationType": "NONE"}
    return settings | {"AuthorizationType": "JWT", "AuthorizerId": authorizers[route.authorizer]}


def _functions(context: Context) -> set[str]:
    """ARNs of the functions that have routes."""
    return {route.function_arn for route in context.topology.of(ApiRoute)}


def _function_name(arn: str) -> str:
    return arn.rsplit(":", 1)[-1]
