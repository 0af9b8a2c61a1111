"""What the flows need from outside, as contracts. Adapters implement them; `app.py` joins them.

All calls are bounded by `deadline`, a reading of `Clock.monotonic()`. A batch keeps order
and length: answer i belongs to item i.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from counterfoil.core.model import (
    Caller,
    Command,
    Interpretation,
    JsonObject,
    JsonValue,
    Receipt,
)
from counterfoil.core.sources import VerifiedSource


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> float:
        """Seconds since the epoch, UTC, with microseconds."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; for deadlines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a part can do its work now; `detail` is a short sentence for operators."""

    ready: bool
    detail: str = ""


class Ids(Protocol):
    """The only source of identifiers."""

    def new(self, prefix: str) -> str:
        """A fresh unguessable id `<prefix>_<26 characters>`, unique for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A DPoP proof as it came (RFC 9449 §4), and the request that it came with.

    `url` is that request's by the service's own public name, never by its `Host` header.
    """

    unverified_jwt: str = field(repr=False)
    method: str
    url: str


class IdentityVerifier(Protocol):
    """Turns an unverified token into a caller, or refuses."""

    def verify(
        self,
        unverified_token: str,
        *,
        now: float,
        grace_seconds: float = 0.0,
        proof: Proof | None = None,
    ) -> Caller:
        """Verify the credential of a request.

        Args:
            unverified_token: the compact token as it came; empty where none came.
            now: seconds since the epoch.
            grace_seconds: accept a token that expired up to so long ago (outcomes only);
                `Caller.expires_at` then lies in the past.
            proof: the DPoP proof, where the token came under that scheme. Without one a
                token that is bound to a key is refused, with one a token that is not.

        Raises:
            MissingCredential: for an empty token.
            IdentityError: for every refusal (one subclass a cause, one public text).
            LedgerError: a proof could not be spent.
        """


class SourceVerifier(Protocol):
    """Turns a token of a person's own provider into a proven person, or refuses."""

    def verify_source(
        self, unverified_token: str, *, now: float, proof: Proof | None = None
    ) -> VerifiedSource:
        """Verify an ID token or an access token of a configured issuer.

        Args:
            unverified_token: the token as it came; empty where none came.
            now: seconds since the epoch.
            proof: the DPoP proof that came with it. Without one a token that is bound to a
                key is refused; with one `VerifiedSource.key_thumbprint` is the proven key's.

        Raises:
            MissingCredential: for an empty token.
            IdentityError: for every refusal, a token that names an actor among them.
            LedgerError: a proof could not be spent.
        """


class Interpreter(Protocol):
    """Reads commands in the supervised child (DESIGN §5)."""

    def interpret(self, commands: Sequence[Command], *, deadline: float) -> list[Interpretation]:
        """Read each command. Never raises for any input: what fails is `uncertain`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyQuestion:
    """One input for the policy, of `schemas/policy_input.json`."""

    tenant: str
    action_digest: str
    input: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAnswer:
    """What came back on a complete HTTP 200, not yet judged.

    `defined` is False where the result was absent. `revisions` are the bundle revisions
    of the answer's provenance, whatever their number.
    """

    defined: bool
    result: JsonValue
    revisions: tuple[str, ...]


class PolicyEngine(Protocol):
    """Asks OPA. Concurrent questions of one worker may share a query, never two tenants."""

    def ask(
        self,
        questions: Sequence[PolicyQuestion],
        *,
        deadline: float,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[PolicyAnswer | Exception]:
        """Ask all; an item is a `PolicyError` where no complete answer came in time.

        `meanwhile` may be called when the questions are out; it neither waits nor raises.
        """

    def known_revisions(self) -> frozenset[str]:
        """The revisions whose bundle this service verified itself (DESIGN step 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A promise that something happens once: idempotency keys, outcomes, spent ids.

    The row commits in the event's own transaction. `scope` names the thing (tenant and
    caller included), `body_digest` tells a repetition from a conflict; the ledger keeps
    both as keyed hashes only. `answer` is sealed and returned to a repetition, until
    `expires_at` (seconds since the epoch).
    """

    scope: str
    body_digest: str
    answer: bytes
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A step of something durable that has a state, in the event's own transaction.

    `expect_version` is the version that the thing must have now, None where it must not
    exist yet; each step adds one. At most one thing that is `open` and unexpired has the
    same `name`, and an owner never has more than `most_open` of them. The ledger keeps name
    and owner as keyed hashes only. States find and serialise; the events are the truth.
    """

    kind: str
    key: str
    expect_version: int | None
    state: str
    open: bool
    name: str
    owner: str
    expires_at: float
    most_open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """Where a thing stands; `decision_id` is that of the event that made it."""

    key: str
    version: int
    state: str
    decision_id: str
    expires_at: float


class SealedAhead(Protocol):
    """Payload fields sealed before their event was whole: good for that event, key and bytes."""

    @property
    def event_id(self) -> str:
        """Whose fields they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event for the ledger.

    `plain` holds codes, ids and times only and stands readable in the leaf; `payload`
    holds everything that a person or a command said: exact bytes, committed and sealed
    field by field under the subject's key. `subject` is (issuer, sub), None for events
    without a person. `ahead`: fields of this payload that `Ledger.seal_ahead` has sealed.
    """

    kind: str
    event_id: str
    time: float
    tenant: str
    subject: tuple[str, str] | None
    decision_id: str | None = None
    plain: JsonObject = field(default_factory=dict)
    payload: Mapping[str, bytes] = field(default_factory=dict)
    once: Once | None = None
    change: Change | None = None
    ahead: SealedAhead | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The event is durable. With `repeated`, an equal one was already: its stored answer."""

    receipt: Receipt
    repeated: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event read back, payload opened.

    `missing` says why there is no payload where there was one: `erased` with its person, or
    `dropped` by retention.
    """

    kind: str
    event_id: str
    time: str
    index: int | None  # None while it waits for its place (PostgreSQL)
    decision_id: str | None
    plain: JsonObject
    payload: Mapping[str, bytes]
    receipt: Receipt
    missing: str | None = None


class Ledger(Protocol):
    """The record. `append` returns only after a durable commit."""

    def append(
        self,
        events: Sequence[Event],
        *,
        deadline: float,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Recorded]:
        """Make all durable in one commit, or none; `meanwhile` as `PolicyEngine.ask` has it.

        Raises:
            LedgerError: not durable in time, no space, or the log is not trusted.
            OnceConflict: see `ledger.client`; the same `scope` with another body.
            StateConflict: a change expects another version, or an open name is taken.
        """

    def seal_ahead(
        self,
        tenant: str,
        subject: tuple[str, str] | None,
        event_id: str,
        payload: Mapping[str, bytes],
    ) -> SealedAhead | None:
        """Seal a part of an event's payload before the rest is known, for `Event.ahead`.

        Asks nobody and records nothing; None where it cannot be done without waiting.
        """

    def reserve(self, once: Once, *, deadline: float) -> bytes | None:
        """Claim `once.scope` before deciding: None to go on, or the stored answer.

        The claim of a caller that died is released at `deadline`.

        Raises:
            IdempotencyConflict: same scope, another body.
            IdempotencyInProgress: the first is still running.
        """

    def release(self, once: Once) -> None:
        """Give a claim back after a failure (best effort; its deadline does it too)."""

    def trail(self, tenant: str, decision_id: str) -> list[StoredEvent]:
        """All events of a decision in log order, opened; empty where there is none.

        A tenant never sees another's: a foreign id is an empty list.
        """


class States(Protocol):
    """Where durable things stand (`Change`); all of one tenant, never another's."""

    def state(self, tenant: str, kind: str, key: str) -> StoredState | None:
        """Where the thing stands, None where there is none."""

    def open_states(
        self, tenant: str, kind: str, *, name: str | None = None, owner: str | None = None
    ) -> list[StoredState]:
        """Things that are open (expired ones too, until somebody records that), oldest first."""

    def owned_states(self, tenant: str, kind: str, owner: str) -> list[StoredState]:
        """The newest hundred things of an owner, open or not."""

    def wait_for_state(
        self, tenant: str, kind: str, key: str, *, version: int, deadline: float
    ) -> None:
        """Return when the thing's version is another one, at the deadline, or at a stop."""


class GrantSigner(Protocol):
    """Holds the ES256 grant key."""

    def sign(self, claims: JsonObject) -> str:
        """A compact JWS with `typ: scoped-token-request+jwt`."""
