"""Writes action_digest.json: what every implementation of the action digest must print.

The expected bytes are spelled out by hand here; only SHA-256 and base64url are computed,
so the vectors do not come from the code that they test.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from pathlib import Path

PERSON = {"iss": "https://idp.example.com", "sub": "alice"}
AGENT = {"iss": "https://agents.example.com", "sub": "coder"}
ORDERS = {
    "type": "postgresql",
    "id": "orders",
    "location": "postgresql://db.internal:5432/orders",
}
HEAD = '{"action":{"family":"database","name":"run_sql"},'
ACTOR = '"actor":{"iss":"https://agents.example.com","sub":"coder"},'
WHERE = (
    '"resource":{"id":"orders","location":"postgresql://db.internal:5432/orders",'
    '"type":"postgresql"},'
)
WHO = '"subject":{"iss":"https://idp.example.com","sub":"alice"},"tenant":"default"}'


def case(name: str, arguments: object, arguments_text: str, **changed: object) -> dict[str, object]:
    """One vector: the value, its canonical text written by hand, and the digest of that."""
    value = {
        "tenant": "default",
        "subject": PERSON,
        "actor": changed.get("actor", AGENT),
        "action": {"name": "run_sql", "family": "database"},
        "resource": changed.get("resource", ORDERS),
        "arguments": arguments,
    }
    text = (
        HEAD
        + ('"actor":null,' if value["actor"] is None else ACTOR)
        + f'"arguments":{arguments_text},'
        + ('"resource":null,' if value["resource"] is None else WHERE)
        + WHO
    )
    data = b"counterfoil/action/v1\n" + text.encode()
    digest = urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return {"name": name, "value": value, "canonical": text, "action_digest": digest}


CASES = [
    case(
        "the request of the documentation",
        {"database": "orders", "sql": "CREATE TABLE public.invoices (id int)"},
        '{"database":"orders","sql":"CREATE TABLE public.invoices (id int)"}',
    ),
    case("no arguments", {}, "{}"),
    case("no actor", {}, "{}", actor=None),
    case("no resource", {}, "{}", resource=None),
    case("integers stay exact beyond 2^53", {"n": 2**60 + 1}, '{"n":1152921504606846977}'),
    case("and differ from their neighbour", {"n": 2**60}, '{"n":1152921504606846976}'),
    case("members are sorted by code point", {"b": 1, "B": 2, "a": 3}, '{"B":2,"a":3,"b":1}'),
    case(
        "by code point, not by UTF-16 unit",
        {"\U0001f600": 1, "\uff21": 2},
        '{"\uff21":2,"\U0001f600":1}',
    ),
    case("text is not normalised", {"t": "e\u0301"}, '{"t":"e\u0301"}'),
    case("and so the composed form differs", {"t": "\u00e9"}, '{"t":"\u00e9"}'),
    case(
        "the shortest escapes",
        {"t": '"\\/\b\f\n\r\t\u0001\u007f\u2028'},
        '{"t":"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\u007f\u2028"}',
    ),
    case(
        "null, booleans and nesting",
        {"a": [None, True, False, [], {}]},
        '{"a":[null,true,false,[],{}]}',
    ),
    case("a declared fraction is shortest round-trip", {"x": 0.1}, '{"x":0.1}'),
    case("a big one too", {"x": 1e22}, '{"x":1e+22}'),
]

if __name__ == "__main__":
    target = Path(__file__).with_name("action_digest.json")
    target.write_text(json.dumps(CASES, indent=1, ensure_ascii=True) + "\n")
