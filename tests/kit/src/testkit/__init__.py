"""For the tests of every workspace member: fixtures over real servers, and how Lambda calls an entry point.

The root `conftest.py` loads it as a plugin. Nothing is started unless a test asks for it.
"""

from testkit.deployment import (
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
from testkit.fakes import Fakes, fakes
from testkit.faults import offline_aws
from testkit.guard import SocketInUnitTestError, _no_sockets, pytest_collection_modifyitems
from testkit.invoking import Answer, call, dead_letters, deliver, envelope, read
from testkit.observing import LogLines, Measured, log_lines, measured
from testkit.polling import eventually, settled
from testkit.providers import Providers, control, provider_server, providers, real_models
from testkit.running import RunningService
from testkit.schemas import MakeSchema, SchemaPool, ServiceSchema, schema_pool, service_schema
from testkit.servers import FreshDatabase, emulator, fresh_database, postgres_server, pytest_configure

__all__ = [
    "Answer",
    "Deploy",
    "Deployment",
    "Fakes",
    "FreshDatabase",
    "LogLines",
    "MakeSchema",
    "Measured",
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
    "fakes",
    "fresh_database",
    "log_lines",
    "make_table",
    "make_table_again",
    "measured",
    "offline_aws",
    "postgres_server",
    "provider_server",
    "providers",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "read",
    "real_models",
    "schema_pool",
    "service_schema",
    "settled",
]
