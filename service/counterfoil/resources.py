"""Finds what travels with the package: `schemas/` and `rego/`, in a wheel or in a checkout.

In a wheel they lie inside the package (setup.py copies them when it builds), in a
checkout beside `service/`.
"""

from __future__ import annotations

from pathlib import Path

from counterfoil.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def packaged(name: str) -> Path:
    """The folder `name`.

    Raises:
        ConfigError: the installation is incomplete.
    """
    for base in (_PACKAGE, _CHECKOUT):
        if (base / name).is_dir():
            return base / name
    raise ConfigError(f"the installation lacks its folder {name}; install counterfoil again")
