"""`[[export]]`: what stops the start, so that nothing is shipped to where nobody meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.config import load_config
from counterfoil.config_model import ExportEntry
from counterfoil.errors import ConfigError

URL = "https://collector.internal:4318/v1/logs"
OTLP = f'[[export]]\nname = "siem"\nkind = "otlp"\nurl = "{URL}"\n'
FILES = '[[export]]\nname = "shelf"\nkind = "files"\ndirectory = "out"\n'
SECRET = "s3cret"


def load(folder: Path, text: str) -> tuple[ExportEntry, ...]:
    path = folder / "counterfoil.toml"
    path.write_text(text)
    return load_config(path, {}).exports


def test_entries_become_the_models_values(tmp_path: Path) -> None:
    siem, shelf = load(tmp_path, OTLP + 'header_file = "h"\n' + FILES + "opened = true\n")
    assert siem == ExportEntry(
        name="siem", tenant="default", url=URL, header_file=tmp_path / "h", every_seconds=1
    )
    assert (shelf.directory, shelf.opened, shelf.every_seconds) == (tmp_path / "out", True, 60)
    assert load(tmp_path, "") == ()


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (OTLP.replace("https", "http"), "export[0].url"),
        (OTLP.replace("https://", f"https://me:{SECRET}@"), "export[0].url"),
        (OTLP.replace("/v1/logs", f"/v1/logs?key={SECRET}"), "export[0].url"),
        (OTLP.replace("https://", "ftp://"), "export[0].url"),
        (OTLP + OTLP, "export[1].name"),
        (OTLP + 'directory = "out"\n', "export[0].directory"),
        (FILES + 'ca_file = "ca.pem"\n', "export[0].ca_file"),
        ('[[export]]\nname = "siem"\nkind = "otlp"\n', "export[0]"),
        ('[[export]]\nname = "shelf"\nkind = "files"\n', "export[0]"),
        (FILES.replace("shelf", "../shelf"), "export[0].name"),
        (FILES.replace('"files"', '"s3"'), "export[0].kind"),
    ],
)
def test_a_place_that_records_must_not_go_to_stops_the_start(
    tmp_path: Path, text: str, pointer: str
) -> None:
    assert load(tmp_path, OTLP + FILES)  # control
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    assert refused.value.pointer == pointer
    assert SECRET not in refused.value.detail


def test_a_collector_on_this_machine_may_be_plain(tmp_path: Path) -> None:
    (entry,) = load(tmp_path, OTLP.replace("https://collector.internal", "http://127.0.0.1"))
    assert entry.url == "http://127.0.0.1:4318/v1/logs"
