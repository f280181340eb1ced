"""The SQL of this service, one module a subject. Every statement on a tenant's data filters by the tenant."""

from embedding.repository import documents, failures, rebuilds, vectors

__all__ = ["documents", "failures", "rebuilds", "vectors"]
