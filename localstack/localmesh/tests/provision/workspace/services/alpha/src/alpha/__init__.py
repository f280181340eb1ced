"""A service of the tests of provisioning."""
