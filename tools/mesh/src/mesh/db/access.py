"""Sign-in to an environment's database: with passwords in the local mesh, with IAM tokens in AWS.

RDS creates its first role with a password. `IamAccess` uses that password once, to grant the role `rds_iam`; a role
with `rds_iam` can no longer sign in with a password, so from then on no password opens the database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Final, Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from localmesh.config import MeshSettings
from localmesh.provision.database import ensure_passwords
from mesh.db.errors import SignInError, one_line
from mesh.environments import Environment

Connection = psycopg.Connection[tuple[object, ...]]

ROOT_CERTIFICATES: Final = str(files("chassis") / "rds-ca.pem")
_TIMEOUT_S: Final = 10
# A refused sign-in has no SQLSTATE, only a message: the first for a role without `rds_iam`, the second for one with it.
_TAKES_NO_IAM: Final = "password authentication failed"
_TAKES_IAM_ONLY: Final = "PAM authentication failed"


class Access(Protocol):
    """Every connection is in autocommit mode. Signing in raises SignInError."""

    def administrator(self, database: str, *, changing: bool) -> Connection:
        """As the owner of the database; without `changing` nothing is changed to get access."""

    def service(self, service: str) -> Connection:
        """As the role of a prepared service."""

    def reader(self, service: str) -> Connection:
        """As a role that may read which migrations were applied to the service's schema."""

    def passwords(self, services: Iterable[str]) -> dict[str, str | None]:
        """The password for each service's role, None for no password."""

    def admit(self, administrator: Connection, service: str) -> None:
        """Let a service's role sign in, after it was created."""

    def admits(self, administrator: Connection, service: str) -> bool:
        """Whether a service's role, if it exists, may sign in."""


def open_access(environment: Environment) -> Access:
    """How to sign in to the environment's database."""
    return IamAccess(environment) if environment.database.auth == "iam" else PasswordAccess(environment, MeshSettings())


class PasswordAccess:
    """The local mesh's database; the superuser's and the services' passwords are in the state folder."""

    def __init__(self, environment: Environment, settings: MeshSettings) -> None:
        self._environment = environment
        self._settings = settings

    def administrator(self, database: str, *, changing: bool) -> Connection:
        """The superuser."""
        try:
            password = self._settings.postgres_password()
        except FileNotFoundError:
            raise SignInError("the local database was never started: run `make up`") from None
        return self._connect(database, self._environment.database.administrator, password)

    def service(self, service: str) -> Connection:
        """With the password in the state folder."""
        password = ensure_passwords(self._settings.paths.root, [service])[service]
        return self._connect(self._environment.database.name, service, password)

    def reader(self, service: str) -> Connection:
        """The superuser: the service's password may not be known yet."""
        return self.administrator(self._environment.database.name, changing=False)

    def passwords(self, services: Iterable[str]) -> dict[str, str | None]:
        """The passwords in the state folder; missing ones are generated."""
        wanted = list(services)
        passwords = ensure_passwords(self._settings.paths.root, wanted)
        return {service: passwords[service] for service in wanted}

    def admit(self, administrator: Connection, service: str) -> None:
        """A password is enough."""

    def admits(self, administrator: Connection, service: str) -> bool:
        """A password is enough."""
        return True

    def _connect(self, database: str, user: str, password: str) -> Connection:
        try:
            return _connect(self._environment, database, user, password)
        except psycopg.OperationalError as error:
            raise SignInError(f"the local database: {one_line(error)}; run `make up` to start it") from error


class IamAccess:
    """A database in RDS: TLS with a verified server certificate, and a token instead of a password."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def administrator(self, database: str, *, changing: bool) -> Connection:
        """With a token; the first time with the password that RDS generated."""
        user = self._environment.database.administrator
        try:
            return _connect(self._environment, database, user, self._token(user))
        except psycopg.OperationalError as error:
            if _TAKES_NO_IAM not in str(error):
                raise self._refused(user, error) from error
        try:
            first = _connect(self._environment, database, *self._first_password())
        except psycopg.OperationalError as error:
            if _TAKES_IAM_ONLY in str(error):  # another run was faster
                return self._sign_in(database, user)
            raise SignInError(
                f"the database accepts neither IAM tokens nor its initial password: {one_line(error)}"
            ) from error
        if not changing:
            return first
        with first:
            _grant_iam(first, user)
        return self._sign_in(database, user)

    def service(self, service: str) -> Connection:
        """With a token."""
        return self._sign_in(self._environment.database.name, service)

    def reader(self, service: str) -> Connection:
        """The service's own role: the administrator may not look into its schema."""
        return self.service(service)

    def passwords(self, services: Iterable[str]) -> dict[str, str | None]:
        """No role has a password."""
        return dict.fromkeys(services)

    def admit(self, administrator: Connection, service: str) -> None:
        """Tokens are for members of `rds_iam`."""
        _grant_iam(administrator, service)

    def admits(self, administrator: Connection, service: str) -> bool:
        """Tokens are for members of `rds_iam`."""
        found = administrator.execute(
            "SELECT 1 FROM pg_auth_members WHERE roleid = to_regrole('rds_iam') AND member = to_regrole(%s)", [service]
        )
        return found.fetchone() is not None

    def _sign_in(self, database: str, user: str) -> Connection:
        try:
            return _connect(self._environment, database, user, self._token(user))
        except psycopg.OperationalError as error:
            raise self._refused(user, error) from error

    def _token(self, user: str) -> str:
        address = self._environment.database
        signed: str = self._environment.client("rds").generate_db_auth_token(
            DBHostname=address.host, Port=address.port, DBUsername=user
        )
        return signed

    def _first_password(self) -> tuple[str, str]:
        """User and password from the secret of RDS."""
        secret = self._environment.database.administrator_secret
        if secret is None:
            raise SignInError(
                "the database does not accept IAM tokens yet, and the location of its initial password is unknown"
            )
        kept = self._environment.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
        try:
            first = json.loads(kept)
            return first["username"], first["password"]
        except (ValueError, TypeError, KeyError):  # whose message could quote the secret
            raise SignInError(f"the secret {secret} does not hold a username and password") from None

    def _refused(self, user: str, error: psycopg.OperationalError) -> SignInError:
        address = self._environment.database
        if _TAKES_IAM_ONLY not in str(error):
            return SignInError(f"the database: {one_line(error)}")
        resource = f"dbuser:{address.resource_id or '*'}/{user}"
        return SignInError(
            f"the database refuses the IAM token for {user}: your credentials need rds-db:connect on "
            f"{self._environment.names.arn('rds-db', resource)}, and this machine's clock must be right"
        )


def _grant_iam(connection: Connection, role: str) -> None:
    try:
        connection.execute("SET client_min_messages = warning")
        connection.execute(sql.SQL("GRANT rds_iam TO {}").format(sql.Identifier(role)))
    except psycopg.errors.UndefinedObject as error:
        raise SignInError("the server has no role rds_iam: it is not an RDS database") from error


def _connect(environment: Environment, database: str, user: str, password: str) -> Connection:
    address = environment.database
    verified = {"sslrootcert": ROOT_CERTIFICATES} if address.sslmode.startswith("verify-") else {}
    conninfo = make_conninfo(
        host=address.host,
        port=address.port,
        dbname=database,
        user=user,
        password=password,
        sslmode=address.sslmode,
        connect_timeout=_TIMEOUT_S,
        application_name="mesh",
        **verified,
    )
    return psycopg.connect(conninfo, autocommit=True)
