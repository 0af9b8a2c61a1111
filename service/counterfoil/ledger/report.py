"""What a verification looked at and found."""

from __future__ import annotations

from dataclasses import dataclass, field

from counterfoil.core.checkpoint import Checkpoint

MAX_FINDINGS = 20  # one change can shake every later checkpoint; the first ones tell


@dataclass(frozen=True, slots=True)
class Finding:
    """Where and what."""

    where: str
    what: str


@dataclass(slots=True)
class Report:
    """Counts, the roots that the records lead to, and the findings in the order of discovery."""

    prefix: str
    entries: int = 0
    checkpoints: int = 0
    held_checkpoints: int = 0
    held_receipts: int = 0
    logs: list[Checkpoint] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    reached: dict[str, Checkpoint] = field(default_factory=dict)  # whole up to here, for a resume
    recoveries: list[str] = field(default_factory=list)
    skewed: int = 0
    first_skew: str = ""

    def flag_skew(self, where: str, seconds: float) -> None:
        """Count a record whose clock ran behind: odd, and no proof of anything."""
        self.skewed += 1
        self.first_skew = self.first_skew or f"{where}: {seconds:.0f} s behind an earlier record"

    def add(self, where: str, what: str) -> None:
        """Count a finding, and keep the first ones."""
        self.found += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(where, what))
