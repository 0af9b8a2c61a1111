"""Binds the listening sockets: the parent holds them, so the port outlives its children."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from counterfoil.errors import ConfigError

BACKLOG: Final = 1024  # connections that wait while gunicorn starts again
_MAX_PATH_BYTES: Final = 107  # unix(7)
_PROXY_MODE: Final = 0o660  # this account's, and the folder's group's, in which the proxy is
_RELEASE_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.02  # the kernel tells nobody when a port becomes free


def listen(address: tuple[str, int], setting: str) -> socket.socket:
    """Bind and listen. A port that a dying process still holds is waited for, shortly.

    Raises:
        ConfigError: the address cannot be had; names the setting.
    """
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + _RELEASE_SECONDS
    while True:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise _cannot(setting, host, port, error) from error
            time.sleep(_POLL_SECONDS)
        else:
            return listener


@contextmanager
def listen_for_proxy(path: Path | None) -> Iterator[socket.socket | None]:
    """Listen on the proxy's own socket while the context lasts; None where there is none.

    Whoever can connect there can say whose certificate a request came with, so the file is
    open to this account and one group, and its folder to no one else's hands.

    Raises:
        ConfigError: the path cannot be had; names the setting.
    """
    if path is None:
        yield None
        return
    listener = _bound(path)
    try:
        with listener:
            yield listener
    finally:
        with suppress(OSError):
            path.unlink()


def _bound(path: Path) -> socket.socket:
    setting = "server.proxy_socket"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if len(os.fsencode(path)) > _MAX_PATH_BYTES:
            text = f"{path} is too long. Name a path of at most {_MAX_PATH_BYTES} bytes."
            raise ConfigError(f"{setting}: {text}", pointer=setting)
        if path.parent.stat().st_mode & stat.S_IWOTH:
            text = f"any account may write {path.parent}. Take that right away (chmod o-w)."
            raise ConfigError(f"{setting}: {text}", pointer=setting)
        if path.is_socket():  # of a service that was killed: the lock says that none runs
            path.unlink()
        listener.bind(str(path))
        path.chmod(_PROXY_MODE)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        text = (
            f"{path} cannot be bound ({error.strerror}). Name a path in a folder of this machine."
        )
        raise ConfigError(f"{setting}: {text}", pointer=setting) from error
    except ConfigError:
        listener.close()
        raise
    return listener


def _cannot(setting: str, host: str, port: int, error: OSError) -> ConfigError:
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        text = f"{name} is taken by another program. Stop it, or choose another port."
    else:
        text = f"{name} cannot be bound ({error.strerror}). Name an address of this machine."
    return ConfigError(f"{setting}: {text}", pointer=setting)
