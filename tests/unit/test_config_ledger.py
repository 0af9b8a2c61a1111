"""Where the ledger lies: SQLite by default, PostgreSQL by a URL that holds no password."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.config import Config, load_config
from counterfoil.config_ledger import PostgresqlPlace, postgresql_place
from counterfoil.errors import ConfigError

SECRET = "hunter2"
SOCKET = "postgresql://cf@/ledger?host=/run/postgresql"


def load(folder: Path, text: str, **environ: str) -> Config:
    path = folder / "counterfoil.toml"
    path.write_text(text)
    return load_config(path, environ)


def test_a_file_of_this_machine_is_the_default(tmp_path: Path) -> None:
    ledger = load(tmp_path, "").ledger
    assert ledger.place == ledger.path == tmp_path / "var/ledger.db"
    assert ledger.max_delay_seconds == 10


def test_a_database_is_named_by_its_url_and_its_password_by_a_file(tmp_path: Path) -> None:
    url = "postgresql://cf@db.example:6432/ledger?sslrootcert=/etc/ca.pem"
    text = f'[ledger]\nurl = "{url}"\npassword_file = "secrets/db"'
    config = load(tmp_path, text)
    place = config.ledger.place
    assert isinstance(place, PostgresqlPlace)
    assert (place.host, place.port, place.database, place.user) == (
        *("db.example", 6432),
        *("ledger", "cf"),
    )
    assert place.tls == (("sslmode", "verify-full"), ("sslrootcert", "/etc/ca.pem"))
    assert place.password_file == tmp_path / "secrets/db"
    with pytest.raises(ConfigError, match="SQLite ledger only"):
        _ = config.ledger.path


def test_a_password_comes_by_the_environment_and_is_shown_nowhere(tmp_path: Path) -> None:
    config = load(tmp_path, f'[ledger]\nurl = "{SOCKET}"', COUNTERFOIL_LEDGER__PASSWORD=SECRET)
    assert isinstance(config.ledger.place, PostgresqlPlace)
    assert config.ledger.place.password == SECRET
    assert SECRET not in f"{config!r} {config.ledger.place} {config.ledger.place!r}"


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        (f'[ledger]\nurl = "postgresql://cf:{SECRET}@db/ledger"', {}),
        (f'[ledger]\nurl = "postgresql://cf:{SECRET}@/ledger?host=/run"', {}),
        (f'[ledger]\nurl = "postgresql://cf@/ledger?host=/run&password={SECRET}"', {}),
        (f'[ledger]\nurl = "{SOCKET}"\npassword = "{SECRET}"', {}),
        ("", {"COUNTERFOIL_LEDGER__URL": f"postgresql://cf:{SECRET}@db/ledger"}),
        ("", {"COUNTERFOIL_LEDGER__URL": f"oracle://cf:{SECRET}@db/ledger"}),
    ],
)
def test_a_password_in_the_wrong_place_is_refused_and_not_repeated(
    tmp_path: Path, text: str, environ: dict[str, str]
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text, **environ)
    assert "ledger." in f"{refused.value.pointer} {refused.value.detail}"
    assert SECRET not in str(refused.value)
    assert SECRET not in refused.value.detail


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://cf@db.example/ledger",  # no authorities to check the name by
        "postgresql://cf@db.example/ledger?sslmode=disable",
        "postgresql://cf@db.example/ledger?sslmode=require&sslrootcert=/ca.pem",
        "postgresql://cf@localhost/ledger?sslmode=prefer",
        "postgresql://cf@db/ledger?host=/run/postgresql",  # two hosts
        "postgresql://cf@/ledger",  # none
        "postgresql://cf@localhost/",
        "postgresql://localhost/ledger",
        "postgresql://cf@localhost/ledger?options=-csynchronous_commit%3Doff",
        "postgresql://cf@localhost/ledger?service=other",
        "postgresql://cf@localhost:99999/ledger",
        "postgresql://cf@localhost/ledger#x",
        "mysql://cf@localhost/ledger",
    ],
)
def test_a_url_that_could_lead_elsewhere_or_in_the_clear_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        postgresql_place(url)
    for good in (SOCKET, "postgresql://cf@localhost/ledger", f"{SOCKET}&port=6432"):  # control
        assert postgresql_place(good).database == "ledger"


@pytest.mark.parametrize("days", ["0", "183", "183.9", '"400"'])
def test_a_retention_below_six_months_stops_the_start(tmp_path: Path, days: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, f"[ledger]\nretention_days = {days}")
    assert refused.value.pointer == "ledger.retention_days"
    assert "184" in refused.value.detail
    assert load(tmp_path, "[ledger]\nretention_days = 184").ledger.retention_days == 184  # control
    assert load(tmp_path, "").ledger.retention_days is None
