"""Which module reads which family. Loads the C parsers: import it in the reader child only."""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions import dialects, handoff, kubernetes
from counterfoil.core.actions.contract import Families

FAMILIES: Final[Families] = {
    "database": dialects.interpret,
    "handoff": handoff.interpret,
    "kubernetes": kubernetes.interpret,
}
