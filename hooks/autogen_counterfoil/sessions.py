"""Which run a call belongs to.

A session is found by the id of the team that handles the message, where the framework
tells one, and by ContextVar otherwise. The team's id goes first: on a runtime of the
user's own, the ContextVars belong to whoever called `runtime.start()`, which may be
another person's run.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar

from autogen_counterfoil.session import Session

_CURRENT: ContextVar[tuple[object, Session] | None] = ContextVar(
    "counterfoil_session", default=None
)


class Sessions:
    """The open sessions of one guard."""

    def __init__(self) -> None:
        self._by_team: dict[str, Session] = {}
        self._teams: set[str] = set()
        self._outer: dict[Session, tuple[object, Session] | None] = {}

    def know(self, team_ids: Iterable[str]) -> None:
        """Remember protected teams: a call from one is bound by its id or not at all."""
        self._teams.update(team_ids)

    def open(self, session: Session, team_ids: Iterable[str]) -> None:
        """Bind a session to teams and to the current context."""
        ids = set(team_ids)
        self.know(ids)
        self._by_team.update(dict.fromkeys(ids, session))
        self._outer[session] = _CURRENT.get()
        _CURRENT.set((self, session))

    def close(self, session: Session) -> None:
        """Unbind a session everywhere. Contexts that were copied meanwhile find it closed."""
        session.closed = True
        for team in [key for key, value in self._by_team.items() if value is session]:
            del self._by_team[team]
        outer = self._outer.pop(session, None)
        current = _CURRENT.get()
        if current is not None and current[1] is session:
            _CURRENT.set(outer)

    def find(self, team_id: str | None) -> Session | None:
        """Return the session of a call, or None: then nothing may run."""
        if team_id is not None and team_id in self._teams:
            return self._by_team.get(team_id)
        current = _CURRENT.get()
        if current is None or current[0] is not self or current[1].closed:
            return None
        return current[1]
