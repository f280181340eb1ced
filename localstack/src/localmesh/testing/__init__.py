"""For the tests of every workspace member: fixtures over real servers, and how Lambda calls an entry point.

The root `conftest.py` loads it as a plugin. Nothing is started unless a test asks for it.
"""

from localmesh.testing.deployment import (
    Deploy,
    Deployment,
    aws,
    aws_environment,
    aws_variables,
    deploy,
    deployed,
    make_table,
    make_table_again,
)
from localmesh.testing.guard import SocketInUnitTestError, _no_sockets, pytest_collection_modifyitems
from localmesh.testing.invoking import Answer, call, dead_letters, deliver, envelope
from localmesh.testing.polling import eventually
from localmesh.testing.providers import Providers, control, provider_server, providers, real_models
from localmesh.testing.running import RunningService
from localmesh.testing.schemas import MakeSchema, SchemaPool, ServiceSchema, schema_pool, service_schema
from localmesh.testing.servers import FreshDatabase, emulator, fresh_database, postgres_server, pytest_configure

__all__ = [
    "Answer",
    "Deploy",
    "Deployment",
    "FreshDatabase",
    "MakeSchema",
    "Providers",
    "RunningService",
    "SchemaPool",
    "ServiceSchema",
    "SocketInUnitTestError",
    "_no_sockets",
    "aws",
    "aws_environment",
    "aws_variables",
    "call",
    "control",
    "dead_letters",
    "deliver",
    "deploy",
    "deployed",
    "emulator",
    "envelope",
    "eventually",
    "fresh_database",
    "make_table",
    "make_table_again",
    "postgres_server",
    "provider_server",
    "providers",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "real_models",
    "schema_pool",
    "service_schema",
]
