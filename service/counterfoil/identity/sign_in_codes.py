"""The console's side of the code flow that calls the provider (in the providers' process).

1. The authorization endpoint, from the provider's own metadata.
2. A code and its PKCE verifier against an ID token at the token endpoint (RFC 6749 §4.1.3,
   RFC 7636 §4.5), with the client's secret where it has one. Workers never see the secret.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Final
from urllib.parse import quote

from counterfoil.config_model import ConsoleConfig
from counterfoil.errors import ConfigError
from counterfoil.identity.discovery import (
    MalformedMetadata,
    ProviderMetadata,
    metadata_url,
    read_metadata,
)
from counterfoil.identity.fetch import Fetcher

MAX_REDEEMING: Final = 16  # at one time; more are refused at once


class CodeRedeemer:
    """Redeems codes of one client at one provider. Owned by the loop.

    Raises:
        ConfigError: the secret's file cannot be read.
    """

    def __init__(self, config: ConsoleConfig, fetcher: Fetcher) -> None:
        self._issuer, self._client_id = config.client or ("", "")
        self._redirect_uri, self._fetcher = config.redirect_uri, fetcher
        self._authorization = _authorization(config)
        self._metadata: ProviderMetadata | None = None
        self._redeeming = 0

    async def endpoint(self) -> str:
        """Where browsers are sent.

        Raises:
            FetchFailed, MalformedMetadata: the provider does not say.
        """
        where = (await self._known()).authorization_endpoint
        if where is None:
            raise MalformedMetadata("the metadata name no authorization_endpoint")
        return where

    async def redeem(self, code: str, code_verifier: str) -> str:
        """The ID token behind a code; empty where there is none.

        Raises:
            FetchFailed, MalformedMetadata: the provider gave none.
        """
        where = (await self._known()).token_endpoint
        if where is None or self._redeeming >= MAX_REDEEMING:
            raise MalformedMetadata("no token_endpoint, or too many sign-ins at once")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": code_verifier,
            "redirect_uri": self._redirect_uri,
            "client_id": self._client_id,
        }
        self._redeeming += 1
        try:
            body = await self._fetcher.post(where, form, authorization=self._authorization)
        finally:
            self._redeeming -= 1
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise MalformedMetadata("the token endpoint's answer is not JSON") from error
        token = answer.get("id_token") if isinstance(answer, dict) else None
        return token if isinstance(token, str) else ""

    async def _known(self) -> ProviderMetadata:
        if self._metadata is None:
            data = await self._fetcher.get(metadata_url(self._issuer))
            self._metadata = read_metadata(data, self._issuer)
        return self._metadata


def _authorization(config: ConsoleConfig) -> str | None:
    """HTTP Basic of a confidential client (RFC 6749 §2.3.1); None for a public one."""
    if config.client_secret_file is None:
        return None
    try:
        secret = config.client_secret_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{config.client_secret_file} cannot be read.", pointer="console.client_secret_file"
        ) from error
    pair = f"{quote(config.client_id or '', safe='')}:{quote(secret, safe='')}"
    return f"Basic {b64encode(pair.encode()).decode()}"
