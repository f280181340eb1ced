"""A service for the provisioning tests."""
