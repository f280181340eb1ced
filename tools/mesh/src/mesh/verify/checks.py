"""The ten checks, in the order in which they run."""

from __future__ import annotations

from typing import Final

from mesh.verify import functions, identity, journeys, stores
from mesh.verify.model import Check

CHECKS: Final = (
    Check("database", "PostgreSQL answers, with pgvector and every service's schema", stores.database),
    Check("parameters", "The secrets that services need are set, encrypted and readable", stores.parameters),
    Check("token", "A user can sign in and gets a token that identifies them", identity.token),
    Check("bucket", "The images bucket stores objects and sends their events to EventBridge", stores.bucket),
    Check("invoke", "Every service's HTTP function starts and answers", functions.invoke),
    Check(
        "function-database",
        "Every service reads its schema with its own role",
        functions.function_database,
        needs=("invoke",),
    ),
    Check(
        "function-parameters",
        "A function reads a secret, and its provider accepts it",
        functions.function_parameters,
        needs=("parameters", "invoke", "function-database"),
    ),
    Check("gateway", "The API answers, and requires a token where it should", journeys.gateway),
    Check(
        "events",
        "Events published by one service are consumed by another",
        journeys.events,
        needs=("bucket", "invoke", "function-database"),
    ),
    Check(
        "end-to-end",
        "A user uploads a picture, finds it and deletes it",
        journeys.end_to_end,
        needs=("token", "gateway", "function-parameters", "events"),
    ),
)
