"""A connection to a registered PostgreSQL resource, for the operator's commands alone.

The service itself never connects to a resource. The driver is an extra of the installation
(`counterfoil[postgresql]`), so that the service's own needs none.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from counterfoil.core.model import Resource
from counterfoil.errors import ConfigError

_PORT: Final = 5432
_SECONDS: Final = 60
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@contextmanager
def connected(
    resource: Resource, *, user: str, password: str | None, socket: str | None
) -> Iterator[Callable[[str], list[list[Any]]]]:
    """Connect to where the resource is registered; yields a function that runs one query.

    Args:
        resource: a `postgresql` resource; host, port and database are those of its location.
        user: the role, which needs no right but to connect.
        password: its password, where it has one.
        socket: a unix socket's path to use in the host's place.

    Raises:
        ConfigError: no driver, another type of resource, or no connection.
    """
    if resource.type != "postgresql":
        raise ConfigError(f"resource {resource.id} is of type {resource.type}, not postgresql")
    try:
        import pg8000.exceptions  # type: ignore[import-untyped]  # noqa: PLC0415 -- an extra
        import pg8000.native  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError("no PostgreSQL driver: pip install 'counterfoil[postgresql]'") from error
    place = urlsplit(resource.location)
    where: dict[str, Any] = {"unix_sock": socket}
    if socket is None:
        where = {"host": place.hostname, "port": place.port or _PORT}
        if place.hostname not in _LOOPBACK:
            where["ssl_context"] = ssl.create_default_context()
    try:
        connection = pg8000.native.Connection(
            user,
            password=password,
            database=place.path.removeprefix("/"),
            timeout=_SECONDS,
            application_name="counterfoil resource",
            **where,
        )
    except (pg8000.exceptions.Error, OSError) as error:
        raise ConfigError(f"no connection to {resource.location}: {error}") from error

    def run(query: str) -> list[list[Any]]:
        try:
            return list(connection.run(query) or [])
        except (pg8000.exceptions.Error, OSError) as error:
            raise ConfigError(f"{resource.location} refused a query: {error}") from error

    try:
        yield run
    finally:
        connection.close()
