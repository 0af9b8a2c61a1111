"""What ends before its time: whose, which, and up to what moment.

A revocation names a person, an agent, a run, one token, one session of a provider, or a whole
tenant. A run or a token that is named is over for good. The others end what was issued up to a
moment: what somebody gets afterwards, by logging in again, is new.

    subject      tokens of, and runs for, that person
    actor        tokens in whose chain that agent stands, and its runs
    run          all of that run
    token        that one (`jti`)
    session      what rests on that session of a provider (`sources.session_name`)
    everything   the tenant's
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from counterfoil.core.approval import Answer, Approval
from counterfoil.core.model import Caller, JsonObject
from counterfoil.core.run_record import Run
from counterfoil.core.sources import VerifiedSource, session_name

ALWAYS = math.inf
"""The moment of a revocation that ends a thing for good."""


class By(StrEnum):
    """What a revocation names."""

    SUBJECT = "subject"
    ACTOR = "actor"
    RUN = "run"
    TOKEN = "token"  # noqa: S105 -- a word
    SESSION = "session"
    EVERYTHING = "everything"


Name: TypeAlias = tuple[By, tuple[str, ...]]
"""What is named: a person or an agent by issuer and name, the others by one word or none."""

TIMED = frozenset({By.SUBJECT, By.ACTOR, By.SESSION, By.EVERYTHING})
"""These end what was issued up to their moment; the others for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """By what a credential, a run or an approval can be ended.

    `issued_at` is the earliest moment at which it can have been issued; None counts as older
    than any revocation. `actors` are all agents of the chain.
    """

    tenant: str
    subject: tuple[str, str]
    actors: tuple[tuple[str, str], ...] = ()
    run: str | None = None
    token: str | None = None
    session: str | None = None
    issued_at: float | None = None

    @classmethod
    def of_caller(cls, caller: Caller) -> Standing:
        """That of a verified token."""
        actor = caller.actor
        names = () if actor is None else (actor.sub, *actor.via)
        return cls(
            tenant=caller.tenant,
            subject=(caller.subject.issuer, caller.subject.sub),
            actors=() if actor is None else tuple((actor.issuer, name) for name in names),
            run=caller.run_id,
            token=caller.token_id,
            session=caller.session,
            issued_at=caller.issued_at,
        )

    @classmethod
    def of_source(cls, source: VerifiedSource, *, ahead_seconds: float) -> Standing:
        """That of what a provider vouched for, whose clock may be ahead of ours."""
        session = source.session
        return cls(
            tenant=source.tenant,
            subject=(source.subject.issuer, source.subject.sub),
            token=source.source_id,
            session=None if session is None else session_name(source.provider, session),
            issued_at=None if source.issued_at is None else source.issued_at - ahead_seconds,
        )

    @classmethod
    def of_run(cls, run: Run, actor: tuple[str, str]) -> Standing:
        """That of a run as it was opened."""
        return cls(
            tenant=run.tenant,
            subject=(run.subject.issuer, run.subject.sub),
            actors=(actor,),
            run=run.id,
            session=run.session,
            issued_at=float(run.opened_at),
        )

    @classmethod
    def of_approval(cls, approval: Approval, opened_at: float) -> Standing:
        """That of an approval: it ends with the run, person or agent that asked."""
        asker = approval.asker
        return cls(
            tenant=asker.tenant,
            subject=asker.subject,
            actors=() if asker.actor is None else (asker.actor,),
            run=asker.run,
            issued_at=opened_at,
        )

    @classmethod
    def of_answer(cls, tenant: str, answer: Answer, given_at: float) -> Standing | None:
        """That of one answer: it ends with its person and the credential it was given with.

        None where the person was erased: such an answer counts for nobody.
        """
        if answer.person is None:
            return None
        return cls(
            tenant=tenant,
            subject=answer.person,
            token=answer.token,
            session=answer.session,
            issued_at=given_at,
        )

    def names(self) -> Iterator[Name]:
        """Each name by which it can be ended."""
        yield By.EVERYTHING, ()
        yield By.SUBJECT, self.subject
        for actor in self.actors:
            yield By.ACTOR, actor
        for by, name in ((By.RUN, self.run), (By.TOKEN, self.token), (By.SESSION, self.session)):
            if name is not None:
                yield by, (name,)

    def ended_by(self, before: float) -> bool:
        """Whether a revocation of one of its names, up to `before`, ends it."""
        return self.issued_at is None or self.issued_at <= before

    def json(self) -> JsonObject:
        """As it is stored beside an answer, `read_standing` reads it back."""
        return {
            "tenant": self.tenant,
            "subject": list(self.subject),
            "actors": [list(actor) for actor in self.actors],
            "run": self.run,
            "token": self.token,
            "session": self.session,
            "issued_at": self.issued_at,
        }


def read_standing(value: JsonObject) -> Standing:
    """What `Standing.json` wrote."""
    whole: dict[str, Any] = dict(value)
    whole["subject"] = tuple(whole["subject"])
    whole["actors"] = tuple((issuer, name) for issuer, name in whole["actors"])
    return Standing(**whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One revocation: what it names, in which tenant, and up to which moment."""

    id: str
    tenant: str
    by: By
    parts: tuple[str, ...]
    before: float

    def ends(self, standing: Standing) -> bool:
        """Whether it ends what has this standing."""
        moment = self.before if self.by in TIMED else ALWAYS
        named = (self.by, self.parts) in standing.names()
        return standing.tenant == self.tenant and named and standing.ended_by(moment)


ORDERS = "rev_" + "0" * 26
"""The trail of what people revoked, one in each tenant: few, and kept in force for ever."""

LOGOUTS = "rev_" + "1" * 26
"""The trail of sessions that providers ended: many, and in force for `LOGOUT_SECONDS`."""

LOGOUT_SECONDS = 7 * 86_400
"""A run lives a day at most, and a source is exchanged for so long after it was issued."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a revocation stands in the record: its number, 0 while it waits for it, and time."""

    number: int = 0
    time: str = ""


@dataclass(slots=True)
class RevocationTable:
    """What is revoked, by tenant and (keyed) name; each with its last moment."""

    _moments: dict[str, dict[str, float]] = field(default_factory=dict)
    _places: dict[tuple[str, str], Place] = field(default_factory=dict)

    def add(self, tenant: str, name: str, before: float, place: Place | None = None) -> None:
        """Learn of one; the later moment stays, and where that was recorded first."""
        known = self._moments.setdefault(tenant, {})
        earlier, stands = known.get(name, -math.inf), self.place(tenant, name)
        if before > earlier or (before == earlier and not stands.number):
            self._places[tenant, name] = place or Place()
        known[name] = max(before, earlier)

    def of(self, tenant: str) -> Mapping[str, float]:
        """The tenant's own."""
        return self._moments.get(tenant, {})

    def place(self, tenant: str, name: str) -> Place:
        """Where the revocation of that name was recorded."""
        return self._places.get((tenant, name), Place())

    def forget(self, before: float) -> None:
        """Take out what ended things up to an older moment than that."""
        for tenant, known in self._moments.items():
            kept = {name: at for name, at in known.items() if at >= before}
            for name in known.keys() - kept.keys():
                self._places.pop((tenant, name), None)
            self._moments[tenant] = kept
