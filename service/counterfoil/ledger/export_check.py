"""An export against nothing but the ledger's public key.

1. The manifest's event: its leaf is signed by a receipt under the key, and holds the digest of
   exactly this manifest.
2. The checkpoint in it is signed, and of that log.
3. The file is the one of the manifest: bytes and SHA-256. Where it is not, step 4 names the
   first line that is wrong, if one alone is.
4. JSONL besides: each line's leaf has the hash that the line says, stands in order, and is
   signed: all of them by the checkpoint's root where the export is whole, else each by its
   own receipt. What was opened is what the leaf commits to, but for what
   is masked: the file's hash alone binds that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from counterfoil.core.canonical import NotCanonical, b64url, canonical_bytes
from counterfoil.core.checkpoint import InvalidNote, VerifierKey, open_checkpoint
from counterfoil.core.entry import commitment, from_b64url, leaf_problem, receipt_message
from counterfoil.core.export_manifest import EXPORTED, manifest_digest
from counterfoil.core.model import JsonObject
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.ledger.keys import Verifier

MAX_MANIFEST_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 26
_READ = 1 << 20


class InvalidExport(ValueError):
    """The export is not what the ledger signed."""


@dataclass(frozen=True, slots=True)
class CheckedExport:
    """What holds: the manifest, and whether every record was checked one by one."""

    manifest: JsonObject
    each: bool


def check_export(manifest_path: Path, key: VerifierKey) -> CheckedExport:
    """Check a manifest and the file beside it.

    Raises:
        InvalidExport: with the first thing that is wrong.
        OSError: a file cannot be read.
    """
    data = manifest_path.read_bytes()
    if len(data) > MAX_MANIFEST_BYTES:
        raise InvalidExport("the manifest is too large")
    try:
        value = json.loads(data)
        manifest, leaf_text, receipt = value["manifest"], value["leaf"], value["receipt"]
        origin = manifest["log"]
        if not origin.startswith(f"{key.name}/log/"):
            raise InvalidExport(f"it is of {origin}, and the key of {key.name}")
        named = key.named(origin)
        _check_event(manifest, leaf_text.encode(), receipt, named)
        checkpoint = open_checkpoint(manifest["checkpoint"].encode(), named, Verifier(named))
        if checkpoint.size != manifest["size"]:
            raise InvalidExport("the checkpoint is of another size")
        file = manifest_path.parent / Path(manifest["file"]).name
        same = _same_bytes(file, manifest)
        if same and manifest["format"] == "evidence":
            _check_folder(file)
        each = manifest["format"] == "jsonl"
        if each:
            _Lines(file, manifest, key, checkpoint.root, receipts=not same).check()
        if not same:
            raise InvalidExport(f"{file.name} is not the file of the manifest")
    except InvalidExport:
        raise
    except InvalidNote as error:
        raise InvalidExport(f"the checkpoint: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidExport(f"it cannot be read: {error}") from error
    return CheckedExport(manifest, each)


def _check_event(
    manifest: JsonObject, leaf: bytes, receipt: dict[str, str], key: VerifierKey
) -> None:
    fields = json.loads(leaf)
    problem = leaf_problem(fields)
    if problem is not None or fields["event"] != EXPORTED or fields["origin"] != key.name:
        raise InvalidExport(f"the record of it is none of this log: {problem or fields['event']}")
    hashed = b64url(leaf_hash(leaf))
    message = receipt_message(key.name, fields["event_id"], hashed, fields["time"])
    if receipt["key_id"] != key.key_id().hex() or not Verifier(key)(
        from_b64url(receipt["signature"]), message
    ):
        raise InvalidExport("the record of it is not signed by this key")
    try:
        if fields["plain"]["manifest"] != manifest_digest(manifest):
            raise InvalidExport("the manifest is not the one that was recorded")
    except NotCanonical as error:
        raise InvalidExport("the manifest is not the one that was recorded") from error


def _same_bytes(file: Path, manifest: JsonObject) -> bool:
    hashed, size = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while data := opened.read(_READ):
            hashed.update(data)
            size += len(data)
    return size == manifest["bytes"] and hashed.hexdigest() == manifest["sha256"]


def _check_folder(data: Path) -> None:
    """What `counterfoil evidence` wrote beside its data, by the hashes in there."""
    for name, hashed in json.loads(data.read_bytes())["files"].items():
        path = data.parent / name
        if not path.resolve().is_relative_to(data.parent.resolve()):
            raise InvalidExport("it names a file that is not in its folder")
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            found = "gone"
        if found != hashed:
            raise InvalidExport(f"{name} is not the file that was written")


class _Lines:
    """Step 4. With `receipts` each line's own is asked, which names the first bad one."""

    def __init__(
        self, file: Path, manifest: JsonObject, key: VerifierKey, root: bytes, *, receipts: bool
    ) -> None:
        self._receipts = receipts or not manifest["whole"]
        self._file, self._manifest, self._root = file, manifest, root
        self._verify, self._frontier = Verifier(key), Frontier()
        log = str(manifest["log"]).removeprefix(key.name)
        self._origins = {one.name + log for one in key.line()}  # older records, older names

    def check(self) -> None:
        whole, first = self._manifest["whole"], self._manifest["first"]
        last, count = int(str(first)) - 1, 0
        for number, line in enumerate(self._lines(), 1):
            try:
                index = self._line(line, number, whole=bool(whole))
            except InvalidExport:
                raise
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InvalidExport(f"line {number} cannot be read: {error}") from error
            if index <= last or (whole and index != number - 1):
                raise InvalidExport(f"line {number} stands out of order")
            last, count = index, number
        if count != self._manifest["records"]:
            raise InvalidExport(f"it holds {count} records, and says {self._manifest['records']}")
        if whole and (count != self._manifest["size"] or self._frontier.root() != self._root):
            raise InvalidExport("the records are not those of the signed checkpoint")

    def _lines(self) -> Iterator[bytes]:
        with self._file.open("rb") as opened:
            while line := opened.readline(MAX_LINE_BYTES):
                yield line

    def _line(self, line: bytes, number: int, *, whole: bool) -> int:
        value = orjson.loads(line)
        leaf, index = value["leaf"], value["index"]
        data = canonical_bytes(leaf)
        hashed = leaf_hash(data)
        if not isinstance(index, int) or leaf_problem(leaf) is not None:
            raise InvalidExport(f"line {number} is no record")
        if value["leaf_hash"] != b64url(hashed) or leaf["origin"] not in self._origins:
            raise InvalidExport(f"line {number} is not the record that it says")
        if whole:
            self._frontier.append(hashed)
        signature = from_b64url(value["signature"])
        message = receipt_message(leaf["origin"], leaf["event_id"], b64url(hashed), leaf["time"])
        if self._receipts and not self._verify.receipt(signature, leaf["origin"], message):
            raise InvalidExport(f"line {number}: its receipt is not signed by this key")
        for name, opened in value.get("opened", {}).items():
            if opened.keys() == {"masked"}:  # bound by the file's hash alone
                continue
            shown = commitment(from_b64url(opened["salt"]), name, opened["text"].encode())
            if b64url(shown) != leaf["commitments"].get(name):
                raise InvalidExport(f"line {number}: {name} is not what was recorded")
        return index
