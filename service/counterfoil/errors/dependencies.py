"""A part that a decision needs does not do its work, or was configured wrongly."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class PolicyError(CounterfoilError):
    """No decision could be had. An undefined or malformed result is a deny, not this."""

    code = "policy.unavailable"
    title = "The policy engine did not answer"
    status = 503
    solution = "Try again shortly; nothing was permitted."


class PolicyUnavailable(PolicyError):
    """Unreachable, another status than 200, a redirect, or a cut body."""


class PolicyTimeout(PolicyError):
    """Not within `policy.timeout_ms`."""

    code = "policy.timeout"
    title = "The policy engine did not answer in time"


class LedgerError(CounterfoilError):
    """The event could not be made durable. No record, no permission."""

    code = "ledger.unavailable"
    title = "The decision could not be recorded"
    status = 503
    solution = "Try again shortly with the same Idempotency-Key; nothing was permitted."


class LedgerUnavailable(LedgerError):
    """The writer is down, slow, out of space, or its file was replaced."""


class LedgerCorrupt(LedgerError):
    """The stored log contradicts itself; the writer refuses to sign."""

    code = "ledger.corrupt"
    title = "The ledger's own check failed"
    solution = "The operator runs `counterfoil verify` and restores from a backup."


class LedgerStopped(LedgerError):
    """A signed receipt shows that this tenant's record has lost what was acknowledged."""

    code = "ledger.stopped"
    title = "The tenant's record has lost an entry, so nothing is decided"
    solution = (
        "The operator runs `counterfoil verify` and restores the ledger; nothing was permitted."
    )


class StateConflict(LedgerError):
    """Another change of the same thing came first; nothing of this one was recorded."""

    code = "ledger.conflict"
    title = "Another change came first"


class ConfigError(CounterfoilError):
    """A wrong configuration stops the start (exit code 78); `pointer` is the setting's path."""

    code = "config.invalid"
    title = "The configuration is not valid"
    solution = "Correct the setting named in the detail."
