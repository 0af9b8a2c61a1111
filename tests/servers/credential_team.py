"""A guarded team that has no login of its own at any target, run once to its end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proofs import Prover
from servers.team import PYTHON, ROOT
from service import Service

SCRIPTS = ROOT / "hooks" / "tests" / "servers"


def run_team(
    service: Service, folder: Path, script: str, *words: str, proves: bool = True, **variables: str
) -> list[Any]:
    """All that a run prints; what its tools were given is in `seen`, what it said in `printed`.

    Args:
        service: who judges its calls.
        folder: where it works.
        script: a file of `hooks/tests/servers`.
        words: its command line.
        proves: its token is bound to a key of its own.
        variables: all that it finds in its environment beside the token and that key.
    """
    prover = Prover()
    pem = prover.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT / "examples"),
        "COUNTERFOIL_URL": f"http://127.0.0.1:{service.port}",
        "COUNTERFOIL_TOKEN": service.token(cnf=prover.cnf) if proves else service.token(),
        "SEEN": str(folder / "seen"),
        **variables,
        **({"COUNTERFOIL_DPOP_KEY": pem} if proves else {}),
    }
    done = subprocess.run(
        [str(PYTHON), str(SCRIPTS / script), *words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "printed").write_text(done.stdout + done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def given(folder: Path) -> list[dict[str, str]]:
    """The credentials that its tools got, in order."""
    return [json.loads(line) for line in (folder / "seen").read_text("utf-8").splitlines()]
