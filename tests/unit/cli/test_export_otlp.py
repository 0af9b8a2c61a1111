"""What the shipper and `export --format otlp` send, as OTLP's own protobuf schema reads it.

The schema is opentelemetry-proto's, by the JSON mapping of protobuf itself. What it reads must be
spelled as it would write it (64-bit integers as text), with enums as numbers, as OTLP wants them.
"""

from __future__ import annotations

import datetime as dt
import json

import pytest
from google.protobuf.json_format import MessageToDict, Parse, ParseError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import (
    SEVERITY_NUMBER_INFO,
    SEVERITY_NUMBER_WARN,
    LogRecord,
)

from counterfoil.cli.export_formats import records, sink_of
from counterfoil.core.columns import CLOSED, OPENED, Cell, closed_cells, opened_cells
from counterfoil.core.entry import leaf_bytes
from counterfoil.core.lifecycle import KINDS
from counterfoil.core.model import JsonObject
from counterfoil.core.privacy import ERASED, HELD, RELEASED
from counterfoil.core.retention import DROPPED
from counterfoil.core.succession import RECOVERED, ROTATED
from counterfoil.core.tree import leaf_hash
from counterfoil.ledger.bulk import Fields, Rows
from counterfoil.ledger.receipt_watch import GOES_ON

ORIGIN = "ledger.example.test/0123456789abcdef/log/acme"
ALL_KINDS = sorted({*KINDS, *GOES_ON, ERASED, HELD, RELEASED, DROPPED, ROTATED, RECOVERED})
FULL: JsonObject = {
    "effect": "deny",
    "reasons": ["rbac.no_role", "database.drop"],
    "actor": {"iss": "https://cf.example.test", "sub": "coder"},
    "grant": {"jti": "jti_1"},
    "enforcement": "enforced",
    "run": "run_1",
    "status": 2**53 - 1,
    "code": "ledger.unavailable",
}
SAID: Fields = {
    "caller": (b"s", b'{"subject":{"iss":"https://idp.example.test","sub":"alice"}}'),
    "request": (b"s", b'{"action":"sql.run","resource":{"type":"database","id":"orders"}}'),
    "decision": (b"s", b'{"permissions":{"a":[1,2.5]},"operations":[{"verb":"select"}]}'),
    "prompt": (b"s", "drop \x00 \U0001f512 naïve".encode() + b"\xff"),
    "arguments": (b"s", b'{"n":9007199254740993}'),
    "response": (b"s", b""),
}


def row(kind: str, plain: JsonObject, fields: Fields | None) -> Rows:
    leaf = leaf_bytes(
        event=kind,
        event_id="evt_" + "0" * 26,
        time="2026-01-01T00:00:59.999999Z",
        origin=ORIGIN,
        tenant="acme",
        subject_key=None,
        decision_id=None if not plain else "dec_" + "0" * 26,
        plain=plain,
        commitments={},
        sealed={},
    )
    opened = None if fields is None else [fields]
    return Rows([2**53 - 1], [leaf], [leaf_hash(leaf)], [bytes(68)], None, fields=opened)


def sent(rows: Rows, *, opened: bool) -> bytes:
    """As the shipper's target asks for it."""
    body, count = sink_of("otlp", opened=opened, origin=ORIGIN, version="1.8.0").piece(rows)
    assert count == len(rows)
    return body


def read(body: bytes) -> ExportLogsServiceRequest:
    return Parse(body.decode(), ExportLogsServiceRequest(), ignore_unknown_fields=False)


def attributes(log: LogRecord) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for item in log.attributes:
        form = item.value.WhichOneof("value")
        assert form in {"int_value", "string_value"}
        assert item.key not in found
        found[item.key] = item.value.int_value if form == "int_value" else item.value.string_value
    return found


@pytest.mark.parametrize("fields", [None, {}, SAID], ids=["closed", "erased", "opened"])
@pytest.mark.parametrize(
    "plain", [FULL, {}, {"reasons": [], "run": True}], ids=["full", "no", "odd"]
)
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_kind_of_event_is_what_otlps_own_schema_reads(
    kind: str, plain: JsonObject, fields: Fields | None
) -> None:
    rows = row(kind, plain, fields)
    body = sent(rows, opened=fields is not None)
    request = read(body)
    assert MessageToDict(request, use_integers_for_enums=True) == json.loads(body)
    (resource,) = request.resource_logs
    assert {item.key: item.value.string_value for item in resource.resource.attributes} == {
        "service.name": "counterfoil",
        "counterfoil.log": ORIGIN,
    }
    (scope,) = resource.scope_logs
    (log,) = scope.log_records
    (record,) = records(rows)
    cells = dict(zip(CLOSED, closed_cells(record), strict=True))
    if fields is not None:
        cells |= dict(zip(OPENED, opened_cells(record), strict=True))
    assert attributes(log) == {
        f"counterfoil.{name}": cell for name, cell in cells.items() if cell is not None
    }
    moment = dt.datetime(2026, 1, 1, 0, 0, 59, 999999, dt.UTC) - dt.datetime.fromtimestamp(
        0, dt.UTC
    )
    assert log.time_unix_nano == moment // dt.timedelta(microseconds=1) * 1000
    assert log.observed_time_unix_nano == log.time_unix_nano
    warns = kind == "failed" or plain == FULL
    assert log.severity_number == (SEVERITY_NUMBER_WARN if warns else SEVERITY_NUMBER_INFO)
    assert log.body.string_value == kind


@pytest.mark.parametrize(
    "spoil",
    [
        {"time_unix": "1"},
        {"severityNumber": "13th"},
        {"timeUnixNano": "1.5"},
        {"body": {"text": "x"}},
        {"body": {"stringValue": "x", "intValue": "1"}},
        {"attributes": [{"key": "a", "value": {"intValue": str(2**63)}}]},
    ],
    ids=str,
)
def test_a_wrong_spelling_is_seen_by_the_reader_that_these_tests_trust(spoil: JsonObject) -> None:
    request = json.loads(sent(row("decided", FULL, None), opened=False))
    read(json.dumps(request).encode())  # control
    request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0] |= spoil
    with pytest.raises(ParseError):
        read(json.dumps(request).encode())
