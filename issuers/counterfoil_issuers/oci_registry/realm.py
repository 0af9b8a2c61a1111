"""The realm: `GET` and `POST /token`, as registries' clients ask for tokens.

    1. one service, ours                      2. who asks: name and password of a live account
    3. scopes, by their grammar               4. a token for the asked ∩ the decided
    5. noted before it leaves: an account that has ended since gives none

`GET` is distribution's "Token Authentication Specification" (Basic at the realm), `POST` its
"OAuth2 Token Authentication" (grant `password`; a refresh token is never given).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from counterfoil.ports import Clock
from counterfoil_issuers.oci_registry.accounts import Accounts
from counterfoil_issuers.oci_registry.scopes import BadScope, granted, written
from counterfoil_issuers.oci_registry.tokens import Tokens

MAX_FORM_BYTES: Final = 16_384
PATH: Final = "/token"
_FORM: Final = "application/x-www-form-urlencoded"
_SECRETS: Final = {"Cache-Control": "no-store"}

Parameters = Mapping[str, Sequence[str]]


class Refused(Exception):
    """No token: the status, and the error in OAuth's words."""

    def __init__(self, status: HTTPStatus, error: str, description: str) -> None:
        super().__init__(error)
        self.status, self.error, self.description = status, error, description


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """Answers for the accounts of one issuer."""

    accounts: Accounts
    tokens: Tokens
    clock: Clock

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """One answer to a client; nothing that it sent is in it."""
        try:
            return await self._answer(request)
        except Refused as refusal:
            return _refusal(refusal, basic=request.method == "GET")

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        target = urlsplit(request.raw_path)
        if target.path != PATH:
            raise Refused(HTTPStatus.NOT_FOUND, "invalid_request", "the realm is /token")
        if request.method == "GET":
            parameters = _read(target.query)
            return self._token(parameters, _basic(request), named=False)
        if request.method != "POST" or target.query:
            raise Refused(
                HTTPStatus.METHOD_NOT_ALLOWED, "invalid_request", "GET, or POST of a form"
            )
        form = _read(await _form(request))
        if _one(form, "grant_type") != "password":
            description = "only grant_type=password is served"
            raise Refused(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", description)
        return self._token(form, (_one(form, "username"), _one(form, "password")), named=True)

    def _token(self, parameters: Parameters, who: tuple[str, str], *, named: bool) -> web.Response:
        if _one(parameters, "service") != self.tokens.service:
            raise Refused(
                HTTPStatus.BAD_REQUEST, "invalid_request", "this realm is another service's"
            )
        now = self.clock.now()
        account = self.accounts.known(*who, now)
        if account is None:
            raise _unknown()
        try:
            rights = granted(parameters.get("scope", ()), account.rights)
        except BadScope as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "invalid_scope", str(error)) from error
        token = self.tokens.make(account, rights, int(now))
        if not self.accounts.gives(account, token.works_until):
            raise _unknown()
        issued = datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = {"access_token": token.text, "expires_in": token.expires_in, "issued_at": issued}
        more = {"scope": written(rights)} if named else {"token": token.text}
        return web.json_response(answer | more, headers=_SECRETS)


def _unknown() -> Refused:
    """The same for whoever is not known, has ended, or says another password."""
    return Refused(HTTPStatus.UNAUTHORIZED, "invalid_grant", "no such credential, or not any more")


def _refusal(refusal: Refused, *, basic: bool) -> web.Response:
    code = "UNAUTHORIZED" if refusal.status == HTTPStatus.UNAUTHORIZED else "DENIED"
    body = {
        "error": refusal.error,
        "error_description": refusal.description,
        "errors": [{"code": code, "message": refusal.description}],  # as registries say it
    }
    unknown = refusal.status == HTTPStatus.UNAUTHORIZED
    headers = {"WWW-Authenticate": 'Basic realm="counterfoil"'} if basic and unknown else {}
    return web.json_response(body, status=refusal.status, headers=_SECRETS | headers)


def _basic(request: web.BaseRequest) -> tuple[str, str]:
    """Name and password of the one `Authorization` header (RFC 7617)."""
    values = request.headers.getall("Authorization", [])
    scheme, _, encoded = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):  # UnicodeDecodeError is one
        text = ""
    name, colon, password = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise _unknown()
    return name, password


async def _form(request: web.BaseRequest) -> str:
    """The body of a form, bounded."""
    if request.content_type != _FORM:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "invalid_request", "send a form")
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "invalid_request", "too long")
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "invalid_request", "not a form") from error


def _read(text: str) -> Parameters:
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=64, errors="strict")
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "invalid_request", "not parameters") from error


def _one(parameters: Parameters, name: str) -> str:
    values = parameters.get(name, ())
    if len(values) != 1:
        raise Refused(HTTPStatus.BAD_REQUEST, "invalid_request", f"{name} is needed once")
    return values[0]
