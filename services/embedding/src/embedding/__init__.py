"""Descriptions to vectors, in batches; rebuild of a tenant's vectors."""
