"""The real service as it is deployed: `counterfoil serve --config`, own keys, no `--dev`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from counterfoil.keys import ensure_delegation_key, ensure_grant_key
from counterfoil.ledger.keys import load_master, load_receipt_key
from counterfoil.resources import packaged
from service import PROGRAM, Service, make_service, running

_SHARED = """
[grant]
issuer = "{url}"
[policy]
bundle = "{bundle}"
[ledger]
timeout_ms = 8000
[[resource]]
type = "postgresql"
id = "orders"
location = "postgresql://127.0.0.1:5432/orders"
issuer = "postgresql-orders"
[[action]]
tool = "run_sql"
family = "database"
command = "{{sql}}"
resource = "{{database}}"
enforcement = "enforce"
"""


@contextmanager
def standalone_service(
    folder: Path, more: Callable[[str], str], *, bundle: Path | None = None
) -> Iterator[Service]:
    """Start it; `more` gives the rest of the TOML for the service's own URL."""
    run_directory = Path(tempfile.mkdtemp(prefix="cf-"))
    service = make_service(folder, run_directory, server__workers=1)
    url = f"http://127.0.0.1:{service.port}"
    ensure_grant_key(service.keys)
    ensure_delegation_key(service.keys)
    load_master(service.keys, create=True)
    load_receipt_key(service.keys, create=True)
    config = folder / "counterfoil.toml"
    config.write_text(more(url) + _SHARED.format(url=url, bundle=bundle or packaged("rego")))
    service.command = (*PROGRAM, "serve", "--config", str(config))
    with running(service):
        yield service
