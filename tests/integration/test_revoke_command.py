"""`counterfoil revoke` over a running service."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from exchange import claims_of, opened
from revoking import FRESH, next_second
from service import Service, running_service

ADMIN = ("--sub", "root", "--group", "administrators")


def revoke(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "counterfoil.cli", "revoke", *arguments],
        env=service.environment,
        cwd=service.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def status(service: Service, token: str) -> int:
    return service.authorize(token=token, prompt=None).status


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One of its own: an agent that is revoked here would be so for other tests, for a second."""
    with running_service(tmp_path_factory.mktemp("revoke")) as started:
        yield started


@pytest.mark.parametrize("by", ["run", "token", "subject", "actor"])
def test_what_is_named_ends(service: Service, by: str) -> None:
    next_second()  # after an agent's revocation by the test before
    given = opened(service, f"mia-{by}")
    token, bystander = given["access_token"], opened(service, f"nora-{by}", agent="reviewer")
    named = {
        "run": given["run"],
        "token": claims_of(token)["jti"],
        "subject": f"mia-{by}",
        "actor": "coder",
    }
    assert status(service, token) == 200
    done = revoke(service, f"--{by}", named[by], "--reason", "for a test", *ADMIN)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith("Revoked (rvk_")
    time.sleep(FRESH)
    assert status(service, token) == 401
    assert status(service, bystander["access_token"]) == 200


def test_everything_before_a_moment(service: Service) -> None:
    next_second()
    token = opened(service)["access_token"]
    done = revoke(service, "--everything", "--before", "2020-01-01T00:00:00Z", "--json", *ADMIN)
    assert json.loads(done.stdout)["by"] == "everything"
    time.sleep(FRESH)
    assert status(service, token) == 200


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--run", "run_1", "--sub", "mallory"), 1, "may not do this"),
        (("--everything", "--before", "2999-01-01T00:00:00Z", *ADMIN), 1, "shape"),
        (("--run", "run_1", "--token", "tok_1", *ADMIN), 2, "not allowed with"),
        (ADMIN, 2, "required"),
        (("--run", "run_1"), 78, "no credential"),
        (("--subject", "alice"), 2, "--issuer"),
    ],
)
def test_what_cannot_be_meant_or_may_not_be_done_ends_nothing(
    service: Service, arguments: tuple[str, ...], code: int, said: str
) -> None:
    token = opened(service)["access_token"]
    done = revoke(service, *arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    time.sleep(FRESH)
    assert status(service, token) == 200
