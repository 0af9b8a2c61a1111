"""The prompt that a run was opened with, beside a decision of it that a person was shown.

Such a run's decisions hold no prompt of their own. Whoever may read one may read what it was
asked under; that they read it is recorded with the decision's trail (`flows/trail.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.flows.prompts import recorded_prompt
from counterfoil.ports import Ledger
from counterfoil.ports_masking import Masker


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPromptFlow:
    """Reads it back; what looks like a secret is hidden, as in trails."""

    ledger: Ledger
    masker: Masker

    def run(self, tenant: str, run: str) -> str | None:
        """The prompt; None where the run was opened without one, elsewhere, or is erased.

        Args:
            tenant: the verified reader's.
            run: of a decision that they were shown.

        Raises:
            LedgerError: the record cannot be read.
        """
        prompt = recorded_prompt(self.ledger.trail(tenant, run))
        if prompt is None:
            return None
        shown = self.masker.mask({"prompt": prompt}).payload["prompt"]
        return str(shown)
