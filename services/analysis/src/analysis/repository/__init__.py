"""The SQL of this service, a module for each table. Every statement on a tenant's data filters by the tenant."""

from analysis.repository import analyses, leases, pictures, rejections

__all__ = ["analyses", "leases", "pictures", "rejections"]
