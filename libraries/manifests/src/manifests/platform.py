"""The shape of `services/platform.yaml`: what the services share."""

from typing import Annotated

from pydantic import Field, StringConstraints

from manifests.model import KeyPattern, Model

Origin = Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^/ ]+)$")]
Header = Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*$")]


class Bus(Model):
    """The event bus and its archive."""

    archive_days: int = Field(ge=1, le=3650)


class Expiry(Model):
    """A lifecycle rule: objects below the prefix are deleted after so many days."""

    id: str
    prefix: KeyPattern
    days: int = Field(ge=1)


class ImagesBucket(Model):
    """The bucket of originals, renditions, thumbnails and uploads."""

    cors_origins: tuple[Origin, ...]
    prefixes: tuple[str, ...]
    noncurrent_days: int = Field(default=30, ge=1)
    expire: tuple[Expiry, ...] = ()


class Throttling(Model):
    """Requests a second, and the burst limit."""

    rate: int = Field(ge=1)
    burst: int = Field(ge=1)


class Api(Model):
    """The HTTP API."""

    cors_origins: tuple[Origin, ...]
    cors_headers: tuple[Header, ...]
    cors_exposed_headers: tuple[Header, ...]
    throttling: Throttling


class PasswordPolicy(Model):
    """Requirements on users' passwords."""

    minimum_length: int = Field(ge=8, le=99)
    lowercase: bool = True
    uppercase: bool = True
    numbers: bool = True
    symbols: bool = False


class Tokens(Model):
    """How long tokens are valid."""

    access_minutes: int = Field(ge=5, le=1440)
    id_minutes: int = Field(ge=5, le=1440)
    refresh_days: int = Field(ge=1, le=3650)


class Identity(Model):
    """The user pool."""

    password: PasswordPolicy
    tokens: Tokens


class Database(Model):
    """The Postgres database; each service has a schema and a role in it."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z_]+$")]
    extensions: tuple[str, ...] = ()


class Logs(Model):
    """Log groups."""

    retention_days: int = Field(ge=1)


class Platform(Model):
    """What the services share."""

    runtime: str
    architecture: str
    bus: Bus
    images: ImagesBucket
    api: Api
    identity: Identity
    database: Database
    logs: Logs
