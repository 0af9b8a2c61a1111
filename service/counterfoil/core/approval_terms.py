"""What policy asks of approvers, `schemas/policy_result.json#/properties/approval`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarTerms:
    """How often, and for how long (seconds), one approver may approve similar actions at once."""

    uses: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalTerms:
    """Who may approve, how many, and until when (seconds).

    `each_from`: groups from each of which one of them must come, no person for two groups.
    `max_sign_in_age_seconds`: how long ago an approver's sign-in may lie. `similar`: what they
    may approve in advance; None is nothing.
    """

    approvers: tuple[str, ...]
    quorum: int
    expires_in_seconds: int
    each_from: tuple[str, ...] = ()
    max_sign_in_age_seconds: int | None = None
    similar: SimilarTerms | None = None
