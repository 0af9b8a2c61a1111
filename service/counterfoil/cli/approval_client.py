"""What commands of people speak with: one service, one person's token, no redirects."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from counterfoil.cli.text import members
from counterfoil.config import DEVELOPMENT_ISSUER
from counterfoil.core.model import JsonObject
from counterfoil.errors import ConfigError
from counterfoil.identity.signing import DELEGATION_TYPE, Es256Signer
from counterfoil.keys import DELEGATION_KEY_FILE, load_es256_key

TOKEN_VARIABLE = "COUNTERFOIL_TOKEN"  # noqa: S105 -- a variable's name
MAX_ANSWER_BYTES = 8 * 1024 * 1024
_TIMEOUT_SECONDS = 15.0
_TTL_SECONDS = 300
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Answered:
    """Status and JSON object of an answer."""

    status: int
    body: JsonObject


@dataclass(frozen=True, slots=True)
class ServiceClient:
    """One exchange a connection. No proxy and no redirect: the token goes to `url` alone."""

    url: str
    token: str

    def get(self, path: str) -> Answered:
        """Read.

        Raises:
            ConfigError: the service cannot be reached.
        """
        return self._send("GET", path, None)

    def post(self, path: str, body: JsonObject) -> Answered:
        """Write.

        Raises:
            ConfigError: the service cannot be reached.
        """
        return self._send("POST", path, json.dumps(body).encode())

    def _send(self, method: str, path: str, body: bytes | None) -> Answered:
        connection = self._connection()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            value = json.loads(response.read(MAX_ANSWER_BYTES))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ConfigError(f"{self.url} cannot be asked: {error}", pointer="--url") from error
        finally:
            connection.close()
        return Answered(response.status, members(value))

    def _connection(self) -> http.client.HTTPConnection:
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise ConfigError(f"{self.url} is no URL", pointer="--url") from error
        if parts.scheme == "https" and host:
            return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS)
        if parts.scheme == "http" and host in _LOOPBACK:
            return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
        raise ConfigError(
            f"{self.url}: write https://…, or http:// on this machine: anybody on the way"
            " could use the token",
            pointer="--url",
        )


def add_credential_arguments(parser: argparse.ArgumentParser, *, deed: str) -> None:
    """Which service, and as which person the `deed` is done."""
    parser.add_argument("--url", help="the service (default: where the configuration listens)")
    parser.add_argument(
        "--token-file", type=Path, help="holds the person's token (default: COUNTERFOIL_TOKEN)"
    )
    parser.add_argument("--sub", help=f"development: {deed} as this person")
    parser.add_argument("--group", action="append", default=[], help="development: in this group")
    parser.add_argument("--config", type=Path, help="the configuration file")


def credential(token_file: Path | None, sub: str | None, groups: list[str], keys: Path) -> str:
    """The person's token: of a file, of the development key, or of the environment.

    Raises:
        ConfigError: there is none.
    """
    if token_file is not None:
        try:
            return token_file.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"{token_file} cannot be read", pointer="--token-file") from error
    if sub is not None:
        return _development_token(sub, groups, keys)
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise ConfigError(
            f"no credential: use --token-file, {TOKEN_VARIABLE}, or --sub in development",
            pointer="--token-file",
        )
    return token


def _development_token(sub: str, groups: list[str], keys: Path) -> str:
    now = int(time.time())  # noqa: TID251 -- a command has its own clock
    claims: JsonObject = {
        "iss": DEVELOPMENT_ISSUER,
        "sub": sub,
        "aud": "counterfoil",
        "iat": now,
        "nbf": now,
        "exp": now + _TTL_SECONDS,
        "jti": f"tok_{secrets.token_hex(13)}",
        "groups": groups,
    }
    key = load_es256_key(keys / DELEGATION_KEY_FILE)
    return Es256Signer(key, typ=DELEGATION_TYPE).sign(claims)
