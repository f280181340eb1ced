"""Keyword, vector, hybrid and agentic search over its own read model."""
