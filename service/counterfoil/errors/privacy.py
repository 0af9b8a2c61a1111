"""A person's data cannot be erased, or their hold changed, like this."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class PrivacyError(CounterfoilError):
    """Nothing was erased, dropped or changed."""

    code = "privacy.not_possible"
    title = "The data cannot be erased or held like this"
    status = 409
    solution = "Read docs/privacy.md, and what the detail says."


class HoldInForce(PrivacyError):
    """A legal hold stands over it."""

    code = "privacy.hold_in_force"
    title = "A legal hold stands over this data"
    solution = "Whoever set the hold releases it (counterfoil hold release); then erase again."


class OwnData(PrivacyError):
    """An administrator would erase their own data, and the record of having done so with it."""

    code = "privacy.own_data"
    title = "Nobody erases their own data"
    status = 403
    solution = "Let another administrator do it."


class NoRetention(PrivacyError):
    """The configuration does not say how long payloads are kept: they are kept for ever."""

    code = "privacy.no_retention"
    title = "No retention is configured"
    solution = "Set ledger.retention_days, 184 or more, and start the service again."
