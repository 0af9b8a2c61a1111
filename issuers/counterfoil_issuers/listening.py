"""Binds the issuer's address, or its unix socket, whose folder says who may connect."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from counterfoil.errors import ConfigError
from counterfoil_issuers.settings import IssuerSettings

BACKLOG: Final = 128
_MAX_PATH_BYTES: Final = 107  # unix(7)
_MODE: Final = 0o660  # this account's, and its group's, in which the agent's program is
_SETTING: Final = "issuer.listen"


@contextmanager
def listening(settings: IssuerSettings) -> Iterator[socket.socket]:
    """The bound socket while the context lasts.

    Raises:
        ConfigError: the address cannot be had.
    """
    if settings.socket is None:
        with _bound(settings.address or ("127.0.0.1", 0)) as listener:
            yield listener
        return
    try:
        with _at(settings.socket) as listener:
            yield listener
    finally:
        with suppress(OSError):
            settings.socket.unlink()


def _bound(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        text = f"{address[0]}:{address[1]} cannot be bound ({error.strerror}). Name another."
        raise ConfigError(text, pointer=_SETTING) from error
    return listener


def _at(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        text = f"{path} is too long. Name a path of at most {_MAX_PATH_BYTES} bytes."
        raise ConfigError(text, pointer=_SETTING)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.parent.stat().st_mode & stat.S_IWOTH:
            text = f"any account may write {path.parent}. Take that right away (chmod o-w)."
            raise ConfigError(text, pointer=_SETTING)
        if path.is_socket():  # of a life that was killed: the state's lock says that none runs
            path.unlink()
        listener.bind(str(path))
        path.chmod(_MODE)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        text = (
            f"{path} cannot be bound ({error.strerror}). Name a path in a folder of this account."
        )
        raise ConfigError(text, pointer=_SETTING) from error
    except ConfigError:
        listener.close()
        raise
    return listener
