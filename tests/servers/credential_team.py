"""A guarded team that has no login of its own at any target, run once to its end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from counterfoil.keys import ensure_issuer_key
from proofs import Prover
from servers.team import PYTHON, ROOT
from service import Service, free_port

SCRIPTS = ROOT / "hooks" / "tests" / "servers"


def register(home: Path, issuer: str, kind: str, resource: str, location: str) -> int:
    """Tell a service that is to start in `home` of a target and its issuer; the issuer's port."""
    port, keys = free_port(), home / "var" / "keys"
    ensure_issuer_key(keys, issuer)
    entry = {"type": kind, "id": resource, "location": location, "issuer": issuer}
    known = {
        "name": issuer,
        "jwks_file": str(keys / f"issuer-{issuer}.jwks.json"),
        "endpoint": f"http://127.0.0.1:{port}/credential",
    }
    lines = [
        *("[[issuer]]", *(f"{name} = {json.dumps(value)}" for name, value in known.items())),
        *("[[resource]]", *(f"{name} = {json.dumps(value)}" for name, value in entry.items())),
    ]
    (home / "counterfoil.toml").write_text("\n".join(lines) + "\n", "utf-8")
    return port


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
