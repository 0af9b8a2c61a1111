"""Opened fields on their way out: what looks like a secret is hidden, as in `trail`."""

from __future__ import annotations

import time

from counterfoil.detectors import SecretMasker
from counterfoil.ledger.bulk import Fields

_masker = SecretMasker(time.monotonic)


def without_secrets(fields: Fields) -> Fields:
    """The same; a field in which something is hidden has no salt, for it binds to nothing."""
    hidden = _masker.hide({name: data for name, (_, data) in fields.items()})
    return {**fields, **{name: (b"", data) for name, data in hidden.items()}} if hidden else fields
