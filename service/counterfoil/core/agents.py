"""Registered agents and the launchers that may start them: data of the operator.

An agent is known by tenant and name: two tenants may each have a `coder`, and neither ever
meets the other's. What an agent may do at most is its ceiling: names of roles of the policy's
data. A chain of agents has what all of them have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from counterfoil.errors import HandOnRefused, LauncherNotAllowed

MAX_CHAIN = 4
"""Agents in one chain, the first and the current one included: more is no plan but a loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredAgent:
    """One `[[identity.agent]]`; `ceiling` names roles, the others launchers and agents."""

    name: str
    tenant: str = "default"
    launchers: frozenset[str] = frozenset()
    ceiling: frozenset[str] = frozenset()
    hands_on_to: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A program of a tenant that starts agents for people, and has proven that it is it."""

    id: str
    tenant: str


@dataclass(frozen=True, slots=True)
class AgentRegistry:
    """All registered agents, by tenant and name."""

    agents: Mapping[tuple[str, str], RegisteredAgent]

    @classmethod
    def of(cls, agents: Sequence[RegisteredAgent]) -> AgentRegistry:
        """Index them; the configuration has no name twice in a tenant."""
        return cls({(agent.tenant, agent.name): agent for agent in agents})

    def startable(self, launcher: Launcher, name: str) -> RegisteredAgent:
        """The agent of the launcher's own tenant that it may start.

        Raises:
            LauncherNotAllowed: it may not, or there is none: the two are not told apart.
        """
        agent = self.agents.get((launcher.tenant, name))
        if agent is None or launcher.id not in agent.launchers:
            raise LauncherNotAllowed
        return agent

    def handed_on(self, tenant: str, chain: Sequence[str], to: RegisteredAgent) -> tuple[str, ...]:
        """The names of a chain one agent longer, the current one first.

        Raises:
            HandOnRefused: the current agent may not hand on to that one, or the chain is as
                long as any may be.
        """
        current = self.agents.get((tenant, chain[0]))
        if current is None or to.name not in current.hands_on_to or to.tenant != tenant:
            raise HandOnRefused
        if len(chain) >= MAX_CHAIN:
            raise HandOnRefused(f"at most {MAX_CHAIN} agents act in one chain")
        return (to.name, *chain)

    def ceiling(self, tenant: str, chain: Sequence[str]) -> frozenset[str] | None:
        """The roles that every agent of the chain may use; None where one is not registered."""
        known = [self.agents.get((tenant, name)) for name in chain]
        ceilings = [agent.ceiling for agent in known if agent is not None]
        if not ceilings or len(ceilings) != len(known):
            return None
        return frozenset.intersection(*ceilings)
