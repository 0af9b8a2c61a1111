"""Asks OPA: `ports.PolicyEngine` over one client a worker, made after the fork.

While one query is out, questions that come collect and go as one (`grouping.py`), never of
two tenants. A group that fails, or whose document is missing, is asked again singly within
the same deadlines, so one bad question harms itself alone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.config_model import Config
from counterfoil.core.meanwhile import together
from counterfoil.core.model import JsonValue
from counterfoil.errors import PolicyTimeout, PolicyUnavailable
from counterfoil.grouping import Grouper
from counterfoil.policy.answers import read_group, read_single
from counterfoil.policy.bundle import read_bundle
from counterfoil.policy.client import UnixOpaClient
from counterfoil.policy.http1 import BrokenAnswer
from counterfoil.policy.server import SOCKET_NAME, loaded_bundle
from counterfoil.policy.session import Address
from counterfoil.ports import Health, PolicyAnswer, PolicyQuestion

MAX_GROUP: Final = 16
_NONCE_BYTES: Final = 8
_GROUP_SHARE: Final = 0.5
"""The part of the time left that a group may use; the rest is for asking singly."""
_FLIGHTS: Final = 3
_PATIENCE_SECONDS: Final = 0.02  # a usual query takes 1 ms; behind a stuck one nobody waits
_SINGLES_AT_ONCE: Final = 8  # failed groups must not multiply the load without bound
_OK: Final = 200


class _AskSingly(Exception):
    """The group could not answer this question; nothing is known of it."""


@dataclass(frozen=True, slots=True)
class _Item:
    question: PolicyQuestion
    deadline: float
    meanwhile: Callable[[], None] | None = None


class Opa:
    """Concurrent questions of one process to one OPA. `ports.PolicyEngine`.

    Args:
        address: where OPA listens.
        entrypoint: path of the decision document; `<entrypoint>s` is the grouped one.
        known_revisions: revisions whose bundle the service has read and verified itself.
        token: sent as bearer where OPA wants one.
    """

    def __init__(
        self,
        address: Address,
        *,
        entrypoint: str,
        known_revisions: frozenset[str],
        token: str | None = None,
    ) -> None:
        self._client = UnixOpaClient(address, token=token)
        self._single_url = self._client.decision_url(entrypoint)
        self._group_url = self._client.decision_url(f"{entrypoint}s")
        self._known_revisions = known_revisions
        self._singles = threading.BoundedSemaphore(_SINGLES_AT_ONCE)
        self._grouper: Grouper[_Item, PolicyAnswer] = Grouper(
            self._send,
            MAX_GROUP,
            lambda item: item.question.tenant,
            flights=_FLIGHTS,
            patience_seconds=_PATIENCE_SECONDS,
        )

    def known_revisions(self) -> frozenset[str]:
        """The revisions whose bundle this service verified itself (DESIGN step 5)."""
        return self._known_revisions

    def ask(
        self,
        questions: Sequence[PolicyQuestion],
        *,
        deadline: float,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[PolicyAnswer | Exception]:
        """Ask all (`ports.PolicyEngine`); an item without a complete answer is an error."""
        items = [
            _Item(question, deadline, None if index else meanwhile)
            for index, question in enumerate(questions)
        ]
        answers = self._grouper.call(items, deadline)
        for position, answer in enumerate(answers):
            if isinstance(answer, PolicyAnswer):
                continue
            if isinstance(answer, _AskSingly):
                left = sum(isinstance(other, _AskSingly) for other in answers[position:])
                answers[position] = self._ask_singly(items[position], left)
            else:
                answers[position] = _as_policy_error(answer)
        return answers

    def health(self, *, deadline: float) -> Health:
        """Ask whether OPA has loaded its bundles. Never raises for OPA's sake."""
        seconds = deadline - time.monotonic()
        try:
            response = self._client.health(seconds=seconds)
        except (OSError, BrokenAnswer) as error:
            return Health(ready=False, detail=type(error).__name__)
        if response.status_code != _OK:
            return Health(ready=False, detail=f"status {response.status_code}")
        return Health(ready=True)

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _ask_singly(self, item: _Item, left: int) -> PolicyAnswer | Exception:
        """One question in its own query, in its share of what is left of its time."""
        seconds = item.deadline - time.monotonic()
        if seconds <= 0 or not self._singles.acquire(timeout=seconds):
            return PolicyTimeout()
        try:
            now = time.monotonic()
            return self._one(item, now + (item.deadline - now) / left)
        finally:
            self._singles.release()

    def _send(self, items: list[_Item]) -> list[PolicyAnswer | Exception]:
        if len(items) == 1:
            return [self._one(items[0], items[0].deadline)]
        questions = [item.question for item in items]
        now = time.monotonic()
        deadline = now + (min(item.deadline for item in items) - now) * _GROUP_SHARE
        raw = os.urandom(_NONCE_BYTES * len(items)).hex()
        nonces = [raw[i : i + 2 * _NONCE_BYTES] for i in range(0, len(raw), 2 * _NONCE_BYTES)]
        document: JsonValue = {
            "items": {n: q.input for n, q in zip(nonces, questions, strict=True)}
        }
        body = self._query(
            document, self._group_url, deadline, together(item.meanwhile for item in items)
        )
        answers = read_group(body, nonces, questions) if isinstance(body, bytes) else None
        if answers is None:
            return [_AskSingly() for _ in items]
        return list(answers)

    def _one(self, item: _Item, deadline: float) -> PolicyAnswer | Exception:
        body = self._query(
            item.question.input, self._single_url, deadline, together([item.meanwhile])
        )
        return read_single(body) if isinstance(body, bytes) else body

    def _query(
        self, document: JsonValue, url: str, deadline: float, sent: Callable[[], None]
    ) -> bytes | Exception:
        """The body of a complete 200, or why there is none, as a value for its caller."""
        seconds = deadline - time.monotonic()
        try:
            response = self._client.decide(document, url, seconds=seconds, sent=sent)
            response.raise_for_status()
        except TimeoutError as error:
            return _because(PolicyTimeout(), error)
        except (OSError, BrokenAnswer, TypeError) as error:
            return _because(PolicyUnavailable(), error)
        except PolicyUnavailable as error:
            return error
        return response.content


class OpaEngine(Opa):
    """`Opa` as the configuration describes it. Make one a worker, after the fork."""

    def __init__(self, config: Config) -> None:
        """Read and verify the bundle; OPA itself need not run yet.

        Raises:
            ConfigError: the bundle cannot be read, or its revision is not its files'.
        """
        policy, run = config.policy, config.server.run_directory
        socket_path = policy.opa_socket or run / SOCKET_NAME
        bundle = read_bundle(loaded_bundle(policy.bundle, run, embedded=policy.opa_socket is None))
        super().__init__(
            Address(path=str(socket_path)),
            entrypoint=policy.entrypoint,
            known_revisions=frozenset({bundle.revision}),
        )


def _as_policy_error(error: Exception) -> Exception:
    if isinstance(error, PolicyUnavailable | PolicyTimeout):
        return error
    timed_out = isinstance(error, TimeoutError)
    return _because(PolicyTimeout() if timed_out else PolicyUnavailable(), error)


def _because(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error
