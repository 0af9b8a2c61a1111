"""A wrong configuration stops an issuer before it has any power, and says what to write."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from certificates import Authority
from counterfoil import cli
from counterfoil.errors import ConfigError
from counterfoil.keys import ensure_es256_key
from counterfoil_issuers.kinds import build, kinds
from counterfoil_issuers.listening import listening
from counterfoil_issuers.settings import UNIX_URL, IssuerSettings, load
from issuer_bench import LOCATION

TABLES: dict[str, dict[str, Any]] = {
    "issuer": {"name": "postgresql-orders", "listen": "127.0.0.1:8284", "state": "state.db"},
    "service": {"url": "https://counterfoil.example.com", "key_file": "issuer.pem"},
    "target": {
        "location": LOCATION,
        "host": "db.internal",
        "user": "counterfoil_issuer",
        "owner": "app",
        "password_file": "password",
    },
}


def written(folder: Path, **changes: dict[str, Any]) -> Path:
    ensure_es256_key(folder / "issuer.pem")
    lines = []
    for title, table in TABLES.items():
        whole = {**table, **changes.get(title, {})}
        lines.append(f"[{title}]")
        lines += [f"{k} = {json.dumps(v)}" for k, v in whole.items() if v is not None]
    path = folder / "issuer.toml"
    path.write_text("\n".join(lines))
    return path


def loaded(folder: Path, **changes: dict[str, Any]) -> IssuerSettings:
    return load("postgresql", written(folder, **changes))


def test_good_file_says_everything_and_files_are_beside_it(tmp_path: Path) -> None:
    made = loaded(tmp_path)
    assert made.url == "http://127.0.0.1:8284/credential"
    assert made.state == tmp_path / "state.db"
    assert made.service_issuer == made.service.audience == "https://counterfoil.example.com"
    assert made.jwks_uri == "https://counterfoil.example.com/.well-known/jwks.json"
    assert made.target["password_file"] == str(tmp_path / "password")
    assert made.tls is None
    assert not made.development


WRONG: dict[str, tuple[dict[str, dict[str, Any]], str]] = {
    "no_name": ({"issuer": {"name": None}}, "issuer.name: is required"),
    "unknown_key": ({"issuer": {"nmae": "x"}}, "issuer.nmae: there is no such setting. Did you"),
    "unknown_target_key": ({"target": {"superuser": True}}, "target.superuser: there is no such"),
    "no_owner": ({"target": {"owner": None}}, "target.owner: is required"),
    "open_to_all": ({"issuer": {"listen": "0.0.0.0:8284"}}, "beyond this machine without TLS"),
    "another_host": ({"issuer": {"listen": "issuers.internal:80"}}, "beyond this machine"),
    "plain_service": ({"service": {"url": "http://counterfoil.internal"}}, "is not called"),
    "plain_own_url": ({"issuer": {"url": "http://issuers.example.com/credential"}}, "is not call"),
    "query_in_url": ({"issuer": {"url": "https://i.example.com/credential?a=b"}}, "has a query"),
    "nothing_proves_it": ({"service": {"key_file": None}}, "nothing proves the issuer"),
    "no_key": ({"service": {"key_file": "missing.pem"}}, "missing.pem"),
    "no_ca": ({"service": {"ca_file": "missing.pem"}}, "a certificate's file cannot be used"),
    "sslmode": ({"target": {"sslmode": "prefer"}}, "target.sslmode: 'prefer' is not accepted"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_file_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    changes, text = WRONG[name]
    with pytest.raises(ConfigError) as found:
        loaded(tmp_path, **changes)
    assert text in (found.value.detail or "")


def test_development_is_for_this_machine_alone(tmp_path: Path) -> None:
    Authority.make(tmp_path, "authority").server(tmp_path)
    beyond = {"listen": "0.0.0.0:8284", "certificate_file": "server-127.0.0.1.pem"}
    made = loaded(tmp_path, issuer=beyond)
    assert made.tls is not None
    assert made.url == "https://0.0.0.0:8284/credential"
    with pytest.raises(ConfigError, match="this machine alone"):
        loaded(tmp_path, issuer={**beyond, "development": True})


def test_unknown_kind_is_told_which_there_are(tmp_path: Path) -> None:
    assert "postgresql" in kinds()
    for name in ("mongodb", "../runner", "postgresql.target"):
        with pytest.raises(ConfigError, match=r"Known here: .*postgresql"):
            load(name, written(tmp_path))
        with pytest.raises(ConfigError, match=r"Known here: .*postgresql"):
            build(name, {})


def test_unix_socket_is_for_its_account_and_group(tmp_path: Path) -> None:
    made = loaded(tmp_path, issuer={"listen": "unix:i.sock"})
    assert (made.socket, made.url) == (tmp_path / "i.sock", UNIX_URL)
    with listening(made), socket.socket(socket.AF_UNIX) as peer:
        assert (tmp_path / "i.sock").stat().st_mode & 0o777 == 0o660
        peer.connect(str(tmp_path / "i.sock"))
    assert not (tmp_path / "i.sock").exists()
    with socket.socket(socket.AF_UNIX) as left:  # of a life that was killed
        left.bind(str(tmp_path / "i.sock"))
    with listening(made):
        pass
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="any account may write"), listening(made):
        pass


def test_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "password").chmod(0o644)
    with pytest.raises(ConfigError, match="others may use"):
        build("postgresql", loaded(tmp_path).target)
    (tmp_path / "password").chmod(0o600)
    assert "hunter2" not in repr(build("postgresql", loaded(tmp_path).target))


def test_check_says_that_the_target_cannot_be_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "password").touch(mode=0o600)
    path = written(tmp_path, target={"host": str(tmp_path)})
    assert cli.main(["issuer", "postgresql", "--config", str(path), "--check"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("counterfoil issuer: the target:")
    assert "docs/issuers/" in said


def test_wrong_file_ends_the_command_with_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, issuer={"name": None})
    assert cli.main(["issuer", "postgresql", "--config", str(path)]) == 78
    assert "issuer.name: is required" in capsys.readouterr().err
    assert cli.main(["issuer", "postgresql"]) == 2
