"""What `--ledger` names: a file, or a database by its URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from counterfoil.config_ledger import (
    PASSWORD_VARIABLE,
    SCHEMES,
    PostgresqlPlace,
    postgresql_place,
)

if TYPE_CHECKING:
    from counterfoil.config_model import Config

_SCHEME = "sqlite:///"


def ledger_place(text: str, config: Config | None = None) -> Path | PostgresqlPlace:
    """What `--ledger` names; a database's password is the configuration's, or the environment's.

    Raises:
        ConfigError: the URL cannot be used.
    """
    if not text.startswith(SCHEMES):
        return Path(text.removeprefix(_SCHEME))
    known = config.ledger.place if config else None
    if isinstance(known, PostgresqlPlace) and text == known.url:
        return known
    # The variable alone: an auditor needs no configuration.
    return postgresql_place(text, password=os.environ.get(PASSWORD_VARIABLE, ""))
