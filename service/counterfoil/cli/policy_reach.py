"""`counterfoil policy who-can | what-can`: who may do this, and what may they do.

`who-can` asks the real policy about one action, once for each group and each agent that hold a
role: what it prints is what `POST /authorize` would answer them. `what-can` lists data, which
is the most that anybody gets: rules that deny and a tenant's own packages only narrow it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD
from counterfoil.cli.explain import asking_of, configuration
from counterfoil.cli.explainer import Explainer
from counterfoil.cli.text import compact, shown
from counterfoil.config import Config
from counterfoil.core.case import reason_json
from counterfoil.core.model import Actor, Caller, Decision, Effect, JsonObject, JsonValue, Subject
from counterfoil.core.remedy import object_at
from counterfoil.core.rights import (
    ALLOW,
    Reach,
    agents_of,
    effect_in_words,
    groups_of,
    reach,
    roles_of_agents_named,
    roles_of_person,
)
from counterfoil.errors import ConfigError, RequestError
from counterfoil.policy.evidence import access_of
from counterfoil.system import SystemClock

_LIFETIME_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the service would answer a person of these groups through this agent."""

    groups: tuple[str, ...]
    agent: tuple[str, str]
    decision: Decision

    @property
    def denied(self) -> bool:
        return self.decision.effect is Effect.DENY

    def json(self) -> JsonObject:
        terms = self.decision.approval
        value: dict[str, JsonValue] = {
            "groups": list(self.groups),
            "agent": {"iss": self.agent[0], "sub": self.agent[1]},
            "effect": self.decision.effect.value,
        }
        if terms is not None:
            value["approval"] = {"approvers": list(terms.approvers), "quorum": terms.quorum}
        if self.denied:
            value["reasons"] = [reason_json(reason) for reason in self.decision.reasons]
        return value

    def line(self) -> str:
        terms, effect = self.decision.approval, self.decision.effect.value
        if terms is not None:
            effect += f" by {terms.quorum} of {', '.join(terms.approvers)}"
        return f"{' and '.join(self.groups):<32} {self.agent[1]:<20} {effect}"


def who_can(args: argparse.Namespace) -> int:
    """Print who may take an action; returns the exit code.

    Raises:
        ConfigError: the configuration or the policy cannot be used.
        RequestError: the action cannot be judged at all.
    """
    config = configuration(args)
    access = _access(config, args.tenant)
    groups, agents = groups_of(access), agents_of(access)
    line = b'{"tool":%b,"arguments":%b}' % (orjson.dumps(args.tool), args.arguments.encode())
    with asking_of(config, _caller(args.tenant, (), ("", ""))) as asking:
        explainer = Explainer.of(asking.flow, config, asking.caller)
        ask = _Asker(explainer, line, args.tenant, total=len(groups) * len(agents))
        answers = [ask((group,), agent) for agent in agents for group in groups]
        may = [item for item in answers if not item.denied]
        may += [] if may else _together(ask, groups, agents)
    ask.done()
    if args.json:
        print(compact([item.json() for item in may or answers]))
    else:
        _print_who(may, answers)
    return EXIT_GOOD if may else EXIT_FINDING


@dataclass(slots=True)
class _Asker:
    """Asks about one action for one person and agent after the other."""

    explainer: Explainer
    line: bytes
    tenant: str
    total: int
    asked: int = 0

    def __call__(self, groups: Sequence[str], agent: tuple[str, str]) -> _Answer:
        self.asked += 1
        if sys.stderr.isatty():
            print(f"\rasking {self.asked} of {self.total}", end="", file=sys.stderr)
        explainer = replace(self.explainer, caller=_caller(self.tenant, groups, agent))
        (item,) = explainer.explained([self.line])
        if isinstance(item, RequestError):
            raise item
        return _Answer(tuple(groups), agent, item.decision)

    def done(self) -> None:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)


def _together(
    ask: _Asker, groups: Sequence[str], agents: Sequence[tuple[str, str]]
) -> Iterator[_Answer]:
    """For each agent the groups that are enough together, none of which can be left out."""
    for agent in agents:
        found = ask(groups, agent)
        if found.denied or len(groups) < 2:  # noqa: PLR2004 -- one alone was asked before
            continue
        needed = list(groups)
        for group in groups:
            fewer = [name for name in needed if name != group]
            tried = ask(fewer, agent)
            if fewer and not tried.denied:
                needed, found = fewer, tried
        yield found


def _print_who(may: Sequence[_Answer], answers: Sequence[_Answer]) -> None:
    if may:
        print(f"{'group':<32} {'agent':<20} effect")
        for item in may:
            print(shown(item.line()))
        return
    print("nobody")
    told = {(reason.code, reason.title) for item in answers for reason in item.decision.reasons}
    for code, title in sorted(told):
        print(shown(f"  {code}: {title}"))
    if not answers:
        print("  no group and agent hold a role in this tenant's data")


def what_can(args: argparse.Namespace) -> int:
    """Print what data lets these groups do through this agent; returns the exit code.

    Raises:
        ConfigError: the configuration or the policy cannot be used.
    """
    access = _access(configuration(args), args.tenant)
    person = roles_of_person(access, args.group)
    usable = roles_of_agents_named(access, args.agent, args.issuer)
    found = [one for one in reach(access, person, usable) if args.family in {None, one.family}]
    if args.json:
        print(compact([_reach_json(one, access) for one in found]))
        return EXIT_GOOD if found else EXIT_FINDING
    if not found:
        print(_why_nothing(args, person, usable))
        return EXIT_FINDING
    width = max(len(" / ".join(one.path)) for one in found)
    for one in found:
        where, effect = " / ".join(one.path), _effect(one, access)
        print(shown(f"{one.family:<12} {where:<{width}}  {effect}"))
    print("\nAt most: rules that deny and a tenant's own packages narrow each action further.")
    return EXIT_GOOD


def _why_nothing(args: argparse.Namespace, person: frozenset[str], usable: frozenset[str]) -> str:
    if not person:
        return f"nothing: {shown(', '.join(args.group))} holds no role in tenant {args.tenant}"
    if not usable:
        return f"nothing: the agent {shown(args.agent)} holds no role in tenant {args.tenant}"
    return "nothing: no role of the person and of the agent cover the same operation"


def _effect(one: Reach, access: Mapping[str, JsonValue]) -> str:
    text = effect_in_words(one, access)
    if one.effect != ALLOW:
        text += f" ({one.effect})"
    return "; ".join([text, *(f"within {compact(dict(limit))}" for limit in one.limits)])


def _reach_json(one: Reach, access: Mapping[str, JsonValue]) -> JsonObject:
    value: dict[str, JsonValue] = {
        "family": one.family,
        "path": list(one.path),
        "effect": ALLOW if one.effect == ALLOW else Effect.NEEDS_APPROVAL.value,
        "role": one.role,
        "ceiling": one.ceiling,
        "limits": list(one.limits),
    }
    if one.effect != ALLOW:
        value["approval"] = {"name": one.effect, **object_at(access, "approvals", one.effect)}
    return value


def _access(config: Config, tenant: str) -> Mapping[str, JsonValue]:
    access = access_of(config.policy.bundle, tenant)
    if not access:
        raise ConfigError(
            f"the policy has no data of tenant {tenant}: data/access/{tenant}/data.json",
            pointer="policy.bundle",
        )
    return access


def _caller(tenant: str, groups: Sequence[str], agent: tuple[str, str]) -> Caller:
    """Somebody of these groups, whom nobody verified: it is asked what would be."""
    issuer, name = agent
    return Caller(
        tenant=tenant,
        subject=Subject(issuer=issuer, sub="somebody", groups=tuple(groups)),
        actor=Actor(issuer=issuer, sub=name) if name else None,
        run_id=None,
        prompt_digest=None,
        expires_at=SystemClock().now() + _LIFETIME_SECONDS,
    )
