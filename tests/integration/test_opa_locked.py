"""OPA as the service runs it: two queries and a health check, nothing else, for anybody."""

from __future__ import annotations

import http.client
import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.errors import ConfigError
from counterfoil.policy.server import BUNDLE_NAME, authz_policy, prepare_opa
from simulators.real_opa import ENTRYPOINT, RealOpa, policy_folder, real_opa


@pytest.fixture(scope="module")
def opa() -> Iterator[RealOpa]:
    with real_opa() as running:
        yield running


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def status(opa: RealOpa, method: str, target: str, body: str | None = None) -> int:
    connection = UnixConnection(opa.socket_path)
    connection.request(method, target, body)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


INPUT = json.dumps({"input": {}})
PATCH = json.dumps([{"op": "add", "path": "/x", "value": 1}])
REFUSED = [
    ("PUT", "/v1/policies/evil", "package evil"),
    ("PUT", "/v1/policies/counterfoil/main/main.rego", "package counterfoil.main"),
    ("DELETE", "/v1/policies/counterfoil/main/main.rego", None),
    ("GET", "/v1/policies", None),
    ("POST", "/v1/query", json.dumps({"query": "data"})),
    ("GET", "/v1/query?q=data", None),
    ("POST", "/v1/compile", json.dumps({"query": "data"})),
    ("POST", "/v1/compile/counterfoil/main/decision", INPUT),
    ("GET", "/v1/data", None),
    ("POST", "/v1/data", INPUT),
    ("POST", "/", INPUT),
    ("POST", "/v0/data/counterfoil/main/decision", INPUT),
    ("POST", "/v1/data/data/access", INPUT),
    ("POST", "/v1/data/counterfoil/main", INPUT),
    ("POST", "/v1/data/counterfoil/main/_refusals", INPUT),
    ("POST", "/v1/data/counterfoil/main/decision/effect", INPUT),
    ("POST", "/v1/data/counterfoil/main/decision/", INPUT),
    ("POST", "/v1/data/counterfoil%2Fmain%2Fdecision", INPUT),
    ("GET", "/v1/data/counterfoil/main/decision", None),
    ("PATCH", "/v1/data", PATCH),
    ("PATCH", "/v1/data/data/access", PATCH),
    ("PUT", "/v1/data/data/access/default", "{}"),
    ("DELETE", "/v1/data/data/access", None),
    ("GET", "/v1/config", None),
    ("GET", "/v1/status", None),
    ("GET", "/metrics", None),
    ("GET", "/debug/pprof/", None),
    ("POST", "/health", "{}"),
]


@pytest.mark.parametrize(("method", "target", "body"), REFUSED)
def test_everything_but_the_two_queries_is_refused(
    method: str, target: str, body: str | None, opa: RealOpa
) -> None:
    assert status(opa, method, target, body) in {301, 401, 404, 405}
    assert status(opa, "POST", f"/v1/data/{ENTRYPOINT}", INPUT) == 200  # control


def test_two_queries_and_health_are_answered(opa: RealOpa) -> None:
    assert status(opa, "POST", f"/v1/data/{ENTRYPOINT}", INPUT) == 200
    assert (
        status(opa, "POST", f"/v1/data/{ENTRYPOINT}s", json.dumps({"input": {"items": {}}})) == 200
    )
    assert status(opa, "GET", "/health?bundles=true") == 200


def test_socket_and_files_are_for_this_account_alone(opa: RealOpa) -> None:
    folder = opa.socket_path.parent
    for name in ("opa.sock", "opa.json", "opa_authz.rego"):
        mode = stat.S_IMODE((folder / name).stat().st_mode)
        assert mode & 0o077 == 0, name


def test_provenance_names_the_verified_revision(opa: RealOpa) -> None:
    connection = UnixConnection(opa.socket_path)
    connection.request("POST", f"/v1/data/{ENTRYPOINT}?provenance=true", INPUT)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert [b["revision"] for b in answer["provenance"]["bundles"].values()] == [opa.revision]


@pytest.mark.parametrize(
    "entrypoint", ["", "decision", "/counterfoil/main/decision", "a/b/", "a/../b", 'a/b"]', "a b/c"]
)
def test_entrypoint_that_is_not_one_stops_the_start(entrypoint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        prepare_opa(policy_folder(tmp_path / "rego"), entrypoint, tmp_path)


def test_another_entrypoint_is_locked_likewise() -> None:
    text = authz_policy("acme/main/verdict")
    assert '["v1","data","acme","main","verdict"]' in text
    assert '["v1","data","acme","main","verdicts"]' in text
    assert "counterfoil" not in text.partition("\n")[2]


def test_bundle_changed_behind_our_back_stops_the_start(tmp_path: Path) -> None:
    first = prepare_opa(policy_folder(tmp_path / "rego"), ENTRYPOINT, tmp_path)
    bundle = tmp_path / BUNDLE_NAME
    assert prepare_opa(bundle, ENTRYPOINT, tmp_path).revision == first.revision  # control
    bundle.write_bytes(bundle.read_bytes()[:-40])
    with pytest.raises(ConfigError):
        prepare_opa(bundle, ENTRYPOINT, tmp_path)
