"""One credential, from a signed request to its holder.

The steps, in this order:

1. The form is read, and the request in it verified (`signed_request.py`).
2. Whoever sent it proves the key that it is bound to (`holders.py`).
3. The target says that it can express exactly these permissions.
4. An intent is durable: from here on the request has a row, whatever happens.
5. The service redeems it: once, live, the same action. No answer: nothing is made.
6. What it answered is durable, before anything is at the target.
7. The target makes the credential.
8. The service records it. No answer: it is ended, and given to nobody.
9. It is given to the holder, unless its end has come meanwhile.

What fails after 4 is ended by `ending.py`; so is what a crash has left, at the next start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.renderings import NotRenderable
from counterfoil.core.times import rfc3339_second, seconds_of
from counterfoil_issuers.contract import Job, Made, Target, TargetError
from counterfoil_issuers.holders import Holders, Presented
from counterfoil_issuers.refusals import (
    AlreadyTaken,
    NotExpressible,
    RedeemRefused,
    Unavailable,
)
from counterfoil_issuers.service_client import Declined, NoAnswer, ServiceClient
from counterfoil_issuers.signed_request import Accepted, VerifiedRequest, verify
from counterfoil_issuers.state import State, StateError, Taken

TOKEN_TYPE: Final = "N_A"  # noqa: S105 -- RFC 8693 §2.2.1: it is no OAuth access token
_log = logging.getLogger(__name__)


class InFlight:
    """The requests that are being issued now: nobody else ends them meanwhile. Thread safe."""

    def __init__(self) -> None:
        self._jtis: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def holding(self, jti: str) -> Iterator[None]:
        """Hold one while the context lasts."""
        with self._changed:
            self._jtis.add(jti)
        try:
            yield
        finally:
            with self._changed:
                self._jtis.discard(jti)
                self._changed.notify_all()

    def __contains__(self, jti: str) -> bool:
        with self._changed:
            return jti in self._jtis

    def drain(self, seconds: float) -> bool:
        """Wait until none is left; whether that came to be."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jtis, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuing:
    """All that issuing needs. Thread safe.

    `wake` tells whoever ends credentials that there is something to do.
    """

    target: Target
    service: ServiceClient
    state: State
    holders: Holders
    accepted: Accepted
    in_flight: InFlight
    clock: Callable[[], float]
    wake: Callable[[], None]

    def issue(self, presented: Presented) -> JsonObject:
        """Go through all steps; the answer to the holder, with the credential.

        Raises:
            Refused: there is no credential.
        """
        now = self.clock()
        request = verify(presented.unverified_request, self.accepted, now=now)  # 1
        job = request.job
        try:
            self.holders.prove(presented, request.binding, now=now)  # 2
            self._check(job)  # 3
            with self.in_flight.holding(job.jti):
                self.state.intend(job)  # 4
                try:
                    return self._redeemed(request)
                except BaseException:
                    self._give_up(job.jti)
                    raise
        except Taken as error:
            raise AlreadyTaken("it was sent before") from error
        except StateError as error:
            _log.error("the state cannot be written: %s", error)
            raise Unavailable("nothing can be recorded now") from error
        finally:
            self.wake()

    def _check(self, job: Job) -> None:
        try:
            self.target.check(job)
        except NotRenderable as error:
            raise NotExpressible(str(error)) from error

    def _redeemed(self, request: VerifiedRequest) -> JsonObject:
        job = request.job
        try:
            answer = self.service.redeem(job)  # 5
        except Declined as error:
            self.state.closed(job.jti)
            raise RedeemRefused(f"the service declines ({error.code})") from error
        except NoAnswer as error:
            raise Unavailable(f"the service does not answer: {error}") from error
        job = _confirmed(job, answer)
        self.state.redeemed(job)  # 6
        made = self._made(job)  # 7
        self.state.made(job.jti)
        self._report(job, made)  # 8
        now = self.clock()
        if not self.state.issued(job.jti, now=now):  # 9
            raise Unavailable("its end came while it was made")
        _log.info("issued", extra={"credential": job.name, "decision": job.decision_id})
        return {
            "credential": dict(made.secret),
            "token_type": TOKEN_TYPE,
            "expires_in": max(0, int(job.deadline - now)),
            "authorization_details": list(job.permissions),
        }

    def _made(self, job: Job) -> Made:
        if self.clock() >= job.deadline:
            raise Unavailable("its deadline has passed")
        try:
            return self.target.make(job)
        except TargetError as error:
            _log.error("not made: %s", error, extra={"credential": job.name})
            raise Unavailable("the target did not make it") from error

    def _report(self, job: Job, made: Made) -> None:
        body: dict[str, JsonValue] = {
            "jti": job.jti,
            "credential": job.name,
            "status": "issued",
        }
        if made.expires_at is not None:
            body["expires_at"] = rfc3339_second(made.expires_at)
        if made.public:
            body["public"] = made.public
        try:
            self.service.report(job.decision_id, body)
        except (Declined, NoAnswer) as error:
            raise Unavailable(f"the service did not record it: {error}") from error

    def _give_up(self, jti: str) -> None:
        try:
            self.state.end(jti, "failed", at=self.clock())
        except StateError as error:
            # Its row is durable and names its deadline; the next start sweeps it at the latest.
            _log.error("its end cannot be recorded: %s", error)


def _confirmed(job: Job, answer: Mapping[str, Any]) -> Job:
    """The job with what the service added; anything else than this very job is no answer."""
    expected = {
        "jti": job.jti,
        "decision_id": job.decision_id,
        "credential": job.name,
        "action_digest": job.action_digest,
    }
    if any(answer.get(name) != value for name, value in expected.items()):
        raise Unavailable("the service answered about something else")
    operations, session = answer.get("operations"), answer.get("session", {})
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise Unavailable("the service answered without the operations")
    if not isinstance(session, dict):
        raise Unavailable("the service answered a session that is none")
    return replace(
        job,
        operations=tuple(cast("list[JsonObject]", operations)),
        session=session,
        deadline=min(job.deadline, _deadline(answer.get("credential_deadline"), job)),
    )


def _deadline(value: JsonValue, job: Job) -> int:
    """The service's deadline: it can only shorten the signed one."""
    if isinstance(value, int):
        return value
    try:
        return int(seconds_of(value)) if isinstance(value, str) else job.deadline
    except ValueError:
        raise Unavailable("the service answered a deadline that is none") from None
