"""Credentials at an OCI registry: the issuer is its realm (docs/issuers/oci_registry.md).

A job's credential is a user name and a password at that realm. Registries' own clients ask it
for a token for each thing they do; what they get holds the repositories and actions of the
decision and nothing else, and the registry itself checks it. No registry limits a token to a tag.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.core.model import JsonValue
from counterfoil.core.renderings import NotRenderable, render_all
from counterfoil.core.renderings.oci_registry import Right, rights
from counterfoil.errors import ConfigError
from counterfoil.ports import Clock
from counterfoil.system import SystemClock
from counterfoil_issuers.contract import Ended, Job, Made, TargetError
from counterfoil_issuers.listener import Listener, read_address
from counterfoil_issuers.oci_registry.accounts import Account, Accounts, hidden
from counterfoil_issuers.oci_registry.reaching import findings
from counterfoil_issuers.oci_registry.realm import Realm
from counterfoil_issuers.oci_registry.scopes import Rights, written
from counterfoil_issuers.oci_registry.tokens import Tokens, signing

TYPE: Final = "oci_registry"
_TOKEN_SECONDS: Final = 30
_LEEWAY_SECONDS: Final = 60  # `Leeway` of distribution, 2 and 3
_CONNECTION_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """One registry whose realm this is; `listener` serves it."""

    location: str
    accounts: Accounts
    tokens: Tokens
    clock: Clock
    listener: Listener
    types: frozenset[str] = frozenset({TYPE})

    def start(self) -> None:
        """Serve the realm.

        Raises:
            TargetError: the address cannot be had.
        """
        self.listener.start()

    def stop(self) -> None:
        """Serve it no more."""
        self.listener.stop()

    def reach(self) -> list[str]:
        """What an operator should put right at the registry; asks it who its realm is.

        Raises:
            TargetError: it does not answer.
        """
        return findings(self.location, self.tokens.service)

    def check(self, job: Job) -> None:
        """Refuse what is not of this registry, or no scope expresses.

        Raises:
            NotRenderable: the text says which.
        """
        self._rights(job)

    def make(self, job: Job) -> Made:
        """A user of the realm, with a password of its own."""
        decided = self._rights(job)
        password = secrets.token_urlsafe(32)
        account = Account(
            name=job.name,
            password_sha256=hidden(password),
            rights=decided,
            deadline=job.deadline,
        )
        self.accounts.add(account)
        return Made(
            secret={"registry": self.location, "username": job.name, "password": password},
            public={"service": self.tokens.service, "scope": written(decided)},
            expires_at=job.deadline,
        )

    def end(self, job: Job) -> Ended:
        """Give no token any more.

        Raises:
            TargetError: one that was given works for some seconds yet.
        """
        return self.end_name(job.name)

    def end_name(self, name: str) -> Ended:
        """As `end`: nothing is ever handed over.

        Raises:
            TargetError: as `end`.
        """
        left = self.accounts.end(name, self.clock.now())
        if left:
            raise TargetError(f"no token any more; the last one works for {left:.0f} seconds yet")
        return Ended()

    def names(self) -> Collection[str]:
        """Users of the realm, and those of whom a token may still work."""
        return self.accounts.names(self.clock.now())

    def _rights(self, job: Job) -> Rights:
        details = (*job.permissions, *job.ambient)
        if any(item.get("type") != TYPE for item in details):
            raise NotRenderable("another type than oci_registry")
        render_all(details)
        found: dict[str, set[str]] = {}
        for right in (one for item in details for one in rights(item)):
            assert isinstance(right, Right)  # noqa: S101 -- what `rights` makes
            if right.location != self.location:
                raise NotRenderable("another registry")
            found.setdefault(right.name, set()).add(right.action)
        if not found:
            raise NotRenderable("nothing is permitted")
        return {name: frozenset(actions) for name, actions in found.items()}


def build(settings: Mapping[str, JsonValue], clock: Clock | None = None) -> Registry:
    """Make the target of a `[target]` that schemas/issuer_oci_registry.json accepts.

    Raises:
        ConfigError: a file or an address cannot be used.
    """
    clock = clock or SystemClock()
    location = str(settings["location"])
    certificate = settings.get("certificate_file")
    key, header = signing(
        Path(str(settings["key_file"])),
        None if certificate is None else Path(str(certificate)),
        clock.now(),
    )
    host = location.partition("://")[2].rstrip("/")
    if not host:
        raise ConfigError("it is https://host[:port]", pointer="target.location")
    tokens = Tokens(
        issuer=str(settings["token_issuer"]),
        service=str(settings.get("service", host)),
        seconds=int(str(settings.get("token_seconds", _TOKEN_SECONDS))),
        leeway=int(str(settings.get("leeway_seconds", _LEEWAY_SECONDS))),
        key=key,
        header=header,
    )
    accounts = Accounts(began=clock.now(), longest=tokens.longest)
    realm = Realm(accounts=accounts, tokens=tokens, clock=clock)
    listener = Listener(realm, read_address(settings), connection_seconds=_CONNECTION_SECONDS)
    return Registry(
        location=location, accounts=accounts, tokens=tokens, clock=clock, listener=listener
    )
