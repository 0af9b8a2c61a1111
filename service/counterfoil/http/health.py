"""`/livez` and `/readyz` (draft-inadarei-api-health-check): alive, and able to decide.

`/livez` looks at nothing but this process; `/readyz` runs the checks it was given. A check
answers in bounded time and says nothing secret: both paths need no credential.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from flask import Blueprint

from counterfoil.core.model import JsonValue
from counterfoil.core.times import rfc3339
from counterfoil.errors import CounterfoilError
from counterfoil.http.exchange import Environ, Reply, hang, json_reply
from counterfoil.ports import Clock, Health

HEALTH_JSON = "application/health+json"


Check = Callable[[], Health]


def health_blueprint(checks: Mapping[str, Check], *, clock: Clock, version: str) -> Blueprint:
    """Hang both paths; `checks` are named `component:measurement` (`opa:policy`)."""
    blueprint = Blueprint("health", __name__)

    def livez(_environ: Environ) -> Reply:
        return _reply(HTTPStatus.OK, {"status": "pass", "version": version})

    def readyz(environ: Environ) -> Reply:
        results = {name: _run(check) for name, check in checks.items()}
        ready = all(result.ready for result in results.values())
        value: dict[str, JsonValue] = {"status": _word(ready), "version": version}
        if "verbose" in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True):
            now = rfc3339(clock.now())
            value["checks"] = {
                name: [{"status": _word(item.ready), "time": now, "output": item.detail}]
                for name, item in results.items()
            }
        return _reply(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, value)

    hang(blueprint, "/livez", "livez", livez, method="GET")
    hang(blueprint, "/readyz", "readyz", readyz, method="GET")
    return blueprint


def _run(check: Check) -> Health:
    try:
        return check()
    except CounterfoilError as error:
        return Health(ready=False, detail=error.title)


def _word(ready: bool) -> str:  # noqa: FBT001 -- one word for one flag
    return "pass" if ready else "fail"


def _reply(status: HTTPStatus, value: JsonValue) -> Reply:
    return json_reply(value, status=status.value, content_type=HEALTH_JSON)
