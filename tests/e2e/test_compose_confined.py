"""What each container can reach and change, asked of Docker and of the running processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from main_path import assert_allowed
from servers.compose import LASTING, Stack, docker

pytestmark = pytest.mark.e2e
CREATE = "CREATE TABLE public.invoices (id int)"
IMAGES = tuple(f"counterfoil-{name}:e2e" for name in ("opa", "service", "tools", "postgresql"))
ACCOUNTS = {"opa": 10001, "service": 10001, "postgresql": 10002}
CHUNK_BYTES = 1 << 22


@pytest.mark.parametrize("name", LASTING)
def test_every_process_is_an_account_without_rights(name: str, stack: Stack) -> None:
    pids = stack.processes(name)
    assert pids
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        assert set(status["Uid"].split()) == {str(ACCOUNTS[name])}
        assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd")} == {0}
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"


@pytest.mark.parametrize("name", LASTING)
def test_docker_says_that_the_container_is_confined(name: str, stack: Stack) -> None:
    said = stack.inspect(name)
    host = said["HostConfig"]
    assert said["State"]["Health"]["Status"] in {"healthy", "starting"}
    assert said["Config"]["User"] == f"{ACCOUNTS[name]}:{ACCOUNTS[name]}"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not [mount for mount in said["Mounts"] if "docker.sock" in mount["Source"]]


def test_the_root_file_system_cannot_be_written(stack: Stack) -> None:
    write = "import pathlib; pathlib.Path('{}').write_text('x'); print('written')"
    for place in (
        "/x",
        "/opt/counterfoil/bin/x",
        "/etc/x",
        "/var/lib/counterfoil/policy/x",
        "/run/opa/x",
    ):
        assert "Read-only file system" in stack.python("service", write.format(place)), place
    assert stack.python("service", write.format("/tmp/x")) == "written\n"  # noqa: S108 -- control


def test_one_port_is_published_the_services_on_loopback(stack: Stack) -> None:
    published = [
        (name, port, [binding["HostIp"] for binding in bindings])
        for name in LASTING
        for port, bindings in stack.inspect(name)["NetworkSettings"]["Ports"].items()
        if bindings
    ]
    assert published == [("service", "8282/tcp", ["127.0.0.1"])]
    assert_allowed_by(stack)


def test_opa_has_no_network_and_its_socket_answers_nothing_else(stack: Stack) -> None:
    assert list(stack.inspect("opa")["NetworkSettings"]["Networks"]) == ["none"]
    ask = (
        "import http.client as h, socket\n"
        "c = h.HTTPConnection('localhost'); c.sock = socket.socket(socket.AF_UNIX)\n"
        "c.sock.connect('/run/opa/opa.sock'); c.request('{}', '{}'); print(c.getresponse().status)"
    )
    assert stack.python("service", ask.format("GET", "/health")) == "200\n"  # control
    for method, path in (("GET", "/v1/policies"), ("PUT", "/v1/data/x"), ("GET", "/metrics")):
        assert stack.python("service", ask.format(method, path)) == "401\n"


def test_service_cannot_reach_the_targets_and_runs_no_opa(stack: Stack) -> None:
    (network,) = stack.inspect("postgresql")["NetworkSettings"]["Networks"].values()
    for host in ("postgresql", network["IPAddress"]):
        reach = f"import socket; socket.create_connection(({host!r}, 5432), 3); print('reached')"
        said = stack.python("service", reach)
        assert "reached" not in said
        assert said.startswith("Traceback")  # it was tried
    listed = docker("top", stack.containers["service"], "-eo", "pid,args")
    assert "gunicorn" in listed  # control
    assert "opa run" not in listed
    assert "No such file" in stack.python("service", "import subprocess; subprocess.run(['opa'])")


def test_images_hold_no_secret(stack: Stack) -> None:
    container = stack.containers["service"]
    read = ("exec", container, "cat")
    secrets = [
        (stack.keys / "orders_password").read_bytes(),
        *(stack.keys / "issuer" / "delegation.pem").read_bytes().split(b"\n")[1:3],
        *docker(*read, "/var/lib/counterfoil/keys/grant.pem").encode().split(b"\n")[1:3],
        *docker(*read, "/var/lib/counterfoil/keys/receipt.pem").encode().split(b"\n")[1:2],
    ]
    assert all(len(secret) >= 20 for secret in secrets)
    for image in IMAGES:
        history = docker("history", "--no-trunc", "--format", "{{json .}}", image)
        (said,) = json.loads(docker("image", "inspect", image))
        names = {item.partition("=")[0] for item in said["Config"]["Env"] or []}
        assert names <= {"PATH", "PGHOST", "LANG", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256",
                         "GOSU_VERSION", "PG_MAJOR", "PG_VERSION", "PGDATA"}, image  # fmt: skip
        told = history.encode() + json.dumps(said).encode()
        assert not [secret for secret in secrets if secret in told]
        assert not found_in_layers(image, secrets), image
    marker = b"counterfoil/cli/serve.py"
    assert found_in_layers("counterfoil-service:e2e", [marker]) == {marker}  # control


def found_in_layers(image: str, wanted: list[bytes]) -> set[bytes]:
    """Which of these bytes stand anywhere in the image, files of all layers included."""
    found: set[bytes] = set()
    overlap = max(map(len, wanted)) - 1
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:  # noqa: S607
        assert saved.stdout is not None
        tail = b""
        while chunk := saved.stdout.read(CHUNK_BYTES):
            window = tail + chunk
            found |= {item for item in wanted if item in window}
            tail = window[-overlap:]
    assert saved.returncode == 0
    return found


def assert_allowed_by(stack: Stack) -> None:
    """The control of what is refused here: an honest request is allowed."""
    answer = stack.authorize(CREATE)
    permission = {
        "type": "postgresql",
        "locations": ["postgresql://postgresql:5432/orders"],
        "object": "schema",
        "identifier": "public",
        "actions": ["create"],
        "operations": [0],
    }
    assert_allowed(answer.json(), [permission])
