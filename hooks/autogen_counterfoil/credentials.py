"""Where the delegation token comes from, and the two things the hook looks at in it.

The token is asked for at each use, so that whoever holds it may renew it: a launcher that
replaces a file (`counterfoil login`), or a callable. One that ends within moments is asked
for again before it is used. It is always a *delegation* token: one without `act` is the
person's own, does not belong in this process, and is never sent anywhere. One that is bound to
a key goes out only with a proof of that key (`dpop.py`); whoever gives a key gets no less.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import math
import os
import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, cast

from autogen_counterfoil.canonical import JsonObject, JsonValue
from autogen_counterfoil.dpop import KEY_FILE_VARIABLE, DPoPKey, key_from_environment
from autogen_counterfoil.errors import CredentialError

TOKEN_VARIABLE = "COUNTERFOIL_TOKEN"  # noqa: S105 -- a variable's name
TOKEN_FILE_VARIABLE = "COUNTERFOIL_TOKEN_FILE"  # noqa: S105 -- a variable's name
TEAM = "*"
"""The entry of a mapping that stands for the team's own actor."""

TokenSource: TypeAlias = Callable[[], str | Awaitable[str]] | Path
Tokens: TypeAlias = TokenSource | Mapping[str, TokenSource] | None
"""A callable, a file, a mapping from agent names to them, or None for the environment."""

MOMENTS_SECONDS = 5.0
"""A token with less to live than this may end on its way to the service."""
PAUSES_SECONDS = (0.1, 0.4, 1.5)
"""Between questions for a fresher one. After that the old one is sent: the service's clock
counts, not this machine's."""

NO_ACTOR = (
    "the token names no actor (no `act` claim): it is a person's own token and does not "
    "belong in the agent's process. Exchange it for a delegation token (POST /token, or "
    "`counterfoil login`) in the launcher"
)
NO_KEY = (
    "the token is bound to a key (`cnf.jkt`) that this process does not have, so the service "
    "would refuse it. Pass key=, or set " + KEY_FILE_VARIABLE + " (`counterfoil login --dpop` does)"
)
OTHER_KEY = (
    "the token is bound to another key (`cnf.jkt`) than the one given. The launcher must ask for "
    "it (POST /token) with a proof of this process's key"
)
NOT_BOUND = (
    "a key is given, and the token is not bound to it (no `cnf.jkt`): whoever finds the token "
    "could use it. Ask for it (POST /token) with a proof of the key, or give no key"
)


@dataclass(frozen=True, slots=True)
class DelegationToken:
    """A token that names an actor. Its signature is the service's business, not ours."""

    value: str = field(repr=False)
    unverified_claims: JsonObject = field(repr=False)
    key: DPoPKey | None = None
    """What it is bound to, None for a plain bearer token."""

    @property
    def ends_at(self) -> float:
        """When it ends, in seconds since the epoch; never, where it does not say."""
        value = self.unverified_claims.get("exp")
        return float(value) if isinstance(value, (int, float)) else math.inf

    @property
    def opens_with_prompt(self) -> bool:
        """Whether the run was opened with a prompt, which the service then knows itself."""
        return self.unverified_claims.get("prompt_digest") is not None


class TokenBook:
    """Finds the token for an agent of one run."""

    def __init__(self, tokens: Tokens, key: DPoPKey | None = None) -> None:
        if isinstance(tokens, str):
            raise CredentialError(
                "token= takes a callable, a pathlib.Path or a mapping from agent names, so "
                "that the token can be renewed and is not kept in the program's text"
            )
        self._by_agent: Mapping[str, TokenSource] = tokens if isinstance(tokens, Mapping) else {}
        self._team: TokenSource | None = (
            self._by_agent.get(TEAM) if isinstance(tokens, Mapping) else tokens
        )
        # A launcher's key goes with the launcher's token, not with others'.
        self._key = key_from_environment() if key is None and tokens is None else key

    async def check(self) -> None:
        """See that every source gives a delegation token now, before anything starts.

        Raises:
            CredentialError: one does not.
        """
        sources: list[TokenSource | None] = list(self._by_agent.values())
        for source in sources or [self._team]:
            delegation_token(await _fetch(source), self._key)

    async def token(self, agent: str | None) -> DelegationToken:
        """Return the agent's token, or the team's for an agent without an entry.

        Raises:
            CredentialError: there is none, it cannot be read, it names no actor, or it is not
                bound to the key that this process has.
        """
        source = self._by_agent.get(agent or "", self._team)
        token = delegation_token(await _fetch(source), self._key)
        for pause in PAUSES_SECONDS:
            if token.ends_at - _now() > MOMENTS_SECONDS:
                break
            await asyncio.sleep(pause)
            token = delegation_token(await _fetch(source), self._key)
        return token


def _now() -> float:
    return time.time()  # noqa: TID251 -- the hook is the outer edge


async def _fetch(source: TokenSource | None) -> str:
    try:
        if source is None:
            return _from_environment()
        if isinstance(source, Path):
            return source.read_text(encoding="ascii").strip()
        value = source()
        return await value if inspect.isawaitable(value) else value
    except CredentialError:
        raise
    except Exception as error:
        raise CredentialError(f"the token could not be had: {type(error).__name__}") from error


def _from_environment() -> str:
    if value := os.environ.get(TOKEN_VARIABLE):
        return value.strip()
    if path := os.environ.get(TOKEN_FILE_VARIABLE):
        return Path(path).read_text(encoding="ascii").strip()
    raise CredentialError(f"no token: pass token=, or set {TOKEN_FILE_VARIABLE}")


def delegation_token(unverified: object, key: DPoPKey | None = None) -> DelegationToken:
    """Return `unverified` as a delegation token that is bound to `key`, or to none.

    Raises:
        CredentialError: it is not a signed JWT, has no `act` with a `sub`, or its `cnf` (RFC 9449
            §6.1) is not that key's. The service would say so too, but only once it is sent.
    """
    if not isinstance(unverified, str) or unverified.count(".") != 2:  # noqa: PLR2004 -- JWS compact
        raise CredentialError("what was given as token is not a signed JWT")
    claims = unverified_payload(unverified)
    actor = claims.get("act")
    if not isinstance(actor, dict) or not isinstance(actor.get("sub"), str) or not actor["sub"]:
        raise CredentialError(NO_ACTOR)
    _hold_to_key(claims.get("cnf"), key)
    return DelegationToken(unverified, claims, key)


def _hold_to_key(confirmation: JsonValue, key: DPoPKey | None) -> None:
    bound_to = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    if key is None and bound_to is not None:
        raise CredentialError(NO_KEY)
    if key is not None and bound_to is None:
        raise CredentialError(NOT_BOUND)
    if key is not None and bound_to != key.thumbprint:
        raise CredentialError(OTHER_KEY)


def unverified_payload(unverified: str) -> JsonObject:
    """Return the payload of a compact JWS, unverified.

    Raises:
        CredentialError: it cannot be read.
    """
    try:
        part = unverified.split(".")[1]
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, Base64Error, IndexError) as error:
        raise CredentialError("what was given as token is not a signed JWT") from error
    if not isinstance(value, dict):
        raise CredentialError("what was given as token is not a signed JWT")
    return cast("JsonObject", value)
