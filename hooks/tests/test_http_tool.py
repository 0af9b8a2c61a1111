"""HttpTool is judged by the request it would send, and sends just that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from autogen_ext.tools.http import HttpTool

from autogen_counterfoil import Guard, UnguardedSurfaceError, protect, run
from builders import assistant, results
from simulator import Simulator

Token = Callable[[], str]
SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "note": {"type": "string", "default": "n"}},
    "required": ["id"],
}


class Target:
    """A web server that writes down what reaches it."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        target = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                target.requests.append((self.command, self.path, self.rfile.read(length).decode()))
                if self.path.startswith("/items/moved"):
                    self.send_response(302)
                    self.send_header("Location", "/admin/delete")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer  # noqa: N815 -- its names

            def log_message(self, *_args: Any) -> None:
                """Silent."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()


@pytest.fixture
def target() -> Iterator[Target]:
    web = Target()
    yield web
    web.server.shutdown()
    web.server.server_close()
    web.thread.join()


def http_tool(target: Target, method: Any = "GET", **options: Any) -> HttpTool:
    return HttpTool(
        name="get_item", host="127.0.0.1", port=target.port, json_schema=SCHEMA,
        path="/items/{id}", method=method, **options,
    )  # fmt: skip


def only_items(body: dict[str, Any]) -> str:
    url = body["action"]["properties"]["arguments"]["url"]
    return "allow" if "/items/" in url else "deny"


async def test_path_traversal_in_a_parameter_is_judged_where_it_arrives(
    sim: Simulator, guard: Guard, token: Token, target: Target
) -> None:
    # id="../admin/delete" reached /admin/delete, and a guard on the arguments saw an id
    sim.rules["http_request"] = only_items
    agent = protect(
        assistant(
            [("get_item", {"id": "../admin/delete"})],
            [("get_item", {"id": "7"})],
            "done",
            tools=[http_tool(target)],
        ),
        guard,
    )
    result = await run(guard, agent, task="t", token=token)
    base = f"http://127.0.0.1:{target.port}"
    assert [asked.arguments for asked in sim.asked] == [
        {"method": "GET", "url": f"{base}/admin/delete?note=n"},
        {"method": "GET", "url": f"{base}/items/7?note=n"},
    ]
    assert target.requests == [("GET", "/items/7?note=n", "")]
    assert [is_error for _, is_error in results(result)] == [True, False]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_judged_request_is_the_one_that_stock_would_send(
    sim: Simulator, guard: Guard, token: Token, target: Target, method: str
) -> None:
    sim.default = "allow"
    asking = [("get_item", {"id": "a b", "note": "ü&?"})]
    guarded = protect(assistant(asking, "x", tools=[http_tool(target, method)]), guard)
    await run(guard, guarded, task="t", token=token)
    await assistant(asking, "x", tools=[http_tool(target, method)]).run(task="t")  # control: stock
    assert len(target.requests) == 2
    assert target.requests[0] == target.requests[1]
    assert sim.asked[0].arguments["method"] == method


async def test_redirect_of_the_target_is_not_followed(
    sim: Simulator, guard: Guard, token: Token, target: Target
) -> None:
    sim.default = "allow"
    agent = protect(
        assistant([("get_item", {"id": "moved"})], "x", tools=[http_tool(target)]), guard
    )
    await run(guard, agent, task="t", token=token)
    assert [path for _, path, _ in target.requests] == ["/items/moved?note=n"]


async def test_an_allow_that_forbids_redirects_is_held_to_without_a_word_of_the_developer(
    sim: Simulator, guard: Guard, token: Token, target: Target
) -> None:
    sim.default = "allow"
    sim.change = lambda answer: {**answer, "obligations": [{"type": "no_redirects"}]}
    agent = protect(assistant([("get_item", {"id": "7"})], "x", tools=[http_tool(target)]), guard)
    await run(guard, agent, task="t", token=token)
    assert [path for _, path, _ in target.requests] == ["/items/7?note=n"]


async def test_url_of_the_service_is_the_one_that_is_requested(
    sim: Simulator, guard: Guard, token: Token, target: Target
) -> None:
    sim.default = "allow"
    judged = f"http://127.0.0.1:{target.port}/items/8"
    sim.execute["http_request"] = lambda arguments: {**arguments, "url": judged}
    agent = protect(assistant([("get_item", {"id": "7"})], "x", tools=[http_tool(target)]), guard)
    await run(guard, agent, task="t", token=token)
    assert target.requests == [("GET", "/items/8", "")]


@pytest.mark.parametrize(
    "runs",
    [
        lambda a: {**a, "url": a["url"].replace("/items/7", "/items/../admin")},
        lambda a: {**a, "headers": {"X": "y"}},
        lambda a: {"url": a["url"]},
    ],
)
async def test_judged_form_that_http_would_change_sends_nothing(
    sim: Simulator, guard: Guard, token: Token, target: Target, runs: Callable[[Any], Any]
) -> None:
    sim.default = "allow"
    sim.execute["http_request"] = runs
    agent = protect(assistant([("get_item", {"id": "7"})], "x", tools=[http_tool(target)]), guard)
    await run(guard, agent, task="t", token=token)
    assert target.requests == []
    assert [outcome["status"] for outcome in sim.outcomes.values()] == ["not_executed"]


def test_http_tool_that_sends_in_its_own_way_is_refused(guard: Guard, target: Target) -> None:
    class Own(HttpTool):
        async def run(self, args: Any, cancellation_token: Any) -> Any:
            return "sent somewhere"

    own = Own(name="own", host="h", port=1, json_schema=SCHEMA)
    with pytest.raises(UnguardedSurfaceError, match="its own way"):
        protect(assistant("x", tools=[own]), guard)
    protect(assistant("x", tools=[http_tool(target)]), guard)  # control
