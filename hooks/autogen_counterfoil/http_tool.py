"""AutoGen's HttpTool, judged by method and resolved URL.

A guard on its arguments is blind: `id="../admin/delete"` in `/items/{id}` reaches
`/admin/delete`. So the URL is resolved first, the request that was judged is built from
the judged URL and body, and nothing follows a redirect.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from typing import Any, cast

import httpx
from autogen_core import CancellationToken
from autogen_ext.tools.http import HttpTool

from autogen_counterfoil.canonical import canonical, parsed
from autogen_counterfoil.obligations import NO_REDIRECTS
from autogen_counterfoil.shapes import AnyTool, Shape, Shown, WholeShape, not_runnable, not_shown

HTTP_REQUEST = "http_request"
_IN_QUERY = {"GET", "DELETE"}  # as HttpTool sends what is not in the path


class HttpShape(Shape):
    """One HttpTool. Its configured headers are the developer's and are not shown."""

    tool: HttpTool
    keeps = frozenset({NO_REDIRECTS})

    def __init__(self, tool: AnyTool) -> None:
        if not isinstance(tool, HttpTool) or type(tool).run is not HttpTool.run:
            raise TypeError(f"{type(tool).__name__} sends its requests in its own way")
        super().__init__(tool)
        self._inner = WholeShape(tool)

    def show(self, raw: Mapping[str, Any]) -> Shown:
        """Resolve the request and show it."""
        arguments = parsed(self._inner.show(raw).arguments)
        config = self.tool.server_params
        in_path = {k: arguments.pop(k) for k in self.tool._path_params if k in arguments}
        method = config.method or "POST"
        try:
            url = httpx.URL(
                scheme=config.scheme,
                host=config.host,
                port=config.port,
                path=config.path.format(**in_path),
            )
            if method in _IN_QUERY:
                url = httpx.Request(method, url, params=cast("dict[str, str]", arguments)).url
        except (httpx.InvalidURL, ValueError, LookupError) as error:
            raise not_shown(str(error)) from error
        request: dict[str, Any] = {"method": method, "url": str(url)}
        if method not in _IN_QUERY:
            request["body"] = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
        return Shown(HTTP_REQUEST, canonical(request))

    def restore(self, arguments: bytes) -> httpx.Request:
        """Build the request of exactly the judged method, URL and body."""
        value = parsed(arguments)
        if not {"method", "url"} <= set(value) <= {"method", "url", "body"}:
            raise not_runnable("a request has a method, a URL and a body")
        headers = {k: str(v) for k, v in (self.tool.server_params.headers or {}).items()}
        body = value.get("body")
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        try:
            request = httpx.Request(
                str(value["method"]),
                str(value["url"]),
                headers=headers,
                content=None if body is None else str(body).encode("utf-8"),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise not_runnable(str(error)) from error
        if str(request.url) != value["url"]:
            raise not_runnable("the URL is not in its normal form")
        return request

    def run(
        self, arguments: bytes, token: CancellationToken, call_id: str | None
    ) -> Awaitable[Any]:
        """Return what sends the judged request."""
        del token, call_id  # a cancellation cancels the task this runs in
        return self._send(self.restore(arguments))

    async def _send(self, request: httpx.Request) -> Any:
        config = self.tool.server_params
        timeout = httpx.Timeout(getattr(config, "timeout", 5.0))
        async with httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client:
            response = await client.send(request)
        return response.json() if config.return_type == "json" else response.text
