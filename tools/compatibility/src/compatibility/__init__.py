"""Decides whether two JSON Schemas are compatible, and proves it with a document."""
