"""What decided, and the smallest change that would be allowed: every change shown was tried.

    1. which rule held, or how far it came, and the data it looked up   policy/evidence.py
    2. a person's answer, where the decision waits for one              supposed, asked
    3. smaller or plainer commands                                      read and asked
    4. data that would cover the operations, and no more                asked on a changed copy

Commands come before policy, which changes what everybody may do. What is not allowed by the
real reader and the real OPA, or reaches further than what was asked, is not shown.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from counterfoil.catalogues.store import CatalogueStore
from counterfoil.core.actions.database.rewrites import (
    held_to_limits,
    qualified,
    without_statements,
)
from counterfoil.core.explanation import command_text
from counterfoil.core.model import (
    AuthorizationRequest,
    Caller,
    Effect,
    JsonObject,
    JsonValue,
    Operation,
)
from counterfoil.core.remedy import Change, narrower, object_at, policy_changes
from counterfoil.errors import CounterfoilError
from counterfoil.flows.explain import Explained, ExplainFlow
from counterfoil.policy.evidence import TRIED, Evidence, PolicyCopy

SECONDS: Final = 5.0
"""After these no more data is tried; commands are bounded by their number alone."""
_MAX_COMMANDS: Final = 12
_MAX_POLICIES: Final = 3
_DATABASE: Final = "database"
_WITH_CATALOGUE: Final = frozenset({"postgresql"})


@dataclass(frozen=True, slots=True)
class Why:
    """What decided, and what would be allowed instead, smallest first."""

    evidence: Evidence
    data: JsonObject
    catalogue: str | None = None
    changes: tuple[Change, ...] = ()
    untried: int = 0  # changes of data for which no time was left


@dataclass(frozen=True, slots=True)
class Asking:
    """What trials need: the flow that explains, the policy as files, and who asks."""

    flow: ExplainFlow
    copy: PolicyCopy
    caller: Caller
    catalogues: CatalogueStore

    def catalogue_state(self, item: Explained) -> str | None:
        """Of the action's resource (`CatalogueStore.state`); None where it has none to have."""
        resource = item.case.located.command.resource
        known = resource is not None and resource.type in _WITH_CATALOGUE
        return self.catalogues.state(resource) if resource is not None and known else None

    def why(self, item: Explained) -> Why:
        """Explain a decision by what made it.

        Raises:
            ConfigError: OPA cannot be used.
        """
        until = time.monotonic() + SECONDS
        evidence = self.copy.evidence(item.asked)
        changes: list[Change] = []
        untried = 0
        if item.decision.effect is not Effect.ALLOW:
            changes += self._approved(item)
            changes += sorted(self._commands(item, evidence), key=lambda change: change.size)
            if item.decision.effect is Effect.DENY:
                found, untried = self._policy(item, evidence, until)
                changes += found
        return Why(evidence, self.copy.data, self.catalogue_state(item), tuple(changes), untried)

    def _approved(self, item: Explained) -> Iterator[Change]:
        terms = item.decision.approval
        if terms is None:
            return
        groups: list[JsonValue] = list(terms.approvers)
        people: list[JsonValue] = [
            {"iss": "urn:counterfoil:supposed", "sub": f"approver {n}", "groups": groups}
            for n in range(terms.quorum)  # as many as `each_from`, at least
        ]
        answer: JsonObject = {
            "id": "apr_supposed",
            "approvers": people,
            "answered_at": "1970-01-01T00:00:00.000000Z",
        }
        (tried,) = self.flow.run([item.case.request], self.caller, [answer])
        if tried.decision.effect is Effect.ALLOW:
            count = f"{terms.quorum} of " if terms.quorum > 1 else ""
            title = f"ask for approval: {count}{', '.join(terms.approvers)}"
            yield Change(kind="approval", title=title)

    def _commands(self, item: Explained, evidence: Evidence) -> Iterator[Change]:
        command = item.case.located.command
        name, text = command.command_argument, command_text(item.case)
        if command.family != _DATABASE or name is None or not text:
            return
        candidates: dict[str, str] = {}
        for title, changed in islice(self._texts(item, text, evidence), _MAX_COMMANDS):
            candidates.setdefault(changed, title)
        requests = [
            replace(item.case.request, arguments={**command.arguments, name: changed})
            for changed in candidates
        ]
        titles = candidates.items()
        for (changed, title), tried in zip(titles, self._tried(requests), strict=True):
            if tried is None or tried.decision.effect is not Effect.ALLOW:
                continue
            asked, found = item.case.reading, tried.case.reading
            # Of a text that was not read nothing is known to be narrower than its own words.
            if asked.uncertain or narrower(found.operations, asked.operations):
                arguments = tried.case.request.arguments
                size = _size(text, changed)
                yield Change(kind="command", title=title, size=size, arguments=arguments)

    def _texts(self, item: Explained, text: str, evidence: Evidence) -> Iterator[tuple[str, str]]:
        reading = item.case.reading
        access = object_at(self.copy.data, "data", "access", self.caller.tenant, _DATABASE)
        places = [found.span for found in reading.uncertain]
        places += [reading.operations[i].span for i in _offending(item, evidence)]
        resource = item.case.located.command.resource
        schemas = object_at(access, resource.id if resource is not None else "")
        yield from held_to_limits(text, reading.operations, access)
        yield from qualified(text, reading.uncertain, sorted(schemas))
        yield from without_statements(text, [place for place in places if place is not None])

    def _tried(self, requests: Sequence[AuthorizationRequest]) -> list[Explained | None]:
        try:
            return list(self.flow.run(requests, self.caller)) if requests else []
        except CounterfoilError:  # what cannot be judged is not suggested
            return [None for _ in requests]

    def _policy(
        self, item: Explained, evidence: Evidence, until: float
    ) -> tuple[list[Change], int]:
        """The first change of data that is allowed, if any, and how many were left untried."""
        operations = item.case.reading.operations
        uncovered = _uncovered(operations, evidence)
        if any(held.name == "deny" for held in evidence.held) or not uncovered:
            return [], 0
        changes = policy_changes(operations, uncovered, self.caller, self.copy.data)
        supposed = list(islice(changes, _MAX_POLICIES))
        for i, change in enumerate(supposed):
            if time.monotonic() > until:
                return [], len(supposed) - i
            answer = self.copy.supposing(change.settings, item.asked)
            decision = self.flow.judged(item.case, answer, self.caller, known={TRIED})
            if decision.effect is Effect.ALLOW:
                return [change], 0
        return [], 0


def _uncovered(operations: Sequence[Operation], evidence: Evidence) -> list[int]:
    covered = {item.operation for item in evidence.held if item.name != "deny"}
    return [i for i in range(len(operations)) if i not in covered] if evidence.traced else []


def _offending(item: Explained, evidence: Evidence) -> list[int]:
    """Operations that a rule denies, that no rule covers, or that people must agree to."""
    operations = item.case.reading.operations
    named = [(reason.details or {}).get("operations") for reason in item.decision.reasons]
    refused: set[int | None] = {i for listed in named for i in _integers(listed)}
    if not any(held.name == "deny" for held in evidence.held):  # else nobody asked for the rest
        allowed = {held.operation for held in evidence.held if held.name == "allow"}
        asking = {held.operation for held in evidence.held if held.name == "needs_approval"}
        refused |= {*_uncovered(operations, evidence), *(asking - allowed)}
    return sorted(i for i in refused if i is not None and i < len(operations))


def _integers(value: JsonValue) -> Iterable[int]:
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [item for item in listed if isinstance(item, int)]


def _size(before: str, after: str) -> int:
    """How many characters differ: what lies between the common start and the common end."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    most = min(len(before), len(after)) - start
    while end < most and before[-1 - end] == after[-1 - end]:
        end += 1
    return max(len(before), len(after)) - start - end
