"""Postgres with pgvector from a package: no installation, no Docker, also when started by root."""

from localmesh.errors import PostgresError
from localmesh.postgres.server import Postgres

__all__ = ["Postgres", "PostgresError"]
