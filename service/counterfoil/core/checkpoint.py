"""Checkpoints as C2SP signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint). Values only.

A checkpoint's text is three lines: origin, size, base64 root. The key's name in a signature
line is the origin of the log, so one key signs many logs under as many key ids and no
log's checkpoint can be shown as another's.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from counterfoil.core.tree import HASH_BYTES

ED25519 = b"\x01"  # c2sp.org/signed-note, signature type
ED25519_SIGNATURE_BYTES = 64
KEY_ID_BYTES = 4
SYSTEM_LOG = "system"
MAX_NOTE_BYTES = 65_536  # a held note is a few hundred bytes; witnesses may add some
MAX_TENANT_CHARACTERS = 128  # the origin stands in each leaf
_NAME = re.compile(r"[^\s+]{1,512}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")


class InvalidNote(ValueError):
    """Not a signed note, not a checkpoint, or not signed by the expected key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log's key signs: all of its leaves, in this order."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note's text; ends with a newline (c2sp.org/tlog-checkpoint)."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key and the name it goes by (`name+hash+base64` in a file).

    `earlier` are the names and keys that came before it, the latest first: what they signed in
    their time still counts, and nothing that they sign now does (`succession.py`).
    """

    name: str
    public: bytes
    earlier: tuple[VerifierKey, ...] = ()

    def key_id(self) -> bytes:
        """SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), first four bytes."""
        data = self.name.encode() + b"\n" + ED25519 + self.public
        return hashlib.sha256(data).digest()[:KEY_ID_BYTES]

    def named(self, name: str) -> VerifierKey:
        """The same key under another name; a log's, of this ledger, keeps what came before."""
        log = name.removeprefix(self.name)
        earlier = () if log == name else tuple(key.named(key.name + log) for key in self.earlier)
        return VerifierKey(name, self.public, earlier)

    def line(self) -> tuple[VerifierKey, ...]:
        """This one and those before it, each alone, the latest first."""
        alone = VerifierKey(self.name, self.public)
        return (alone, *(key.line()[0] for key in self.earlier))

    def log(self, origin: str) -> VerifierKey | None:
        """The line of the log that went by this origin at some time; None for a foreign one."""
        for key in self.line():
            if origin.startswith(f"{key.name}/log/"):
                return self.named(self.name + origin.removeprefix(key.name))
        return None

    def text(self) -> str:
        """The C2SP verifier key, which Go's `sumdb/note` reads as it is."""
        encoded = b64encode(ED25519 + self.public).decode()
        return f"{self.name}+{self.key_id().hex()}+{encoded}"


def parse_verifier_keys(text: str) -> VerifierKey:
    """Read verifier keys, a line each, the latest first: the first one with its predecessors.

    Raises:
        InvalidNote: one is no verifier key, there is none, or one stands twice.
    """
    keys = [parse_verifier_key(line) for line in text.splitlines()]
    if not keys or len(set(keys)) < len(keys):
        raise InvalidNote("verifier keys are lines of the form name+hash+base64, each once")
    return VerifierKey(keys[0].name, keys[0].public, tuple(keys[1:]))


def parse_verifier_key(text: str) -> VerifierKey:
    """Read a C2SP verifier key of type Ed25519.

    Raises:
        InvalidNote: when it is anything else, or its hash is not its own.
    """
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]):  # noqa: PLR2004 (name+hash+key)
        raise InvalidNote("a verifier key has the form name+hash+base64")
    data = base64_bytes(parts[2])
    key = VerifierKey(parts[0], data[1:])
    if data[:1] != ED25519 or len(key.public) != 32:  # noqa: PLR2004 (RFC 8032 §5.1.5)
        raise InvalidNote("the verifier key is not an Ed25519 key")
    if key.key_id().hex() != parts[1]:
        raise InvalidNote("the verifier key's hash is not that of its name and key")
    return key


def log_id(tenant: str) -> str:
    """The public id of a tenant's log, one to one; the empty tenant's log is `system`.

    Raises:
        ValueError: when the tenant's name is too long.
    """
    if not tenant:
        return SYSTEM_LOG
    if len(tenant) > MAX_TENANT_CHARACTERS:
        raise ValueError("the tenant's name is too long")
    # `/`, `+`, white space and anything that a path or a note could misread is escaped; a
    # tenant that calls itself `system`, `.` or `..` gets a name of its own all the same.
    escaped = quote(tenant, safe="").replace("~", "%7E")
    if escaped == SYSTEM_LOG or escaped.startswith("."):
        return f"%{ord(escaped[0]):02X}{escaped[1:]}"
    return escaped


def tenant_of(log: str) -> str | None:
    """The tenant whose log goes by this public id (`log_id`), None for any other text."""
    tenant = "" if log == SYSTEM_LOG else unquote(log)
    try:
        return tenant if log_id(tenant) == log else None
    except ValueError:
        return None


def log_origin(prefix: str, tenant: str) -> str:
    """The origin line of a tenant's log; `prefix` is this ledger's own, drawn once."""
    return f"{prefix}/log/{log_id(tenant)}"


def signed_note(text: str, key: VerifierKey, signature: bytes) -> bytes:
    """The note: text, empty line, one signature line."""
    encoded = b64encode(key.key_id() + signature).decode()
    return f"{text}\n— {key.name} {encoded}\n".encode()


def open_checkpoint(
    note: bytes, key: VerifierKey, verify: Callable[[bytes, bytes], bool]
) -> Checkpoint:
    """The checkpoint of a note that `key` signed for the log `key.name`.

    Signature lines of other keys (witnesses) are passed over, as the note format demands.

    Args:
        note: the exact bytes.
        key: named after the log's origin.
        verify: (signature, message) → whether `key` made it.

    Raises:
        InvalidNote: malformed, another origin, no signature of the key, or a wrong one.
    """
    text, signatures = split_note(note)
    wanted = (key.name, key.key_id())
    ours = [data for name, data in signatures if (name, data[:KEY_ID_BYTES]) == wanted]
    if not ours:
        raise InvalidNote("the note bears no signature of this key for this log")
    for data in ours:
        signature = data[KEY_ID_BYTES:]
        if len(signature) != ED25519_SIGNATURE_BYTES or not verify(signature, text.encode()):
            raise InvalidNote("the note's signature is not valid")
    checkpoint = parse_checkpoint(text)
    if checkpoint.origin != key.name:
        raise InvalidNote("the checkpoint is another log's")
    return checkpoint


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text, signature unseen: three lines in their only spelling.

    Raises:
        InvalidNote: when it is anything else.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:  # noqa: PLR2004 (three lines, each ended)
        raise InvalidNote("a checkpoint is origin, size and root, a line each")
    if not _SIZE.fullmatch(lines[1]):
        raise InvalidNote("the checkpoint's size is not a number")
    root = base64_bytes(lines[2])
    if len(root) != HASH_BYTES:
        raise InvalidNote("the checkpoint's root is not 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def note_origin(note: bytes) -> str:
    """The first line of a note that nobody has verified yet: tells which log to look at.

    Raises:
        InvalidNote: when it is no note.
    """
    return split_note(note)[0].split("\n", 1)[0]


def split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note and its signature lines, name and bytes each; nothing verified.

    Raises:
        InvalidNote: it is no note.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise InvalidNote("the note is too long")
    try:
        decoded = note.decode()
    except UnicodeDecodeError as error:
        raise InvalidNote("the note is not UTF-8") from error
    body, separator, tail = decoded.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or any(c < " " and c != "\n" for c in decoded):
        raise InvalidNote("the note has no signature block")
    signatures = []
    for line in tail[:-1].split("\n"):
        name, space, encoded = line.removeprefix("— ").partition(" ")
        if not line.startswith("— ") or not space or not _NAME.fullmatch(name):
            raise InvalidNote("a signature line of the note is malformed")
        data = base64_bytes(encoded)
        if len(data) <= KEY_ID_BYTES:
            raise InvalidNote("a signature of the note is too short")
        signatures.append((name, data))
    return body + "\n", signatures


def base64_bytes(text: str) -> bytes:
    """Standard base64 in its only spelling: a second one would be an unseen change."""
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidNote("not base64") from error
    if b64encode(data).decode() != text:
        raise InvalidNote("not canonical base64")
    return data
