"""The HTTP API: an integration for each `http` function, the routes of the manifests, one JWT authorizer."""

from __future__ import annotations

from typing import Any

from localmesh.config import API_ID
from localmesh.provision.context import Action, Context, in_parallel
from localmesh.provision.identity import IdentityPool
from manifests import FunctionRef, Route, RouteAuth, Trigger

_STAGE = "$default"
_AUTHORIZER = "users"
_HEADERS = ["accept", "authorization", "content-type", "idempotency-key", "prefer"]
_PAGE = "500"


def provision_api(context: Context, identity: IdentityPool) -> None:
    """Make and mend the API and everything in it; routes that are no longer declared go."""
    _api(context)
    authorizer = _authorizer(context, identity)
    _stage(context)
    integrations = _integrations(context)
    _routes(context, authorizer, integrations)


def _api(context: Context) -> None:
    client, name = context.clients.apigateway, context.names.api
    cors: dict[str, Any] = {
        "AllowOrigins": list(context.manifests.platform.api.cors_origins),
        "AllowMethods": ["DELETE", "GET", "OPTIONS", "POST"],
        "AllowHeaders": _HEADERS,
        "ExposeHeaders": ["location", "retry-after"],
        "MaxAge": 3600,
    }
    found = [item for item in client.get_apis(MaxResults=_PAGE)["Items"] if item.get("ApiId") == API_ID]
    if not found:
        # The tag fixes the id, so that the address of the API is known before it exists.
        client.create_api(Name=name, ProtocolType="HTTP", CorsConfiguration=cors, Tags={"ms-custom-id": API_ID})  # type: ignore[arg-type]  # literals
        context.note("api", name, Action.CREATED)
    elif found[0].get("CorsConfiguration") != cors or found[0].get("Name") != name:
        client.update_api(ApiId=API_ID, Name=name, CorsConfiguration=cors)  # type: ignore[arg-type]  # literals
        context.note("api", name, Action.UPDATED)


def _authorizer(context: Context, identity: IdentityPool) -> str:
    client = context.clients.apigateway
    wanted: dict[str, Any] = {
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Audience": [identity.client_id], "Issuer": identity.issuer},
    }
    found = [dict(item) for item in client.get_authorizers(ApiId=API_ID)["Items"] if item["Name"] == _AUTHORIZER]
    if not found:
        created = client.create_authorizer(ApiId=API_ID, Name=_AUTHORIZER, **wanted)
        context.note("authorizer", _AUTHORIZER, Action.CREATED)
        return created["AuthorizerId"]
    authorizer = str(found[0]["AuthorizerId"])
    if any(found[0].get(key) != value for key, value in wanted.items()):
        client.update_authorizer(ApiId=API_ID, AuthorizerId=authorizer, **wanted)
        context.note("authorizer", _AUTHORIZER, Action.UPDATED)
    return authorizer


def _stage(context: Context) -> None:
    client, throttling = context.clients.apigateway, context.manifests.platform.api.throttling
    limits = {"ThrottlingBurstLimit": throttling.burst, "ThrottlingRateLimit": float(throttling.rate)}
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
    """Integration ids by function ARN; strangers are removed after the routes have left them."""
    client = context.clients.apigateway
    found = {
        str(item.get("IntegrationUri")): str(item["IntegrationId"])
        for item in client.get_integrations(ApiId=API_ID, MaxResults=_PAGE)["Items"]
    }
    for ref in _http_functions(context):
        arn = context.names.function_arn(ref)
        if arn not in found:
            created = client.create_integration(
                ApiId=API_ID, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
            )
            found[arn] = created["IntegrationId"]
            context.note("integration", context.names.function(ref), Action.CREATED)
    return found


def _routes(context: Context, authorizer: str, integrations: dict[str, str]) -> None:
    client = context.clients.apigateway
    found: dict[str, dict[str, Any]] = {
        item["RouteKey"]: {**item} for item in client.get_routes(ApiId=API_ID, MaxResults=_PAGE)["Items"]
    }
    wanted = {
        route.key: _settings(route, integrations[context.names.function_arn(ref)], authorizer)
        for ref in _http_functions(context)
        for route in ref.function.routes
    }

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
    declared = {context.names.function_arn(ref) for ref in _http_functions(context)}
    for arn in set(integrations) - declared:
        client.delete_integration(ApiId=API_ID, IntegrationId=integrations[arn])
        context.note("integration", arn, Action.REMOVED)


def _settings(route: Route, integration: str, authorizer: str) -> dict[str, Any]:
    settings: dict[str, Any] = {"Target": f"integrations/{integration}"}
    if route.auth is RouteAuth.NONE:
        return settings | {"AuthorizationType": "NONE"}
    return settings | {"AuthorizationType": "JWT", "AuthorizerId": authorizer}


def _http_functions(context: Context) -> list[FunctionRef]:
    return [ref for ref in context.manifests.functions if ref.function.trigger is Trigger.ROUTES]
