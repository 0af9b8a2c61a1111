"""Witness cosignatures (c2sp.org/tlog-cosignature, version 1) and anchors, as an auditor holds them."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterfoil.cli import main
from counterfoil.core.checkpoint import InvalidNote, VerifierKey
from counterfoil.core.cosignature import WitnessKey, cosigned_at, parse_witness_key
from counterfoil.ledger.keys import Verifier
from many_records import Many, ledger_of

TIME = 1_764_000_000


@dataclass
class Witness:
    """Signs as the specification says, byte by byte, with nothing of ours."""

    name: str = "witness.example/w1"
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def key(self) -> WitnessKey:
        return WitnessKey(self.name, self.private.public_key().public_bytes_raw())

    def vkey(self) -> str:
        public = b64encode(b"\x04" + self.key.public).decode()
        return f"{self.name}+{self.key.key_id().hex()}+{public}\n"

    def line(self, note: bytes, *, time: int = TIME, header: bytes = b"cosignature/v1\n") -> bytes:
        text = note.rpartition(b"\n\n")[0] + b"\n"
        signature = self.private.sign(header + b"time %d\n" % TIME + text)
        data = self.key.key_id() + time.to_bytes(8, "big") + signature
        return "— ".encode() + self.name.encode() + b" " + b64encode(data) + b"\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Many:
    return ledger_of(tmp_path_factory.mktemp("anchor"), 60, tenants=("default", "other"))


@pytest.fixture
def anchor(made: Many, tmp_path: Path) -> Path:
    path = tmp_path / "anchor.txt"
    key = f"--key={made.keys / 'receipt.pub'}"
    assert main(["anchor", f"--ledger={made.database}", key, f"--output={path}"]) == 0
    return path


def check(made: Many, *arguments: str) -> int:
    return main(["verify", str(made.database), f"--key={made.keys / 'receipt.pub'}", *arguments])


def test_an_anchor_holds_every_log_and_verify_takes_it(made: Many, anchor: Path) -> None:
    assert anchor.read_text().count("\n\n— ") == 2
    assert check(made, f"--since={anchor}") == 0


def test_an_anchor_is_never_written_over_an_older_one(made: Many, anchor: Path) -> None:
    before = anchor.read_bytes()
    key = f"--key={made.keys / 'receipt.pub'}"
    assert main(["anchor", f"--ledger={made.database}", key, f"--output={anchor}"]) == 2
    assert anchor.read_bytes() == before


def test_an_anchor_convicts_a_shorter_ledger(made: Many, anchor: Path, tmp_path: Path) -> None:
    """A cut behind a signed checkpoint leaves no trace in the file itself; the anchor has it."""
    longer = anchor.read_bytes().replace(b"\n36\n", b"\n37\n")
    assert longer != anchor.read_bytes()
    forged = tmp_path / "forged"
    forged.write_bytes(longer)
    assert check(made, f"--since={forged}") == 2  # not signed: it says nothing about the ledger
    other = ledger_of(tmp_path / "another", 60)
    assert check(other, f"--since={anchor}") == 2  # another ledger's
    assert check(made, f"--since={anchor}") == 0  # control


def test_a_cosignature_is_demanded_of_each_held_checkpoint(
    made: Many, anchor: Path, tmp_path: Path
) -> None:
    witness, key = Witness(), tmp_path / "witness.pub"
    key.write_text(witness.vkey())
    assert check(made, f"--since={anchor}", f"--witness={key}") == 2
    first, second = anchor.read_bytes().replace(b"\n\nledger", b"\n\n\0ledger").split(b"\n\0")
    anchor.write_bytes(first + witness.line(first) + b"\n" + second)
    assert check(made, f"--since={anchor}", f"--witness={key}") == 2  # the other log has none
    anchor.write_bytes(first + witness.line(first) + b"\n" + second + witness.line(second))
    assert check(made, f"--since={anchor}", f"--witness={key}") == 0
    key.write_text(Witness().vkey())  # the same name, another key
    assert check(made, f"--since={anchor}", f"--witness={key}") == 2


def test_what_a_witness_did_not_sign_is_no_cosignature(anchor: Path) -> None:
    witness = Witness()
    note = anchor.read_bytes().split(b"\n\nledger")[0] + b"\n"
    verify = Verifier(VerifierKey(witness.name, witness.key.public))
    assert cosigned_at(note + witness.line(note), witness.key, verify) == TIME  # control
    for line in (
        witness.line(note, time=TIME + 1),
        witness.line(note, header=b""),
        witness.line(note.replace(b"\n36\n", b"\n29\n")),
        Witness().line(note),
        b"",
    ):
        with pytest.raises(InvalidNote):
            cosigned_at(note + line, witness.key, verify)


@pytest.mark.parametrize("text", ["", "x", "a+00000000+AAAA", "w+12345678+" + "A" * 44])
def test_a_key_of_another_kind_is_no_witness(text: str) -> None:
    assert parse_witness_key(Witness().vkey()).name == "witness.example/w1"  # control
    with pytest.raises(InvalidNote):
        parse_witness_key(text)
