"""Evidence for those who may see it (DESIGN §3): hashes by configuration, records for auditors.

1. Which log: the tenant's public id, or `system`.
2. Hashes (checkpoints, tiles, consistency) are everybody's where the operator says so. Else, and
   records always, the caller is a person with the role `auditor`.
3. A log of another tenant does not exist. `system` shows its hashes to auditors, and its
   records, which are the operator's, to nobody here.

Leaves hold codes, ids and commitments, and nothing opened, so reading them is no reading of what
somebody said, and leaves no record: a monitor that follows a log would make it grow for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from counterfoil.core.checkpoint import SYSTEM_LOG, log_id, tenant_of
from counterfoil.core.model import JsonObject
from counterfoil.core.tiles import Tile
from counterfoil.errors import AgentNotAllowed, NotFound, RoleRequired
from counterfoil.flows.access import AUDITOR
from counterfoil.ports import Clock, IdentityVerifier, Proof
from counterfoil.ports_evidence import Evidence

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who wants something of which log; all of it unverified."""

    log: str
    unverified_token: str | None
    proof: Proof | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFlow:
    """Hands evidence out. Every method raises `NotFound` where there is no such thing."""

    clock: Clock
    identity: IdentityVerifier
    evidence: Evidence
    public_hashes: bool

    def checkpoint(self, asked: Asked) -> bytes:
        """The signed note."""
        return self._hashes(asked, self.evidence.checkpoint)

    def tile(self, asked: Asked, tile: Tile) -> bytes:
        """The hashes of a tile."""
        return self._hashes(asked, lambda tenant: self.evidence.tile(tenant, tile))

    def consistency(self, asked: Asked, old_size: int) -> JsonObject:
        """The proof between an older size and the checkpoint."""
        return self._hashes(asked, lambda tenant: self.evidence.consistency(tenant, old_size))

    def entries(self, asked: Asked, tile: Tile) -> bytes:
        """The records under a tile."""
        return self._records(asked, lambda tenant: self.evidence.entries(tenant, tile))

    def entry(self, asked: Asked, index: int) -> bytes:
        """One record."""
        return self._records(asked, lambda tenant: self.evidence.entry(tenant, index))

    def record_proof(self, asked: Asked, name: str) -> bytes:
        """A record's own proof file."""
        return self._records(asked, lambda tenant: self.evidence.proof(tenant, name))

    def _hashes(self, asked: Asked, read: Callable[[str], T | None]) -> T:
        if not self.public_hashes:
            return _there(read(self._auditors(asked, system=True)))
        tenant = tenant_of(asked.log)
        return _there(None if tenant is None else read(tenant))

    def _records(self, asked: Asked, read: Callable[[str], T | None]) -> T:
        return _there(read(self._auditors(asked, system=False)))

    def _auditors(self, asked: Asked, *, system: bool) -> str:
        """The tenant of the log, for an auditor of it.

        Raises:
            NotFound: the log is not one that this caller knows of.
            AgentNotAllowed: the credential is an agent's.
            RoleRequired: the person is no auditor.
        """
        caller = self.identity.verify(
            asked.unverified_token or "", now=self.clock.now(), proof=asked.proof
        )
        own = asked.log == log_id(caller.tenant)
        if not own and not (system and asked.log == SYSTEM_LOG):
            raise NotFound
        if caller.actor is not None:
            raise AgentNotAllowed
        if AUDITOR not in caller.roles:
            raise RoleRequired
        return caller.tenant if own else ""


def _there(found: T | None) -> T:
    if found is None:
        raise NotFound
    return found
