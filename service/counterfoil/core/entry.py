"""Ledger entries: what a leaf is, what is committed and sealed, what a receipt signs.

A leaf is the canonical JSON of a closed object (`schemas/ledger_entry.json`; fields are only
ever added). It stands readable for as long as the log exists, so it holds codes, ids, times
and keyed commitments, never a word that a person or a command said: those are sealed field
by field under a key that can be destroyed. Short secrets have no unkeyed hash here either,
because one could be guessed, and would survive erasure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from urllib.parse import quote

from counterfoil.core.canonical import NotCanonical, b64url, canonical_bytes, digest
from counterfoil.core.checkpoint import MAX_TENANT_CHARACTERS
from counterfoil.core.model import JsonObject, JsonValue

LEAF_VERSION = 1
MAX_LEAF_BYTES = 65_535  # codes and ids only; what an entry bundle can hold (c2sp.org/tlog-tiles)
MAX_INTEGER = 2**53 - 1  # RFC 7493 §2.2: any reader of the leaf sees the same number
SALT_BYTES = 32
COMMITMENT_DOMAIN = b"counterfoil/commitment/v1\n"
RECEIPT_DOMAIN = b"counterfoil/receipt/v1\n"
DATA_KEY_DOMAIN = b"counterfoil/data-key/v1\n"
KEY_ID_BYTES = 16
KIND = re.compile(r"[a-z][a-z_]{1,63}")
ID = re.compile(r"[a-z]{1,12}_[0-9A-Za-z]{26}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
TIME = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
)
ORIGIN = re.compile(r"[!-*,-~]{1,512}")
KEY_ID = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
HASH = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
WORD = re.compile(r"[!-~]{0,512}")  # no white space: free text cannot stand here by mistake
_UNTOUCHED = "!\"#$&'()*+,/:;<=>?@[\\]^`{|}~"  # printable, so that only % and the rest change
_FIELDS = frozenset(
    {
        *("v", "event", "event_id", "time", "origin", "tenant", "subject_key", "decision_id"),
        *("plain", "commitments", "sealed"),
    }
)


class NotRecordable(ValueError):
    """The event does not fit a leaf; nothing is recorded, so nothing is permitted."""


def from_b64url(text: str) -> bytes:
    """Read `b64url`; the caller has checked the alphabet."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def leaf_word(name: str) -> str:
    """A name as a leaf may hold it: percent-encoded (RFC 3986 §2.1), hashed where too long.

    The name itself stands in the payload. Refusing it here instead would turn every
    decision of such an agent into a 503.
    """
    word = quote(name, safe=_UNTOUCHED)
    return word if WORD.fullmatch(word) else f"sha256:{digest(name.encode())}"


def commitment(salt: bytes, field: str, data: bytes) -> bytes:
    """HMAC-SHA256(salt, domain ‖ field ‖ 0x00 ‖ data): binding, and hiding while salt is secret.

    A field's name holds no NUL (`NAME`), so no other field and bytes give the same message.
    """
    return hmac.digest(salt, COMMITMENT_DOMAIN + field.encode() + b"\x00" + data, "sha256")


def data_key_id(lookup: bytes, wrapped: bytes) -> str:
    """The id of a data key: half of SHA-256 over its whole row, so that a leaf vouches for it.

    Both parts are as good as random, so the id tells nobody anything, and outlives the row.
    """
    row = DATA_KEY_DOMAIN + lookup + wrapped
    return b64url(hashlib.sha256(row).digest()[:KEY_ID_BYTES])


def sealing_context(origin: str, event_id: str, field: str) -> bytes:
    """The associated data of a sealed field: a blob opens in its own place and no other."""
    return f"{origin}\n{event_id}\n{field}".encode()


def leaf_bytes(
    *,
    event: str,
    event_id: str,
    time: str,
    origin: str,
    tenant: str,
    subject_key: str | None,
    decision_id: str | None,
    plain: JsonObject,
    commitments: Mapping[str, str],
    sealed: Mapping[str, str],
) -> bytes:
    """The exact bytes that are stored and hashed.

    Raises:
        NotRecordable: where the result would break the published schema.
    """
    leaf: JsonObject = {
        "v": LEAF_VERSION,
        "event": event,
        "event_id": event_id,
        "time": time,
        "origin": origin,
        "tenant": tenant,
        "subject_key": subject_key,
        "decision_id": decision_id,
        "plain": plain,
        "commitments": commitments,
        "sealed": sealed,
    }
    problem = leaf_problem(leaf)
    if problem is not None:
        raise NotRecordable(problem)
    try:
        data = canonical_bytes(leaf)
    except NotCanonical as error:
        raise NotRecordable(str(error)) from error
    if len(data) > MAX_LEAF_BYTES:
        raise NotRecordable("the leaf is too large")
    return data


def leaf_problem(leaf: JsonValue) -> str | None:
    """What is wrong with a leaf by `schemas/ledger_entry.json`, or None. Total over JSON."""
    if not isinstance(leaf, dict):
        return "the leaf is not an object"
    if leaf.keys() != _FIELDS:
        return "the leaf lacks a field or has one too many"
    if leaf["v"] != LEAF_VERSION or leaf["v"] is True:
        return "v is not 1"
    if not _matches(KIND, leaf["event"]):
        return "event is not a snake_case name"
    if not _matches(ID, leaf["event_id"]):
        return "event_id is not an id"
    if not _matches(TIME, leaf["time"]):
        return "time is not RFC 3339 UTC with microseconds"
    if not _matches(ORIGIN, leaf["origin"]):
        return "origin is not a log's name"
    if not isinstance(leaf["tenant"], str) or len(leaf["tenant"]) > MAX_TENANT_CHARACTERS:
        return "tenant is not text of at most 128 characters"
    if leaf["subject_key"] is not None and not _matches(KEY_ID, leaf["subject_key"]):
        return "subject_key is not a key id"
    if leaf["decision_id"] is not None and not _matches(ID, leaf["decision_id"]):
        return "decision_id is not an id"
    return _payload_problem(leaf) or _plain_problem(leaf["plain"])


def receipt_message(origin: str, event_id: str, leaf_hash: str, time: str) -> bytes:
    """What a receipt's signature covers: its first four fields, domain-separated."""
    return RECEIPT_DOMAIN + canonical_bytes(
        {"origin": origin, "event_id": event_id, "leaf_hash": leaf_hash, "time": time}
    )


def _payload_problem(leaf: Mapping[str, JsonValue]) -> str | None:
    commitments, sealed = leaf["commitments"], leaf["sealed"]
    if not isinstance(commitments, dict) or not isinstance(sealed, dict):
        return "commitments and sealed are not objects"
    if commitments.keys() != sealed.keys():  # beyond the schema: a field is both or neither
        return "commitments and sealed name different fields"
    if sealed and leaf["subject_key"] is None:
        return "sealed fields without a key"
    for name, value in (*commitments.items(), *sealed.items()):
        if not NAME.fullmatch(name) or not _matches(HASH, value):
            return "a commitment or a sealed hash is malformed"
    return None


def _plain_problem(plain: JsonValue) -> str | None:
    """Codes, ids and times: closed to everything that could be somebody's words."""
    if not isinstance(plain, dict):
        return "plain is not an object"
    stack: list[JsonValue] = [plain]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if not WORD.fullmatch(item):
                return "plain holds text that is not a code, an id or a time"
        elif isinstance(item, dict):
            if not all(isinstance(name, str) and NAME.fullmatch(name) for name in item):
                return "plain holds a name that is not snake_case"
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif item is not None and not (isinstance(item, int) and abs(item) <= MAX_INTEGER):
            return "plain holds a number that is not an integer of 53 bits"
    return None


def _matches(pattern: re.Pattern[str], value: JsonValue) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
