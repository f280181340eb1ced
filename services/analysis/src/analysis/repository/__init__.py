"""The SQL of this service, a module for each table. Every statement on a tenant's data filters by the tenant."""

from analysis.repository import analyses, candidates, leases, pictures, rejections, runs

__all__ = ["analyses", "candidates", "leases", "pictures", "rejections", "runs"]
