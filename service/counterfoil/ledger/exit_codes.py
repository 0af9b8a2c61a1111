"""How the ledger's processes end (sysexits.h); the parent reads them."""

from __future__ import annotations

from typing import Final

EXIT_CORRUPT: Final = 65
"""The log contradicts itself: a restart would not help."""
EXIT_STORAGE: Final = 74
"""The storage failed: restart, for a failed sync is never retried in the same life."""
EXIT_CONFIG: Final = 78
