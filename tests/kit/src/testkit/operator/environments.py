"""An environment in AWS of which only what a test names exists."""

from __future__ import annotations

from typing import Any

from mesh.environments import DatabaseAccess, Environment


def bare_environment(name: str, **fields: Any) -> Environment:
    """An environment of that name with these fields; all others name nothing."""
    nothing = {
        "region": "us-east-1",
        "account": "000000000000",
        "api_url": "http://nowhere",
        "user_pool_id": "none",
        "client_id": "none",
        "issuer": "none",
        "event_bus": "none",
        "archive": "none",
        "images_bucket": "none",
        "tables": {},
        "functions": {},
        "database": DatabaseAccess(
            host="none", port=1, name="none", auth="iam", sslmode="verify-full", administrator="administrator"
        ),
    }
    return Environment(environment=name, **(nothing | fields))
