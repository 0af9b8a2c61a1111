"""Where a ledger on PostgreSQL lies: a URL without its password, read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from counterfoil.errors import ConfigError

PASSWORD_VARIABLE: Final = "COUNTERFOIL_LEDGER__PASSWORD"  # noqa: S105 (a name)
SCHEMES: Final = ("postgresql", "postgres")
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PORT: Final = 5432
_OPTIONS: Final = frozenset({"host", "sslmode", "sslrootcert", "sslcert", "sslkey"})
_FORM = "Write postgresql://user@host:5432/database, or postgresql://user@/database?host=/folder."
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,63}")  # NAMEDATALEN - 1
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresqlPlace:
    """One database. `host` is a name, or the absolute folder of a unix socket.

    The password is in a file, read at each connection, or it came by the environment; it
    is in no text that this value is shown as.
    """

    host: str
    port: int
    database: str
    user: str
    tls: tuple[tuple[str, str], ...] = ()
    url: str = ""
    password_file: Path | None = None
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.url


def postgresql_place(
    url: str, *, password_file: Path | None = None, password: str = ""
) -> PostgresqlPlace:
    """Read a URL. Another machine is reached by TLS with a checked name, or not at all.

    Raises:
        ConfigError: malformed, a password within it, or no TLS to another machine. The text
            repeats nothing of the URL.
    """
    try:
        parts = urlsplit(url)
        port, user = parts.port or _PORT, unquote(parts.username or "")
        pairs = parse_qsl(parts.query, strict_parsing=True) if parts.query else []
    except ValueError as error:
        raise ConfigError(f"the URL cannot be read. {_FORM}") from error
    if parts.password is not None:
        raise ConfigError(
            "a password stands in the URL. Put it into a file and name it in"
            " ledger.password_file, or set COUNTERFOIL_LEDGER__PASSWORD."
        )
    options, database = dict(pairs), unquote(parts.path.removeprefix("/"))
    socket_port = options.pop("port", "") if options.get("host", "").startswith("/") else ""
    if socket_port.isascii() and socket_port.isdigit() and int(socket_port) <= _MAX_PORT:
        port = int(socket_port)
    unknown = sorted(options.keys() - _OPTIONS)
    if parts.scheme not in SCHEMES or parts.fragment or unknown or len(options) > len(pairs):
        raise ConfigError(f"the URL has a part that is not known {unknown or ''}. {_FORM}")
    if not _NAME.fullmatch(user) or not _NAME.fullmatch(database):
        raise ConfigError(f"the URL lacks its user or database. {_FORM}")
    host = options.pop("host", parts.hostname or "")
    if not host or (parts.hostname and host != parts.hostname):
        raise ConfigError(f"the URL lacks its host, or names two. {_FORM}")
    return PostgresqlPlace(
        host=host,
        port=port,
        database=database,
        user=user,
        tls=_tls(host, options),
        url=url,
        password_file=password_file,
        password=password,
    )


def _tls(host: str, options: dict[str, str]) -> tuple[tuple[str, str], ...]:
    mode = options.pop("sslmode", None)
    if host.startswith("/"):
        return (("sslmode", "disable"),)
    if host in LOOPBACK and mode in {None, "disable"}:
        return (("sslmode", "disable"),)
    if mode not in {None, "verify-full"}:
        raise ConfigError("sslmode is verify-full for another machine: leave it out.")
    if "sslrootcert" not in options:
        raise ConfigError("another machine needs sslrootcert=/file of the authorities that count.")
    return (("sslmode", "verify-full"), *sorted(options.items()))
