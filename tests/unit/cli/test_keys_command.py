from __future__ import annotations

import stat
from pathlib import Path

import pytest

from counterfoil.cli import main
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.identity.signing import GRANT_TYPE, Es256Signer
from counterfoil.keys import load_es256_key
from counterfoil.ledger.keys import export_verifier_key, load_master, load_receipt_key

NAMES = {"grant.pem", "delegation.pem", "receipt.pem", "sealing.key"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "counterfoil.toml"
    file.write_text('[keys]\ndirectory = "keys"\n[ledger]\nurl = "sqlite:///ledger.db"\n')
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_made_keys_are_usable_private_and_distinct(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "make", "--config", str(config)]) == 0
    folder = config.parent / "keys"
    made = contents(folder)
    assert made.keys() == NAMES | {"delegation.jwks.json"}
    assert len(set(made.values())) == len(made)
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in NAMES} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("grant.pem", "delegation.pem"):
        assert Es256Signer(load_es256_key(folder / name), typ=GRANT_TYPE).sign({"jti": "1"})
    load_receipt_key(folder, create=False)
    load_master(folder, create=False)
    assert capsys.readouterr().out.count("made  ") == len(NAMES)


def test_keys_that_are_there_stay(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "make", "--config", str(config)])
    folder = config.parent / "keys"
    before = contents(folder)
    (folder / "grant.pem").unlink()
    capsys.readouterr()
    assert main(["keys", "make", "--config", str(config)]) == 0
    after = contents(folder)
    assert after.pop("grant.pem") != before.pop("grant.pem")
    assert after == before
    assert capsys.readouterr().out.count("kept  ") == len(NAMES) - 1


@pytest.mark.parametrize("purpose", ["grant", "delegation"])
def test_rotate_makes_a_new_key_and_says_what_follows(
    config: Path, purpose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["keys", "make", "--config", str(config)])
    before = contents(config.parent / "keys")
    assert main(["keys", "rotate", purpose, "--overlap", "1200", "--config", str(config)]) == 0
    after = contents(config.parent / "keys")
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed - {"delegation.jwks.json", ".rotate.lock"} == {
        f"{purpose}.pem",
        f"{purpose}.ring.json",
    }
    said = capsys.readouterr().out
    assert "counts until" in said
    assert "restart" in said
    assert main(["keys", "rotate", purpose, "--overlap", "5", "--config", str(config)]) == 78
    assert contents(config.parent / "keys") == after


@pytest.mark.parametrize("name", ["receipt.pem", "sealing.key"])
def test_lost_keys_of_a_ledger_are_never_replaced(
    config: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["keys", "make", "--config", str(config)])
    (config.parent / "ledger.db").touch()
    assert main(["keys", "make", "--config", str(config)]) == 0  # control: all are there
    (config.parent / "keys" / name).unlink()
    assert main(["keys", "make", "--config", str(config)]) == 78
    assert not (config.parent / "keys" / name).exists()
    assert "Restore them from the backup" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["receipt", "checkpoint"])
def test_rotating_the_ledgers_key_orders_it_from_the_writer(
    config: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["keys", "make", "--config", str(config)])
    folder = config.parent / "keys"
    rotate = ["keys", "rotate", name, "--config", str(config)]
    assert main(rotate) == 78
    assert "nothing to end" in capsys.readouterr().err
    public = VerifierKey("ledger.example.test/00", load_receipt_key(folder, create=False).public)
    export_verifier_key(folder, public)
    before = contents(folder)
    assert main(rotate) == 0
    assert "give auditors the new" in capsys.readouterr().out
    after = contents(folder)
    assert after.keys() - before.keys() == {"receipt.next.pem", "receipt.next.json"}
    assert before.items() <= after.items()  # the writer alone exchanges what is in use
    assert stat.S_IMODE((folder / "receipt.next.pem").stat().st_mode) == 0o600
