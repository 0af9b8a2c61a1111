"""The real service with an identity provider beside it: not `--dev`, its own keys and policy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from counterfoil.config import DEVELOPMENT_ISSUER
from counterfoil.keys import ensure_delegation_key, ensure_grant_key
from counterfoil.ledger.keys import load_master, load_receipt_key
from service import PROGRAM, Service, make_service
from simulators.provider import Provider

ROOT = Path(__file__).parents[1]
TOOLS = """
[[resource]]
type = "postgresql"
id = "orders"
location = "postgresql://127.0.0.1:5432/orders"
issuer = "postgresql-orders"

[[action]]
tool = "run_sql"
family = "database"
command = "{sql}"
resource = "{database}"
enforcement = "enforce"
"""


def entry(provider: Provider, extra: str = "") -> str:
    """The provider's `[[identity.oidc]]`."""
    return (
        f'[[identity.oidc]]\nissuer = "{provider.url}"\naudience = "counterfoil"\n'
        f"jwks_retry_seconds = 1\n{extra}\n"
    )


@contextmanager
def identity_service(
    folder: Path, identity: str, *, agents_of: str, workers: int = 2, wait: bool = True
) -> Iterator[Service]:
    """Run it with these entries; `agents_of` is the issuer whose agent `coder` policy knows."""
    keys = folder / "keys"
    ensure_grant_key(keys)
    ensure_delegation_key(keys)
    load_master(keys, create=True)
    load_receipt_key(keys, create=True)
    _policy(folder / "rego", agents_of)
    file = folder / "counterfoil.toml"
    file.write_text(
        f'[policy]\nbundle = "rego"\n[keys]\ndirectory = "keys"\n'
        f'[ledger]\nurl = "sqlite:///ledger.db"\n{identity}\n{TOOLS}'
    )
    run_directory = Path(tempfile.mkdtemp(prefix="cf-"))
    service = make_service(folder, run_directory, server__workers=workers)
    service.command = (*PROGRAM, "serve", "--config", str(file))
    try:
        service.start(wait=wait)
        yield service
    finally:
        if service.process.poll() is None:
            service.process.terminate()
            service.process.wait(20)
        shutil.rmtree(run_directory, ignore_errors=True)


def agent_token(provider: Provider, **claims: Any) -> str:
    """An agent's token of a provider that may assert actors."""
    act = {"iss": provider.url, "sub": "coder"}
    return provider.token(**{"act": act, "run": "run_1", **claims})


def _policy(folder: Path, agents_of: str) -> None:
    shutil.copytree(ROOT / "rego", folder)
    for file in (folder / "data").rglob("*.json"):
        file.write_text(file.read_text("utf-8").replace(DEVELOPMENT_ISSUER, agents_of), "utf-8")
