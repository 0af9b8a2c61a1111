"""An OPA that runs beside the service: `policy sidecar` writes its files, the service only asks."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.cli import main
from counterfoil.policy.server import find_opa, opa_command
from counterfoil.resources import packaged
from main_path import assert_allowed, assert_problem
from processes import eventually, family
from service import Service, running_service


class Beside:
    """One OPA on files that `counterfoil policy sidecar` wrote; nobody restarts it but the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "opa.sock"
        assert main(["policy", "sidecar", str(packaged("rego")), "-o", str(folder)]) == 0
        self.start()

    def start(self) -> None:
        command = opa_command(find_opa(), self.folder, self.socket)
        self.process = subprocess.Popen(command, env={}, stderr=subprocess.DEVNULL)
        eventually(self.socket.exists, "OPA listens")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def beside() -> Iterator[Beside]:
    with tempfile.TemporaryDirectory(prefix="cf-") as short:
        opa = Beside(Path(short))
        yield opa
        opa.kill()


@pytest.fixture
def service(beside: Beside, tmp_path: Path) -> Iterator[Service]:
    bundle = beside.folder / "bundle.tar.gz"
    opa = f"unix://{beside.socket}"
    with running_service(tmp_path, policy__opa=opa, policy__bundle=bundle) as started:
        yield started


def test_service_runs_no_opa_of_its_own_and_recovers_with_the_one_beside_it(
    service: Service, beside: Beside
) -> None:
    assert_allowed(service.authorize().body)
    assert family(service.process.pid)["opa"] == []
    beside.kill()  # its socket stays behind
    assert beside.socket.exists()
    assert_problem(service.authorize(), 503, "policy.unavailable")
    beside.start()
    eventually(lambda: service.authorize().status == 200, "the service decides again")
    assert_allowed(service.authorize().body)


def test_service_believes_no_policy_but_the_bundle_that_it_has_read(
    service: Service, beside: Beside, tmp_path: Path
) -> None:
    assert_allowed(service.authorize().body)
    beside.kill()
    words = ["policy", "sidecar", str(packaged("rego")), "-o", str(beside.folder)]
    assert main([*words, "--label", "other"]) == 0
    beside.start()
    eventually(lambda: service.authorize().status == 200, "OPA answers")
    denied = service.authorize().body
    assert (denied["effect"], denied["permissions"]) == ("deny", [])
    assert [reason["code"] for reason in denied["reasons"]] == ["policy.revision_unknown"]
