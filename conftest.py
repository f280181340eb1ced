"""Fixtures over real servers for every member's tests; none is started unless a test asks for it."""

pytest_plugins = ["localmesh.testing"]
