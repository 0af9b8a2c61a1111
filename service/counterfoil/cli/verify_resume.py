"""Where a verification had got to, so that one that was broken off can go on.

The file is trusted as the person's own memory of what they have checked: it is signed by nobody.
Of what lies below, all hashes are computed again.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.entry import from_b64url
from counterfoil.ledger.held import InvalidEvidence
from counterfoil.ledger.report import Report

SAVE_SECONDS = 2.0


class Resume:
    """The file of one check; None keeps nothing."""

    def __init__(self, path: Path | None, prefix: str, report: Report) -> None:
        self._path, self._prefix, self._report = path, prefix, report
        self._saved = time.monotonic()

    def load(self) -> list[Checkpoint]:
        """What was checked before; nothing where there is no file.

        Raises:
            InvalidEvidence: the file is about another ledger, or cannot be read.
        """
        if self._path is None or not self._path.exists():
            return []
        try:
            value = json.loads(self._path.read_text())
            if value["prefix"] != self._prefix:
                raise InvalidEvidence(f"{self._path} is about another ledger")
            return [
                Checkpoint(origin, int(size), from_b64url(root))
                for origin, (size, root) in value["logs"].items()
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidEvidence(f"{self._path} cannot be read: {error}") from error

    def save(self, *, now: bool = False) -> None:
        """Keep how far all is whole, now and then."""
        moment = time.monotonic()
        if self._path is None or self._report.found or not self._report.reached:
            return
        if not now and moment - self._saved < SAVE_SECONDS:
            return
        logs = {at.origin: [at.size, b64url(at.root)] for at in self._report.reached.values()}
        part = self._path.with_name(self._path.name + ".part")
        part.write_text(json.dumps({"prefix": self._prefix, "logs": logs}))
        part.replace(self._path)
        self._saved = moment

    def end(self) -> None:
        """The check has come to its end: the next one begins at the beginning."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
