"""Hears from the service what ended before its deadline: outcomes, revocations, expiries.

What was heard and how far is one commit of the state, so that nothing is lost by a crash and
hearing it twice does no harm.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil_issuers.service_client import Declined, NoAnswer, ServiceClient
from counterfoil_issuers.state import State, StateError

FIRST_RETRY_SECONDS: Final = 0.2
MAX_RETRY_SECONDS: Final = 5.0
DEAF_SECONDS: Final = 45.0  # then the issuer is not ready: revocations would come late
_CAUSES: Final = {"outcome": "outcome", "revoked": "revoked", "expired": "deadline"}
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Follower:
    """Follows the events of the issuer's own grants."""

    service: ServiceClient
    state: State
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    wake: Callable[[], None]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _heard_at: float | None = None

    def run(self) -> None:
        """Follow until `stop`."""
        wait = FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            try:
                self.hear()
                wait = FIRST_RETRY_SECONDS
            except (NoAnswer, Declined, StateError) as error:
                if self._stopping.is_set():
                    return
                _log.warning("the service's events are not heard: %s", error)
                self._stopping.wait(wait)
                wait = min(wait * 2, MAX_RETRY_SECONDS)

    def hear(self) -> None:
        """Ask once, and have what has ended ended.

        Raises:
            NoAnswer, Declined: nothing was heard.
            StateError: it was, and will be again.
        """
        answer = self.service.events(self.state.cursor())
        events, cursor = answer.get("events"), answer.get("next")
        if not isinstance(events, list) or not isinstance(cursor, (str, type(None))):
            raise NoAnswer("the events are no list")
        ends = [end for end in map(_end_of, events) if end is not None]
        self.state.end_all(ends, at=self.clock(), cursor=cursor)
        self._heard_at = self.monotonic()
        if ends:
            self.wake()

    def hears(self) -> bool:
        """Whether it heard from the service lately."""
        heard_at = self._heard_at
        return heard_at is not None and self.monotonic() - heard_at < DEAF_SECONDS

    def stop(self) -> None:
        """Have `run` return, at the end of its question."""
        self._stopping.set()


def _end_of(event: JsonValue) -> tuple[str, str] | None:
    if not isinstance(event, dict):
        return None
    fields: JsonObject = event
    jti, kind = fields.get("jti"), fields.get("event")
    if not isinstance(jti, str) or not isinstance(kind, str) or kind not in _CAUSES:
        return None  # an event of a later version: no end of a credential of ours
    return jti, _CAUSES[kind]
