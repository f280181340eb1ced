"""A stand-in for a database of RDS: an ordinary Postgres and a relay in front of it.

The relay speaks TLS (which the embedded server does not) and asks for passwords in the clear within it, as RDS does:
members of `rds_iam` show a token that was signed for them and for this address, other users a password. Behind it
only the test is a superuser.
"""

from __future__ import annotations

import datetime
import ipaddress
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from localmesh.postgres import Postgres

ADMINISTRATOR = "administrator"
FIRST_PASSWORD = "made-by-rds-at-first"
_HOST = "127.0.0.1"
_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_RULES = "host all postgres 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
_ROLES = f"""
CREATE ROLE rds_iam NOLOGIN;
CREATE ROLE rds_superuser NOLOGIN;
GRANT rds_iam TO rds_superuser WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
CREATE ROLE {ADMINISTRATOR} LOGIN NOSUPERUSER CREATEROLE CREATEDB;
GRANT rds_superuser TO {ADMINISTRATOR};
"""


@dataclass
class Rds:
    """`server` is the Postgres behind it, `certificates` the authority's file; `attempts` are pairs of a user and how
    the sign-in ended."""

    server: Postgres
    certificates: Path
    host: str = _HOST
    port: int = 0
    token_refused_for: set[str] = field(default_factory=set)
    attempts: list[tuple[str, str]] = field(default_factory=list)

    def as_made(self) -> None:
        """The administrator has its first password and may not use tokens."""
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(f"REVOKE rds_iam FROM {ADMINISTRATOR} GRANTED BY rds_superuser".encode())
        self.attempts.clear()

    def has_iam(self, role: str) -> bool:
        """Whether a role may use tokens, and nothing else."""
        query = "SELECT 1 FROM pg_auth_members WHERE roleid = 'rds_iam'::regrole AND member = to_regrole(%s)"
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            return connection.execute(query, [role]).fetchone() is not None

    def verdict(self, user: str, shown: str) -> str:
        """How a sign-in ends: `token`, `password`, or the server's message."""
        if self.has_iam(user):
            token = urlsplit(f"https://{shown}")
            query = parse_qs(token.query)
            good = token.netloc == f"{self.host}:{self.port}" and query.get("DBUser") == [user]
            good = good and query.get("Action") == ["connect"] and user not in self.token_refused_for
            return "token" if good else f'PAM authentication failed for user "{user}"'
        good = user == ADMINISTRATOR and shown == FIRST_PASSWORD
        return "password" if good else f'password authentication failed for user "{user}"'


@contextmanager
def rds(folder: Path) -> Iterator[Rds]:
    """A server while the block runs."""
    authority, tls = _certificates(folder)
    server = Postgres(folder / "postgres", fast=True)
    server.prepare()
    (server.data / "pg_hba.conf").write_text(_RULES)
    with server:
        with psycopg.connect(server.dsn("template1"), autocommit=True) as connection:
            # The administrator of RDS may create this one too.
            connection.execute("CREATE EXTENSION vector; CREATE EXTENSION pg_trgm")
            connection.execute(_ROLES.encode())
        started = Rds(server, authority)
        with socket.create_server((_HOST, 0)) as listening:
            started.port = listening.getsockname()[1]
            threading.Thread(target=_accept, args=(started, listening, tls), daemon=True).start()
            try:
                yield started
            finally:
                listening.shutdown(socket.SHUT_RDWR)


def _accept(server: Rds, listening: socket.socket, tls: ssl.SSLContext) -> None:
    with suppress(OSError):  # closed at the end
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_serve, args=(server, client, tls), daemon=True).start()


def _serve(server: Rds, client: socket.socket, tls: ssl.SSLContext) -> None:
    with suppress(OSError, EOFError):
        packet = _startup(client)
        if _code(packet) == _GSS_REQUEST:
            client.sendall(b"N")
            packet = _startup(client)
        if _code(packet) != _SSL_REQUEST:
            client.sendall(_refusal("no pg_hba.conf entry, no encryption"))
            return
        client.sendall(b"S")
        with tls.wrap_socket(client, server_side=True) as secured:
            _admit(server, secured)


def _admit(server: Rds, client: ssl.SSLSocket) -> None:
    packet = _startup(client)
    words = packet[8:].split(b"\0")
    user = dict(zip(words[::2], words[1::2], strict=False))[b"user"].decode()
    client.sendall(b"R" + struct.pack("!ii", 8, 3))
    (length,) = struct.unpack("!xi", _exactly(client, 5))
    verdict = server.verdict(user, _exactly(client, length - 4).rstrip(b"\0").decode())
    server.attempts.append((user, verdict))
    if verdict not in {"token", "password"}:
        client.sendall(_refusal(verdict))
        return
    with socket.create_connection((server.server.host, server.server.port)) as behind:
        behind.sendall(packet)
        _pump(client, behind)


def _pump(client: ssl.SSLSocket, behind: socket.socket) -> None:
    while True:
        ready = [client] if client.pending() else select.select([client, behind], [], [])[0]
        for source in ready:
            data = source.recv(65536)
            if not data:
                return
            (behind if source is client else client).sendall(data)


def _startup(client: socket.socket) -> bytes:
    head = _exactly(client, 4)
    return head + _exactly(client, struct.unpack("!i", head)[0] - 4)


def _code(packet: bytes) -> int:
    code: int = struct.unpack("!i", packet[4:8])[0]
    return code


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _refusal(message: str) -> bytes:
    fields = b"SFATAL\0VFATAL\0C28000\0M" + message.encode() + b"\0\0"
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


def _certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """An authority, and what the relay shows, signed by it."""
    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("authority", _HOST)]
    certificates = []
    for key, name in zip(keys, names, strict=True):
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(names[0]).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
        builder = builder.not_valid_after(now + datetime.timedelta(hours=1))
        if name is names[0]:
            extension: x509.ExtensionType = x509.BasicConstraints(ca=True, path_length=None)
        else:
            extension = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_HOST))])
        certificates.append(builder.add_extension(extension, critical=False).sign(keys[0], hashes.SHA256()))
    pem = serialization.Encoding.PEM
    authority, shown = folder / "authority.pem", folder / "shown.pem"
    authority.write_bytes(certificates[0].public_bytes(pem))
    private = keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    shown.write_bytes(private + certificates[1].public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown)
    return authority, context
