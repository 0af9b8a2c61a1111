"""The error taxonomy: every failure has a stable code, a title, a status and a solution.

A refusal that policy makes is a value (`Decision`), never one of these. An exception
here means: we could not decide, or may not answer. Nothing is granted then.
"""

from __future__ import annotations

from counterfoil.errors.approval import (
    AlreadyAnswered,
    ApprovalCancelled,
    ApprovalError,
    ApprovalExpired,
    ApprovalPolicyChanged,
    DigestMismatch,
    NotAnApprover,
    SelfApproval,
)
from counterfoil.errors.base import (
    CounterfoilError,
)
from counterfoil.errors.dependencies import (
    ConfigError,
    LedgerCorrupt,
    LedgerError,
    LedgerUnavailable,
    PolicyError,
    PolicyTimeout,
    PolicyUnavailable,
    StateConflict,
)
from counterfoil.errors.identity import (
    ActorRequired,
    AgentNotAllowed,
    CallerError,
    ExpiredCredential,
    GroupsOverage,
    IdentityError,
    IdentityUnavailable,
    InvalidProof,
    InvalidSignature,
    MissingClaim,
    MissingCredential,
    UnknownIssuer,
    WrongAudience,
)
from counterfoil.errors.request import (
    BodyTooLarge,
    Finding,
    IdempotencyConflict,
    IdempotencyInProgress,
    MalformedBody,
    MalformedHeader,
    MethodNotAllowed,
    MisdirectedRequest,
    NotFound,
    OutcomeConflict,
    OutcomeNotExpected,
    RequestError,
    ResourceMismatch,
    SchemaViolation,
    UnsupportedMediaType,
)
from counterfoil.errors.rules import Rule
from counterfoil.errors.saml import SamlCodeRefused

__all__ = [
    "ActorRequired",
    "AgentNotAllowed",
    "AlreadyAnswered",
    "ApprovalCancelled",
    "ApprovalError",
    "ApprovalExpired",
    "ApprovalPolicyChanged",
    "BodyTooLarge",
    "CallerError",
    "ConfigError",
    "CounterfoilError",
    "DigestMismatch",
    "ExpiredCredential",
    "Finding",
    "GroupsOverage",
    "IdempotencyConflict",
    "IdempotencyInProgress",
    "IdentityError",
    "IdentityUnavailable",
    "InvalidProof",
    "InvalidSignature",
    "LedgerCorrupt",
    "LedgerError",
    "LedgerUnavailable",
    "MalformedBody",
    "MalformedHeader",
    "MethodNotAllowed",
    "MisdirectedRequest",
    "MissingClaim",
    "MissingCredential",
    "NotAnApprover",
    "NotFound",
    "OutcomeConflict",
    "OutcomeNotExpected",
    "PolicyError",
    "PolicyTimeout",
    "PolicyUnavailable",
    "RequestError",
    "ResourceMismatch",
    "Rule",
    "SamlCodeRefused",
    "SchemaViolation",
    "SelfApproval",
    "StateConflict",
    "UnknownIssuer",
    "UnsupportedMediaType",
    "WrongAudience",
]
