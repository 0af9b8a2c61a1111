"""`[[identity.launcher]]`, `[[identity.agent]]` and `[token]`, and what their meaning forbids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from counterfoil.config_findings import finding
from counterfoil.config_model import DEVELOPMENT_ISSUER, Config, LauncherEntry
from counterfoil.config_source import Place
from counterfoil.core.agents import RegisteredAgent
from counterfoil.core.delegation import DelegationTerms


def launchers(entries: Sequence[Mapping[str, Any]], base: Path) -> tuple[LauncherEntry, ...]:
    """The entries as values, defaults filled in before."""
    return tuple(
        LauncherEntry(
            id=entry["id"],
            tenant=entry["tenant"],
            jwks_file=base / entry["jwks_file"] if "jwks_file" in entry else None,
            algorithms=tuple(entry["algorithms"]),
            secret_file=base / entry["secret_file"] if "secret_file" in entry else None,
            certificate_file=(
                base / entry["certificate_file"] if "certificate_file" in entry else None
            ),
        )
        for entry in entries
    )


def agents(entries: Sequence[Mapping[str, Any]]) -> tuple[RegisteredAgent, ...]:
    """The entries as values, defaults filled in before."""
    return tuple(
        RegisteredAgent(
            name=entry["name"],
            tenant=entry["tenant"],
            launchers=frozenset(entry["launchers"]),
            ceiling=frozenset(entry["ceiling"]),
            hands_on_to=frozenset(entry["hands_on_to"]),
        )
        for entry in entries
    )


def delegation_terms(section: Mapping[str, Any], own_issuer: str) -> DelegationTerms:
    """`[token]`; the issuer is our own name unless it is set."""
    return DelegationTerms(**{"issuer": own_issuer, **section})


def registry_findings(config: Config) -> Iterator[str]:
    """What is wrong with launchers, agents and our own issuer beside the others."""
    yield from _own_issuer(config)
    for i, launcher in enumerate(config.identity.launchers):
        yield from _launcher(config, launcher, ("identity", "launcher", i))
    named = Counter((agent.tenant, agent.name) for agent in config.identity.agents)
    for i, agent in enumerate(config.identity.agents):
        place: Place = ("identity", "agent", i)
        if named[agent.tenant, agent.name] > 1:
            problem = f"{agent.name!r} is there already."
            yield finding((*place, "name"), problem, "Keep one entry of that name in a tenant.")
        yield from _agent(config, agent, place)


def _own_issuer(config: Config) -> Iterator[str]:
    # A provider of that name could sign what would pass for ours.
    issuers = {item.entry.issuer for item in config.identity.oidc}
    if not config.development and config.token.issuer in {DEVELOPMENT_ISSUER, *issuers}:
        remedy = "Give the service a name of its own."
        yield finding(("token", "issuer"), "is another issuer's name.", remedy)


def _launcher(config: Config, launcher: LauncherEntry, place: Place) -> Iterator[str]:
    if launcher.secret_file is not None and not config.development:
        remedy = "Write jwks_file, and let the launcher sign with its own key."
        yield finding((*place, "secret_file"), "is for --dev alone.", remedy)
        return
    ways = (launcher.jwks_file, launcher.secret_file, launcher.certificate_file)
    if sum(way is not None for way in ways) != 1:
        yield finding(place, "needs keys.", "Write jwks_file, or certificate_file in its place.")
    elif launcher.certificate_file is not None and config.server.proxy_socket is None:
        remedy = "Write server.proxy_socket, by which the proxy that ends TLS tells of it."
        yield finding((*place, "certificate_file"), "can never be shown.", remedy)


def _agent(config: Config, agent: RegisteredAgent, place: Place) -> Iterator[str]:
    known = {entry.id for entry in config.identity.launchers if entry.tenant == agent.tenant}
    for name in sorted(agent.launchers - known):
        remedy = "Name the id of an [[identity.launcher]] entry of the same tenant."
        yield finding((*place, "launchers"), f"{name!r} is not registered.", remedy)
    others = {item.name for item in config.identity.agents if item.tenant == agent.tenant}
    for name in sorted(agent.hands_on_to - others):
        remedy = "Name another [[identity.agent]] entry of the same tenant."
        yield finding((*place, "hands_on_to"), f"{name!r} is not registered.", remedy)
    if agent.name in agent.hands_on_to:
        remedy = "Leave its own name out; its launcher renews its token."
        yield finding((*place, "hands_on_to"), "names the agent itself.", remedy)
