"""`counterfoil issuer …` that kills itself at one step: `crashing_issuer.py STEP issuer KIND …`.

STEP is `before` or `after`, a dot, and one of `STEPS`. SIGKILL, so nothing is cleaned up.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from counterfoil.cli import main
from counterfoil_issuers.postgresql.leaving import Leaving
from counterfoil_issuers.postgresql.target import PostgresqlTarget
from counterfoil_issuers.service_client import ServiceClient
from counterfoil_issuers.state import State

STEPS: dict[str, tuple[type, str]] = {
    "intend": (State, "intend"),
    "redeem": (ServiceClient, "redeem"),
    "redeemed": (State, "redeemed"),
    "make": (PostgresqlTarget, "make"),
    "made": (State, "made"),
    "report": (ServiceClient, "report"),
    "issued": (State, "issued"),
    "end": (PostgresqlTarget, "end"),
    "leave": (Leaving, "leave"),
    "ended": (State, "ended"),
    "closed": (State, "closed"),
}


def crash_at(step: str) -> None:
    when, _, name = step.partition(".")
    owner, method = STEPS[name]
    whole: Callable[..., Any] = getattr(owner, method)

    def crashing(*args: Any, **more: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = whole(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, method, crashing)


if __name__ == "__main__":
    crash_at(sys.argv[1])
    raise SystemExit(main(sys.argv[2:]))
