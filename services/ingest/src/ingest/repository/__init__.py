"""The SQL of this service, a module for each subject. Every statement filters by the tenant."""

from ingest.repository import history, items, originals, uploads

__all__ = ["history", "items", "originals", "uploads"]
