"""Ledgers of any size for proofs of speed: true stories, through the writer's own code.

`ledger_of(folder, records)` makes one; `kept_ledger(records)` makes it once per checkout, under
`var/many`. Every record is sealed as a worker seals it and appended as the writer appends it
(checks, receipts, tree, checkpoints); only the socket between the two is left out. The stories
are those of the main path: a run is opened, ten decisions fall in it, most are allowed and
report an outcome, one is denied, one waits for a person. A million records take about two
minutes.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.checkpoint import VerifierKey, log_origin
from counterfoil.core.model import JsonObject
from counterfoil.core.times import rfc3339
from counterfoil.ledger.fields import DataKey
from counterfoil.ledger.keys import (
    VERIFIER_KEY,
    export_verifier_key,
    load_master,
    read_verifier_key,
)
from counterfoil.ledger.sealing import Master, needs_key, seal_event
from counterfoil.ledger.store import Store
from counterfoil.ports import Event, Once
from evidence import ROOT
from ledgers import open_store

VERSION = 3  # of the stories: a change makes kept ledgers anew
START = 1_767_225_600.0  # 2026-01-01
STEP_SECONDS = 2.5  # a million records are about a month
GROUP = 2_000
"""Records in one commit, which stands for a second of a busy ledger: a checkpoint is kept of each."""
ISSUER = "https://idp.example.test"
AGENTS = ("coder", "deployer", "reviewer")
POLICY = "dev+sha256:" + "5e" * 32
ALLOW, DENY, WAITS = "rbac.granted", "rbac.no_role", "database.drop_needs_approval"


@dataclass(frozen=True, slots=True)
class Many:
    """A closed ledger and its keys folder."""

    folder: Path

    @property
    def database(self) -> Path:
        """The file."""
        return self.folder / "ledger.db"

    @property
    def keys(self) -> Path:
        """The keys folder."""
        return self.folder / "keys"

    @property
    def key(self) -> VerifierKey:
        """The public key."""
        return read_verifier_key(self.keys / VERIFIER_KEY)


def kept_ledger(records: int, *, progress: Callable[[int], None] = lambda _done: None) -> Many:
    """The ledger of this checkout with so many records, made at the first call."""
    folder = ROOT / "var" / "many" / f"v{VERSION}-{records}"
    if not folder.exists():
        made = folder.with_name(folder.name + ".part")
        shutil.rmtree(made, ignore_errors=True)
        ledger_of(made, records, progress=progress)
        made.rename(folder)
    return Many(folder)


def ledger_of(
    folder: Path,
    records: int,
    *,
    tenants: tuple[str, ...] = ("default",),
    seed: int = 7,
    progress: Callable[[int], None] = lambda _done: None,
) -> Many:
    """Make a closed ledger of exactly so many records, over these tenants in turn."""
    stories = _stories(tenants, random.Random(seed))  # noqa: S311  # not for secrets
    return write(folder, islice(stories, records), progress=progress)


def write(
    folder: Path, events: Iterable[Event], *, progress: Callable[[int], None] = lambda _done: None
) -> Many:
    """A closed ledger of these events, sealed and appended as they come, in large groups."""
    seconds = itertools.count(1, 2)
    store, done = open_store(folder, monotonic=lambda: float(next(seconds))), 0
    try:
        export_verifier_key(folder / "keys", store.line)
        sealer = _Sealer(store, Master(load_master(folder / "keys", create=True)))
        left = iter(events)
        while wires := [sealer.sealed(event) for event in islice(left, GROUP)]:
            (answer,) = store.commit([["append", wires]])
            assert answer[0] == "ok", answer
            store.maintain(idle=False)
            done += len(wires)
            progress(done)
    finally:
        store.close()
    return Many(folder)


class _Sealer:
    """A worker's half of an append."""

    def __init__(self, store: Store, master: Master) -> None:
        self._store, self._master = store, master
        self._keys: dict[tuple[str, tuple[str, str] | None], DataKey] = {}

    def sealed(self, event: Event) -> Any:
        """The event as it goes to the writer."""
        key = self._key(event) if needs_key(event) else None
        return seal_event(
            event, log_origin(self._store.prefix, event.tenant), key, self._master
        ).wire

    def _key(self, event: Event) -> DataKey:
        name = (event.tenant, event.subject)
        if name not in self._keys:
            lookup = self._master.lookup(*name)
            id_, wrapped = self._master.new_key(lookup)
            (answer,) = self._store.commit([["key", lookup, id_, wrapped]])
            assert answer == ["ok", id_, wrapped]
            self._keys[name] = self._master.unwrap(id_, lookup, wrapped)
        return self._keys[name]


def _stories(tenants: tuple[str, ...], chance: random.Random) -> Iterator[Event]:
    """Stories of runs without end, in the order in which they happen."""
    now = START
    while True:
        for tenant in tenants:
            for event in _Story(tenant, chance).events():
                now += STEP_SECONDS * chance.random() * 2
                yield _at(event, now)


def _at(event: Event, now: float) -> Event:
    changes: dict[str, Any] = {"time": round(now, 6)}
    if event.kind == "approval_requested":
        changes["plain"] = {**event.plain, "expires": rfc3339(now + 3600)[:19] + "Z"}
    if "grant" in event.plain:
        until = rfc3339(now + 300)
        grant = {**event.plain["grant"], "expires": until, "credential_deadline": until}  # type: ignore[dict-item]
        changes["plain"] = {**event.plain, "grant": grant}
    return _replaced(event, changes)


def _replaced(event: Event, changes: dict[str, Any]) -> Event:
    names = ("kind", "event_id", "tenant", "subject", "decision_id", "plain", "payload", "once")
    return Event(**{**{name: getattr(event, name) for name in names}, **changes})


class _Story:
    """One run of one person through one agent."""

    def __init__(self, tenant: str, chance: random.Random) -> None:
        self._tenant, self._chance = tenant, chance
        self._sub = f"person{chance.randrange(200)}"
        self._agent = chance.choice(AGENTS)
        self._run = self._id("run")
        self._caller = canonical_bytes(
            {
                "tenant": tenant,
                "subject": {"iss": ISSUER, "sub": self._sub, "groups": ["developers"]},
                "actor": {"iss": "https://counterfoil.example.test", "sub": self._agent},
                "run": self._run,
                "token_id": self._id("tok"),
                "client_id": None,
                "prompt_digest": "x" * 43,
                "prompt_source": "run",
            }
        )

    def events(self) -> Iterator[Event]:
        """Opened, then ten decisions with what follows from each."""
        yield self._event("run_opened", self._run, {"prompt": True}, {"prompt": self._prompt()})
        for number in range(8):
            decision = self._id("dec")
            yield self._decided(decision, "allow", f"table_{number}")
            yield self._outcome(decision)
        yield self._decided(self._id("dec"), "deny", "secrets")
        yield from self._approved()

    def _approved(self) -> Iterator[Event]:
        asked, granting, approval = self._id("dec"), self._id("dec"), self._id("apr")
        named = {"approval": approval}
        yield self._decided(asked, "needs_approval", "invoices", **named)
        terms = {**named, "run": self._run, "quorum": 1, "policy": POLICY}
        words = canonical_bytes({"approvers": ["database-admins"], "quorum": 1})
        yield self._event("approval_requested", asked, terms, {"approval": words})
        answer = {**named, "answer": "approve", "status": "approved"}
        said = canonical_bytes({"answer": "approve", "comment": None, "groups": [], "person": []})
        yield self._event("approval_answered", asked, answer, {"answer": said})
        yield self._decided(granting, "allow", "invoices", **named)
        yield self._event("approval_spent", asked, {**named, "granting_decision": granting}, {})
        yield self._outcome(granting)

    def _decided(self, decision: str, effect: str, table: str, **more: str) -> Event:
        code = {"allow": ALLOW, "deny": DENY}.get(effect, WAITS)
        verb = "drop" if code == WAITS else "create"
        plain: dict[str, Any] = {
            "family": "database",
            "run": self._run,
            "actor": {"iss": "https://counterfoil.example.test", "sub": self._agent},
            "effect": effect,
            "enforcement": "enforce",
            "reasons": [code],
            "policy": POLICY,
            **more,
        }
        permission = {"type": "postgresql", "object": "schema", "identifier": "public"}
        decided: JsonObject = {
            "reasons": [{"code": code, "title": "By the policy's roles"}],
            "permissions": [{**permission, "actions": [verb]}] if effect == "allow" else [],
            "operations": [{"verb": verb, "object": {"name": table, "schema": "public"}}],
            "obligations": [],
            "ambient": [],
            "uncertain": [],
            "action_digest": "y" * 43,
            "execute": None,
        }
        sql = f"{verb.upper()} TABLE public.{table} (id int)"
        payload = {
            "arguments": canonical_bytes({"database": "orders", "sql": sql}),
            "request": canonical_bytes(
                {
                    "action": "run_sql",
                    "context": {},
                    "resource": {"type": "postgresql", "id": "orders"},
                }
            ),
            "caller": self._caller,
            "decision": canonical_bytes(decided),
        }
        if effect == "allow":
            plain["grant"] = {"jti": self._id("jti")}
            payload["grant"] = canonical_bytes({"sub": self._sub, "aud": "postgresql-orders"})
        return self._event("decided", decision, plain, payload)

    def _outcome(self, decision: str) -> Event:
        plain = {"status": "ok", "reported_by": "agent", "credential": "valid"}
        response = canonical_bytes(
            {"status": "ok", "excerpt": "CREATE TABLE", "length": 12, "sha256": None}
        )
        once = Once(
            scope=json.dumps(["outcome", self._tenant, decision]),
            body_digest="z" * 43,
            answer=b"2026-01-01T00:00:00.000000Z",
            expires_at=START + 10 * 365 * 86_400,
        )
        return self._event("outcome", decision, plain, {"response": response}, once=once)

    def _event(
        self, kind: str, trail: str, plain: Any, payload: dict[str, bytes], **more: Any
    ) -> Event:
        return Event(
            kind=kind,
            event_id=self._id("evt"),
            time=START,
            tenant=self._tenant,
            subject=(ISSUER, self._sub),
            decision_id=trail,
            plain=plain,
            payload=payload,
            **more,
        )

    def _prompt(self) -> bytes:
        return f"Add what the {self._sub} of the orders team needs, and show it".encode()

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._chance.getrandbits(104):026x}"
