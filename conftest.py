"""Fixtures over real servers for every member's tests (none is started unless a test asks for it), and the check that
what the services emit while they are tested keeps their contracts."""

pytest_plugins = [
    "testkit",
    "testkit.aws_models",
    "testkit.parallel",
    "testkit.crashes.reporting",
    "testkit.contract_tests.emissions",
]
