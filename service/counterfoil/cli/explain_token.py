"""`counterfoil explain token FILE`: each rule a token passes or fails, for who debugs a provider.

The rules are judged by the service's own code on the same configuration. Keys of a provider
are fetched now, as the service would. Nothing is recorded, and the token is sent nowhere.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Final

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD
from counterfoil.cli.text import shown
from counterfoil.config import Config
from counterfoil.config_model import OidcIssuer
from counterfoil.core.claims import read_caller, read_source
from counterfoil.errors import ConfigError, IdentityError, IdentityUnavailable, Rule
from counterfoil.identity.discovery import MalformedMetadata
from counterfoil.identity.fetch import FetchFailed
from counterfoil.identity.fetchers import make_fetcher
from counterfoil.identity.jwks import KeyFile, MalformedKeySet
from counterfoil.identity.oidc import TrustedIssuer, verify_token
from counterfoil.identity.providers import fetch_keys
from counterfoil.system import SystemClock

MAX_READ_CHARS: Final = 65_536
_NOT_HERE: Final = frozenset({Rule.ACTIVE})  # of tokens that are no JWT
_SAID: Final = ("alg", "kid", "typ", "iss", "sub", "aud", "azp", "client_id", "exp", "iat")
_SAID_CHARS: Final = 200


def explain_token(file: str, config: Config, *, as_source: bool) -> int:
    """Print each rule with pass, FAIL or not reached; returns the exit code.

    Args:
        file: the token's file, `-` for standard input.
        config: whose providers count.
        as_source: judge it as `POST /token` would, instead of as a caller's credential.

    Raises:
        ConfigError: the file cannot be read.
    """
    logging.disable(logging.ERROR)  # what the reader of keys would log is printed below
    token = _read(file)
    _say_what_it_says(token)
    rules = [rule for rule in Rule if rule not in _NOT_HERE]
    failed, why = _judge(token, config, as_source=as_source)
    reached = rules.index(failed) if failed is not None else len(rules)
    for i, rule in enumerate(rules):
        word = "pass" if i < reached else "FAIL" if i == reached else "not reached"
        print(f"{word:<12} {rule.number:>2} {rule.word}: {rule.holds}")
        if i == reached:
            print(f"{'':<12}    {why}")
    return EXIT_GOOD if failed is None else EXIT_FINDING


def _judge(token: str, config: Config, *, as_source: bool) -> tuple[Rule | None, str]:
    now, leeway = SystemClock().now(), config.identity.leeway_seconds
    trouble: list[str] = []
    try:
        with tempfile.TemporaryDirectory(prefix="counterfoil-") as folder:
            issuers = {
                item.entry.issuer: TrustedIssuer.of(
                    item, KeyFile(_keys(item, Path(folder), token, trouble))
                )
                for item in config.identity.oidc
            }
            claims, issuer, _ = verify_token(token, issuers, now=now)
        if as_source:
            read_source(claims, issuer.entry, now=now, leeway_seconds=leeway)
        else:
            read_caller(claims, issuer.entry, config.roles, now=now, leeway_seconds=leeway)
        if "cnf" in claims:
            return Rule.PROOF, "a proof belongs to a request, so none is judged here"
    except IdentityUnavailable as error:
        return Rule.KEY_SET, "".join(trouble) or error.detail
    except IdentityError as error:
        return error.rule or Rule.CLAIMS, error.detail or error.title
    return None, ""


def _keys(item: OidcIssuer, folder: Path, token: str, trouble: list[str]) -> Path:
    """The file of an issuer's keys; fetched where the token names that issuer.

    A failed fetch is no refusal yet: the rules before it are judged first.
    """
    if item.jwks_file is not None:
        return item.jwks_file
    path = folder / "keys.json"
    if _unverified(token, 1).get("iss") == item.entry.issuer:
        try:
            path.write_bytes(asyncio.run(_fetch(item)))
        except (FetchFailed, MalformedMetadata, MalformedKeySet) as error:
            trouble.append(f"{error}; asked for just now")
    return path


async def _fetch(item: OidcIssuer) -> bytes:
    async with make_fetcher(item) as fetcher:
        return await fetch_keys(item.entry.issuer, item.provider, fetcher)


def _read(file: str) -> str:
    try:
        with open(0 if file == "-" else file, encoding="utf-8") as stream:  # noqa: PTH123 -- stdin too
            text = stream.read(MAX_READ_CHARS)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {type(error).__name__}") from error
    return text.strip().removeprefix("Bearer ")


def _say_what_it_says(token: str) -> None:
    """What the token says of itself, unverified; its holder is who reads this."""
    header, claims = _unverified(token, 0), _unverified(token, 1)
    said = {**claims, **header}
    for name in (name for name in _SAID if name in said):
        value = said[name]
        text = shown(json.dumps(value, ensure_ascii=True))[:_SAID_CHARS]
        print(f"says, unverified: {name} = {text}", file=sys.stderr)


def _unverified(token: str, segment: int) -> dict[str, object]:
    try:
        part = token.split(".")[segment]
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
