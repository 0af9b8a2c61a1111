"""API documents beside resources: read once at the start, or the start stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.config import Config, load_config
from counterfoil.errors import ConfigError


def _load(folder: Path, text: str) -> Config:
    path = folder / "counterfoil.toml"
    path.write_text(text)
    return load_config(path, {})


API = """
[[resource]]
type = "http"
id = "orders-api"
location = "https://orders.example.com"
api = "orders.json"
"""


@pytest.mark.parametrize(
    ("document", "toml", "problem"),
    [
        (None, API, "No such file"),
        ("{", API, "not JSON"),
        ("{}", API, "no OpenAPI 3 document"),
        ('{"openapi": "3.0.0", "paths": {}}', API, "none, or more"),
        (
            '{"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}',
            API.replace('"http"', '"kubernetes"'),
            "of type kubernetes",
        ),
    ],
)
def test_an_api_document_that_cannot_be_used_stops_the_start(
    tmp_path: Path, document: str | None, toml: str, problem: str
) -> None:
    honest = '{"openapi": "3.0.0", "paths": {"/a": {"get": {"operationId": "a"}}}}'
    (tmp_path / "orders.json").write_text(honest, "utf-8")
    assert _load(tmp_path, API).documents["orders-api"]  # control
    (tmp_path / "orders.json").unlink()
    if document is not None:
        (tmp_path / "orders.json").write_text(document, "utf-8")
    with pytest.raises(ConfigError, match=problem):
        _load(tmp_path, toml)
