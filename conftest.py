"""Fixtures over real servers for every member's tests (none is started unless a test asks for it), and the check that
what the services emit while they are tested keeps their contracts."""

from hypothesis import settings

# How long an example takes says how busy this machine is. What hypothesis draws is new in every run, also in CI.
settings.register_profile("collections", deadline=None, derandomize=False)
settings.load_profile("collections")

pytest_plugins = [
    "testkit",
    "testkit.aws_models",
    "testkit.parallel",
    "testkit.crashes.reporting",
    "testkit.contract_tests.emissions",
]
