"""The application in the test's own process, over the OPA and the writer of a started service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from counterfoil.app import create_app
from counterfoil.config import load_config
from counterfoil.http.lean import LeanFlask
from service import Service


@contextmanager
def application_over(service: Service) -> Iterator[LeanFlask]:
    """Build one worker's application as gunicorn does, and close what it opened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(service.folder)  # the development configuration's paths are relative
        app = create_app(load_config(None, service.environment, dev=True))
        adapters = app.extensions["counterfoil"]
        try:
            yield app
        finally:
            for adapter in (adapters.reader, adapters.policy, adapters.ledger):
                adapter.close()
