"""Binds the listening sockets: the parent holds them, so the port outlives its children."""

from __future__ import annotations

import errno
import socket
import time
from typing import Final

from counterfoil.errors import ConfigError

BACKLOG: Final = 1024  # connections that wait while gunicorn starts again
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


def _cannot(setting: str, host: str, port: int, error: OSError) -> ConfigError:
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        text = f"{name} is taken by another program. Stop it, or choose another port."
    else:
        text = f"{name} cannot be bound ({error.strerror}). Name an address of this machine."
    return ConfigError(f"{setting}: {text}", pointer=setting)
