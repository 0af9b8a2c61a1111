"""Once a session: the deployment of compose.yaml by pytest-docker, and a Keycloak.

`make e2e` prepares the rest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil_issuers.kubernetes.target import KubernetesTarget
from issued_roles import Orders, orders
from issuing_kubernetes import install, target
from servers import keycloak as keycloak_server
from servers import kubernetes as kubernetes_server
from servers import postgresql
from servers.compose import Stack
from servers.keycloak import Keycloak
from servers.kubernetes import Cluster
from service import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    command = os.environ.get("E2E_COMPOSE")
    assert command, "these tests need images and a daemon: run them by `make e2e`"
    return command


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    return str(ROOT / "compose.yaml")


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return f"counterfoil-e2e-{os.getpid()}"


@pytest.fixture(scope="session")
def compose_keys(
    docker_compose_project_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """What `make compose-keys` makes, for this session alone; and a port that is free."""
    keys = tmp_path_factory.mktemp("compose")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CF_KEYS", str(keys))
        # A fixed one: a run finds the service again after a restart.
        patch.setenv("CF_ADDRESS", f"127.0.0.1:{free_port()}")
        patch.setenv("COMPOSE_PROJECT_NAME", docker_compose_project_name)
        command = [sys.executable, str(ROOT / "tools" / "compose_keys.py")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        yield keys


@pytest.fixture(scope="session")
def docker_setup(compose_keys: Path) -> list[str]:
    return ["up --detach --no-build"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    return ["down --volumes --timeout 20"]


@pytest.fixture(scope="session")
def started(docker_services: Any, compose_keys: Path) -> Stack:
    stack = Stack(services=docker_services, keys=compose_keys)
    docker_services.wait_until_responsive(check=stack.is_ready, timeout=120.0, pause=0.5)
    return stack


@pytest.fixture
def stack(started: Stack) -> Stack:
    """The deployment, whole and ready, whatever the test before has done to it."""
    if not started.is_whole():
        started.compose("up --detach --no-build")
        started.wait_until_ready()
    return started


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """One for all tests: each brings a realm of its own."""
    with keycloak_server.running(tmp_path_factory.mktemp("keycloak")) as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Kubernetes API server with the issuer's own account, as its administrator made it."""
    with kubernetes_server.running() as server:
        install(server)
        yield server


@pytest.fixture
def issuer(cluster: Cluster) -> Iterator[KubernetesTarget]:
    """The issuer in that account; nothing that it made outlives the test."""
    found = target(cluster)
    yield found
    for name in found.names():
        found.end_name(name)


SERVERS = {"18": postgresql.running, "15": postgresql.debian}


@pytest.fixture(scope="session", params=SERVERS)
def each_postgresql(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Orders]:
    """A database as docs/issuers/postgresql.md wants it, on the newest and on Debian's server."""
    with orders(tmp_path_factory.mktemp("issuer"), SERVERS[request.param]) as made:
        assert made.run("SHOW server_version")[0][0].startswith(request.param)
        yield made


@pytest.fixture
def db(each_postgresql: Orders) -> Iterator[Orders]:
    """That database, in which no test may leave a role."""
    yield each_postgresql
    each_postgresql.execute("DROP TABLE IF EXISTS public.invoices, public.kept CASCADE")
    left = each_postgresql.names()
    for name in left:
        each_postgresql.target.end_name(name)
    assert left == []
