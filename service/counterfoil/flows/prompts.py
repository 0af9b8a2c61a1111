"""The prompt of a run that was opened with one, for policy and for who is asked to approve.

Such a run's requests state no prompt: the person's words were recorded once, when the run was
opened. They are read back from that record, so that a rule on the prompt holds for them like
for words that an agent states, and are not recorded again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from counterfoil.core.canonical import digest
from counterfoil.core.model import AuthorizationRequest, Caller
from counterfoil.core.run_record import OPENED
from counterfoil.errors import LedgerCorrupt, RevokedCredential
from counterfoil.ports import Ledger, StoredEvent

MAX_REMEMBERED_CHARACTERS = 4_000_000
"""Of prompts in one worker; a prompt has 65,536 at most."""


class RunPrompts:
    """Reads prompts of runs, and remembers those of late. One per worker."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: OrderedDict[tuple[str, str], str | None] = OrderedDict()
        self._characters = 0
        self._forgot = 0
        self._lock = threading.Lock()  # owns all above

    def filled(
        self, requests: Sequence[AuthorizationRequest], caller: Caller
    ) -> list[AuthorizationRequest]:
        """The requests with the run's recorded prompt; as they came where there is none.

        Raises:
            LedgerError: the record cannot be read, or is of another prompt than the token.
            RevokedCredential: the run was erased with its person.
        """
        if caller.prompt_digest is None or caller.run_id is None:
            return list(requests)
        prompt = self._prompt(caller.tenant, caller.run_id)
        if prompt is None:  # opened elsewhere: an issuer's own, or in development
            return list(requests)
        if digest(prompt.encode()) != caller.prompt_digest:
            raise LedgerCorrupt("the run was opened with another prompt than its token says")
        return [
            replace(item, context=replace(item.context, prompt=prompt, prompt_of_run=True))
            for item in requests
        ]

    def _prompt(self, tenant: str, run_id: str) -> str | None:
        name = (tenant, run_id)
        with self._lock:
            if name in self._known:
                self._known.move_to_end(name)
                return self._known[name]
            forgot = self._forgot
        prompt = self._read(tenant, run_id)
        with self._lock:
            if self._forgot != forgot:  # it may be that of the person who was erased meanwhile
                return prompt
            self._known[name] = prompt
            self._characters += len(prompt or "") + len(run_id)
            while self._characters > MAX_REMEMBERED_CHARACTERS:
                (_, old), forgotten = self._known.popitem(last=False)
                self._characters -= len(forgotten or "") + len(old)
        return prompt

    def forget(self, _keys: object = None) -> None:
        """Drop all: a person was erased, and nobody knows here whose prompts were theirs."""
        with self._lock:
            self._forgot += 1
            self._known.clear()
            self._characters = 0

    def _read(self, tenant: str, run_id: str) -> str | None:
        trail = self._ledger.trail(tenant, run_id)
        if any(event.kind == OPENED and event.missing for event in trail):
            # Without its prompt, a rule that denies on a word of it would be passed by.
            raise RevokedCredential("the run was erased with its person")
        return recorded_prompt(trail)


def recorded_prompt(events: Iterable[StoredEvent]) -> str | None:
    """The prompt that a run was opened with, out of its trail; None where it was without one."""
    for event in events:
        if event.kind == OPENED and "prompt" in event.payload:
            return event.payload["prompt"].decode()
    return None
