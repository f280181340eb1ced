"""Shared resources: bus, bucket, API, user pool, tables."""

from __future__ import annotations

from collections.abc import Iterator

from manifests.catalogue import Manifests
from manifests.model import Table
from manifests.naming import Names
from manifests.patterns import archive_pattern
from manifests.platform import Platform
from manifests.policies import operators_policy, operators_trust_policy, schedules_queue_policy
from manifests.topology.per_function import AUTHORIZER, POLICY, dead_letter_queue
from manifests.topology.resources import (
    Archive,
    Authorizer,
    Bucket,
    Cors,
    DynamoTable,
    EventBus,
    ExpiryRule,
    HttpApi,
    Index,
    Resource,
    Role,
    UserPool,
    UserPoolClient,
)

_CORS_AGE_S = 3600


def shared_resources(manifests: Manifests, names: Names) -> Iterator[Resource]:
    """Derive everything that exists once, and the tables."""
    yield EventBus(name=names.bus)
    yield Archive(
        name=names.bus,
        bus_arn=names.bus_arn,
        pattern=archive_pattern(),
        retention_days=manifests.platform.bus.archive_days,
    )
    yield dead_letter_queue(names.schedules_dead_letter_queue, schedules_queue_policy(names))
    if manifests.operators.publishes:
        yield Role(
            name=names.operators,
            trust=operators_trust_policy(names),
            policies={POLICY: operators_policy(names, manifests.operators)},
        )
    yield _bucket(manifests.platform, names)
    yield _api(manifests, names)
    yield from _identity(manifests.platform, names)
    for service in manifests.services.values():
        for name, table in service.tables.items():
            yield table_of(names.table(name), table)


def table_of(name: str, table: Table) -> DynamoTable:
    """A table of that name, as a manifest declares it."""
    indexes = tuple(
        Index(name=index, partition_key=keys.partition_key, sort_key=keys.sort_key)
        for index, keys in table.indexes.items()
    )
    return DynamoTable(
        name=name, partition_key=table.partition_key, sort_key=table.sort_key, ttl=table.ttl, indexes=indexes
    )


def _bucket(platform: Platform, names: Names) -> Bucket:
    images = platform.images
    cors = Cors(origins=images.cors_origins, methods=("GET", "POST"), headers=("*",), max_age_s=_CORS_AGE_S)
    return Bucket(
        name=names.images_bucket,
        cors=(cors,),
        noncurrent_days=images.noncurrent_days,
        expiries=tuple(ExpiryRule(id=rule.id, prefix=rule.prefix, days=rule.days) for rule in images.expire),
    )


def _api(manifests: Manifests, names: Names) -> HttpApi:
    api = manifests.platform.api
    methods = {str(route.method) for ref in manifests.functions for route in ref.function.gateway_routes}
    return HttpApi(
        name=names.api,
        cors=Cors(
            origins=api.cors_origins,
            # A page in a browser may call every route.
            methods=tuple(sorted({"OPTIONS", *methods})),
            headers=api.cors_headers,
            exposed=api.cors_exposed_headers,
            max_age_s=_CORS_AGE_S,
        ),
        rate=api.throttling.rate,
        burst=api.throttling.burst,
        authorizers=(
            Authorizer(
                name=AUTHORIZER,
                identity_source="$request.header.Authorization",
                user_pool=names.api,
                client=names.api,
            ),
        ),
    )


def _identity(platform: Platform, names: Names) -> Iterator[Resource]:
    password, tokens = platform.identity.password, platform.identity.tokens
    yield UserPool(name=names.api, **password.model_dump())
    yield UserPoolClient(
        name=names.api,
        access_token=(tokens.access_minutes, "minutes"),
        id_token=(tokens.id_minutes, "minutes"),
        refresh_token=(tokens.refresh_days, "days"),
    )
