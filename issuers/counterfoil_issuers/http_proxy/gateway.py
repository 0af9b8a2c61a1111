"""The gateway: a holder's one request in, the same request with the standing credential out.

1. whose key it is, and that its deadline lies ahead        passes.py
2. method, target, headers, body: the decided ones          judging.py
3. the request is used up: from here on it is never sent again
4. it goes out, with the standing credential                upstream.py
5. the answer comes back, within bounds and looked through  answers.py
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, TypeVar

import aiohttp
from aiohttp import hdrs, web

from counterfoil.core.actions.http import Request
from counterfoil.ports import Clock
from counterfoil_issuers.http_proxy.answers import Sieve, Withheld, passed_headers, secrets_of
from counterfoil_issuers.http_proxy.judging import (
    MAX_BODY_BYTES,
    Refused,
    read_head,
    read_whole,
)
from counterfoil_issuers.http_proxy.passes import Pass, Passes
from counterfoil_issuers.http_proxy.upstream import Upstream

R = TypeVar("R", bound=web.StreamResponse)

_NO_STATUS: Final = 600
_BUFFER_BYTES: Final = 65_536  # a short answer is read whole before any of it goes on
_UNREACHED: Final = "see that the API is up and that the gateway reaches it, then ask again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Answers holders. `seconds` and `max_bytes` bound an exchange and the body of an answer."""

    passes: Passes
    upstream: Upstream
    clock: Clock
    seconds: float
    max_bytes: int
    _secrets: tuple[bytes, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Know what must not come back."""
        object.__setattr__(self, "_secrets", secrets_of(self.upstream.credential[1]))

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """One answer to a holder."""
        holder = None
        try:
            holder = self._holder(request)
            left = min(self.seconds, holder.deadline - self.clock.now())
            async with asyncio.timeout(left) as limit:
                holder.under_way.add(limit)
                try:
                    return await self._through(request, holder)
                finally:
                    holder.under_way.discard(limit)
        except TimeoutError:
            return _problem(HTTPStatus.GATEWAY_TIMEOUT, "no_answer_in_time", _UNREACHED)
        except Refused as refusal:
            if holder is not None:
                holder.refused.add(refusal.code)
            return _problem(refusal.status, refusal.code, refusal.solution)

    def _holder(self, request: web.BaseRequest) -> Pass:
        values = request.headers.getall(hdrs.AUTHORIZATION, [])
        scheme, _, key = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        known = self.passes.known(key, self.clock.now()) if scheme.lower() == "bearer" else None
        if known is None:
            solution = "send Authorization: Bearer with the job's key, before its deadline"
            raise Refused(HTTPStatus.UNAUTHORIZED, "key_unknown", solution)
        return known

    async def _through(self, request: web.BaseRequest, holder: Pass) -> web.StreamResponse:
        head = read_head(holder.decided, request.method, request.raw_path, request.raw_headers)
        right, whole = read_whole(head, await _body(request))
        if not self.passes.take(holder, right):
            solution = "ask for a new decision: a decided request is sent once"
            raise Refused(HTTPStatus.CONFLICT, "request_used", solution)
        try:
            async with self.upstream.send(whole) as answer:
                return await self._back(request, whole, answer, holder)
        except Withheld as error:
            holder.refused.add(error.code)
            solution = "the answer of the API cannot be given to an agent"
            return _problem(HTTPStatus.BAD_GATEWAY, error.code, solution)
        except (aiohttp.ClientError, OSError, ValueError):
            return _problem(HTTPStatus.BAD_GATEWAY, "api_not_reached", _UNREACHED)

    async def _back(
        self,
        request: web.BaseRequest,
        sent: Request,
        answer: aiohttp.ClientResponse,
        holder: Pass,
    ) -> web.StreamResponse:
        """The answer; one that has to end once it is begun is cut: so it is not taken for whole."""
        if not HTTPStatus.OK <= answer.status < _NO_STATUS:
            raise Withheld("answer_not_final")
        headers = passed_headers(answer.headers, self._secrets)
        sieve = Sieve(self._secrets, self.max_bytes)
        first = bytearray()
        pieces = answer.content.iter_any()
        whole = True
        async for piece in pieces:
            first += sieve.feed(piece)
            if len(first) > _BUFFER_BYTES:
                whole = False
                break
        if whole:
            body = None if sent.method == hdrs.METH_HEAD else bytes(first) + sieve.end()
            return _closing(web.Response(status=answer.status, headers=headers, body=body))
        response = _closing(web.StreamResponse(status=answer.status, headers=headers))
        await response.prepare(request)
        try:
            await response.write(bytes(first))
            async for piece in pieces:
                await response.write(sieve.feed(piece))
            await response.write_eof(sieve.end())
        except asyncio.CancelledError:
            _cut(request)
            raise
        except Withheld as error:
            holder.refused.add(error.code)
            _cut(request)
        except (aiohttp.ClientError, OSError, ValueError):
            _cut(request)
        return response


def _cut(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _body(request: web.BaseRequest) -> bytes:
    """The body, framed by one length: nobody on the way can take its end for another place."""
    lengths = request.headers.getall(hdrs.CONTENT_LENGTH, [])
    if len(lengths) > 1 or (request.body_exists and not lengths):
        solution = "send a body with one Content-Length"
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "length_needed", solution)
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_long", "send the decided body"
            )
    return bytes(body)


def _problem(status: HTTPStatus, code: str, solution: str) -> web.Response:
    body = {"error": code, "error_description": solution}
    headers: Mapping[str, str] = {"Cache-Control": "no-store", "Counterfoil-Gateway": "refused"}
    return _closing(web.json_response(body, status=status, headers=headers))


def _closing(response: R) -> R:
    response.force_close()
    return response
