"""The words of the product as frozen values (STYLE §3). Values in, values out; no I/O.

Times are seconds since the epoch (UTC) as `float` or RFC 3339 text where named so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from counterfoil.core.approval_terms import ApprovalTerms as ApprovalTerms  # noqa: PLC0414
from counterfoil.core.approval_terms import SimilarTerms as SimilarTerms  # noqa: PLC0414

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
JsonObject: TypeAlias = Mapping[str, JsonValue]
Permission: TypeAlias = JsonObject
"""One exact right, an RFC 9396 object of `schemas/permission_<type>.json`, with `operations`."""


class Effect(StrEnum):
    """What was decided. Nothing but `ALLOW` permits anything."""

    ALLOW = "allow"
    DENY = "deny"
    NEEDS_APPROVAL = "needs_approval"


class Enforcement(StrEnum):
    """Whether the hook must hold to the effect; the service's configuration says so."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The person: who vouches (`issuer`), the vouched name (`sub`), and groups."""

    issuer: str
    sub: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The registered agent that acts for the subject (RFC 8693 `act`, outermost).

    `via` names the agents that handed on to it, the last one first, of the same issuer.
    `ceiling` is what its registration lets it do at most, roles of the policy's data, in a
    chain those of all its agents; None for an agent that another issuer registers.
    """

    issuer: str
    sub: str
    via: tuple[str, ...] = ()
    ceiling: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """All that a verified credential says. Only `identity/` makes one.

    `key_thumbprint` is the RFC 7638 thumbprint of the key that the credential is bound to,
    and whose proof came with it. `issued_at` is the earliest moment at which it can have been
    issued, whatever the issuer's clock; `session` names the provider's session that it rests
    on (`sources.session_name`). `signed_in_at` is when the person last proved who they are, as
    far as the credential tells. One that was `revoked` may report what happened, and nothing
    else.
    """

    tenant: str
    subject: Subject
    actor: Actor | None
    run_id: str | None
    prompt_digest: str | None
    expires_at: float
    token_id: str | None = None
    client_id: str | None = None
    roles: frozenset[str] = frozenset()
    key_thumbprint: str | None = None
    issued_at: float | None = None
    session: str | None = None
    signed_in_at: float | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A registered resource; `location` and `issuer` never come from a caller."""

    type: str
    id: str
    location: str
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What surrounds the action. Prompt and task are untrusted text: they can only narrow.

    `prompt_of_run` says that the prompt is the one that the run was opened with, as recorded
    then; no request can say so.
    """

    prompt: str | None = None
    task: str | None = None
    agent: JsonObject | None = None
    call_id: str | None = None
    approval_id: str | None = None
    prompt_of_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """The validated JSON of `/authorize`."""

    action_name: str
    arguments: JsonObject
    context: Context
    resource: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeReport:
    """What a hook says happened under a decision; `sha256` is base64url without padding."""

    status: str
    excerpt: str | None = None
    length: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest:
    """What a person says about an approval; the digest names the action that they read.

    `similar`: the member of that name, where they approve in advance.
    """

    answer: str
    action_digest: str
    comment: str | None = None
    similar: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRequest:
    """What an administrator ends: `by` and its `parts` (core/revocation.py)."""

    by: str
    parts: tuple[str, ...]
    before: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyRequest:
    """Whose data an administrator means, None for everything of the tenant; and why."""

    subject: tuple[str, str] | None
    reason: str
    release: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionMapping:
    """One `[[action]]` entry: what a tool's name means, never said by the caller.

    `command_argument` and `resource_argument` are the names inside `{…}` of the entry's
    `command` and `resource`; None where the entry holds no placeholder.
    """

    tool: str
    family: str
    command_argument: str | None
    resource_argument: str | None
    resource_id: str | None
    enforcement: Enforcement


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A resource's catalogue: a dated snapshot whose seal was verified.

    `digest` names exactly its bytes; `body` is JSON of `schemas/catalogue_<type>.json`.
    """

    digest: str
    taken_at: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The operator's `[[resource]]` entries, for commands that name their target themselves.

    `places` finds a resource by type and location, `documents` its compiled API document by id
    (core/actions/apis.py). Read once at the start; no caller adds to it.
    """

    resources: Mapping[str, Resource] = field(default_factory=dict)
    documents: Mapping[str, JsonObject] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Resource] = field(default_factory=dict)

    @classmethod
    def of(
        cls, resources: Iterable[Resource], documents: Mapping[str, JsonObject] | None = None
    ) -> Registered:
        """Build the table of places. Of two entries for one place the first counts."""
        found = list(resources)
        return cls(
            resources={item.id: item for item in found},
            documents=documents or {},
            places={(item.type, item.location): item for item in reversed(found)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What an interpreter reads: validated arguments of one mapped tool.

    `catalogue` is what is known of the resource, None where nothing is, or it is stale.
    `registered` is what a command may reach that names its target itself.
    """

    family: str
    tool: str
    arguments: JsonObject
    command_argument: str | None
    resource: Resource | None
    catalogue: Snapshot | None = None
    registered: Registered = Registered()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One effect that the command would have.

    `object` identifies exactly what is touched (`kind` plus its own names), `span` is the
    [start, end) in characters of the command's text that causes it.
    """

    family: str
    verb: str
    object: JsonObject
    columns: tuple[str, ...] | None = None
    span: tuple[int, int] | None = None
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """Why a command could not be read with certainty; `code` is `uncertain.snake_name`."""

    code: str
    span: tuple[int, int] | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute:
    """What was judged is what runs: the whole replacement of the arguments (DESIGN step 3)."""

    arguments: JsonObject
    session: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation:
    """An interpreter's answer: certain with operations, or uncertain with codes.

    `catalogue` names the snapshot that it rests on: digest and `taken_at`. `resource` is the
    registered one that the command itself names, where no argument of the tool does.
    """

    operations: tuple[Operation, ...] = ()
    uncertain: tuple[Uncertainty, ...] = ()
    required: tuple[Permission, ...] = ()
    ambient: tuple[Permission, ...] = ()
    execute: Execute | None = None
    catalogue: JsonObject | None = None
    resource: Resource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an effect fell, for a person: what happened and what to do next."""

    code: str
    title: str
    solution: str = ""
    details: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The effect and everything it rests on."""

    effect: Effect
    reasons: tuple[Reason, ...]
    permissions: tuple[Permission, ...] = ()
    obligations: tuple[JsonObject, ...] = ()
    approval: ApprovalTerms | None = None
    ttl_seconds: int = 300
    policy_revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The scoped token request of an allow (reference: RFC 8693, RFC 9396)."""

    id: str
    jti: str
    expires_at: float
    credential_deadline: float
    audience: str
    claims: JsonObject
    renderings: JsonObject = field(default_factory=dict)
    exchange_endpoint: str | None = None
    credential_endpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The ledger's signed promise that an event is in it; signed over the first four."""

    origin: str
    event_id: str
    leaf_hash: str
    time: str
    key_id: str
    signature: str
