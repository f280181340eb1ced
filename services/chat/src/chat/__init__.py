"""Multi-turn agent over its own read model and the web."""
