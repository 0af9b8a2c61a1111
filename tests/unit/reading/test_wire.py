"""The child meets hostile input first: whatever it answers, the worker only takes data."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import msgpack  # type: ignore[import-untyped]  # has no annotations
import pytest

from commands import read_sql, sql_command
from counterfoil.core.actions.contract import uncertain
from counterfoil.core.model import Interpretation
from counterfoil.reading.wire import (
    MAX_FRAME_BYTES,
    Frames,
    WireError,
    frame,
    group_frame,
    pack_command,
    pack_interpretation,
    part,
    registered_frame,
    unpack_command,
    unpack_interpretation,
    unpack_registered,
)
from requests_read import ORDERS_API, REGISTERED

COMMAND = sql_command("SELECT id FROM public.invoices")


def received(data: bytes) -> list[Any]:
    return list(Frames().feed(data))


def test_a_command_arrives_without_the_issuers_name() -> None:
    ((packed,),) = received(frame([pack_command(COMMAND)]))
    arrived = unpack_command(packed)
    assert arrived.arguments == COMMAND.arguments
    assert arrived.resource is not None
    assert COMMAND.resource is not None
    assert arrived.resource.location == COMMAND.resource.location
    assert arrived.resource.issuer is None


def test_what_is_registered_arrives_without_the_issuers_names() -> None:
    (message,) = received(registered_frame(REGISTERED))
    arrived = unpack_registered(message)
    assert arrived is not None
    assert arrived.places == {
        ("http", ORDERS_API.location): dataclasses.replace(ORDERS_API, issuer=None)
    }
    assert unpack_registered([pack_command(COMMAND)]) is None


def test_a_resource_comes_back_by_its_id_as_the_workers_own() -> None:
    reading = Interpretation(resource=dataclasses.replace(ORDERS_API, issuer=None))
    ((packed,),) = received(frame([pack_interpretation(COMMAND, reading)]))
    assert unpack_interpretation(COMMAND, packed, REGISTERED).resource is ORDERS_API


@pytest.mark.parametrize(
    "sql", ["SELECT id FROM public.invoices", "SELECT pg_sleep(1)", "SELECT 1"]
)
def test_an_interpretation_arrives_as_it_was(sql: str) -> None:
    command = sql_command(sql)
    reading = read_sql(sql)
    assert reading.execute is None or reading.execute.arguments == command.arguments
    ((packed,),) = received(frame([pack_interpretation(command, reading)]))
    assert unpack_interpretation(command, packed) == reading


def test_parts_encoded_before_make_the_same_message() -> None:
    packed = pack_command(COMMAND)
    for count in (0, 1, 15, 16, 17):
        assert group_frame([part(packed)] * count) == frame([packed] * count)


def test_a_message_may_arrive_byte_by_byte() -> None:
    frames = Frames()
    data = frame([1, "two"]) + frame([3])
    found = [message for byte in data for message in frames.feed(bytes([byte]))]
    assert found == [[1, "two"], [3]]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", MAX_FRAME_BYTES + 1),
        struct.pack(">I", 1) + b"\x80",
        struct.pack(">I", 1) + b"\xc1",
        struct.pack(">I", 2) + b"\x91\xc1",
        struct.pack(">I", 4) + b"text",
        struct.pack(">I", 1) + b"\x91",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    assert received(frame([1])) == [[1]]
    with pytest.raises(WireError):
        received(data)


def test_an_unknown_extension_is_refused() -> None:
    body = msgpack.packb([msgpack.ExtType(7, b"x")])
    with pytest.raises(WireError):
        received(struct.pack(">I", len(body)) + body)


@pytest.mark.parametrize(
    "packed",
    [
        [],
        [[], [], [], [], None, None],
        [[[]], [], [], [], None, None, None],
        [[["a", "b", {}, None, 7, {}]], [], [], [], None, None, None],
        [[], [["code"]], [], [], None, None, None],
        [[], [], None, [], None, None, None],
        [[], [], [], [], 7, None, None],
        [[], [], [], [], [], None, None],
        [7, [], [], [], None, None, None],
        [[], [], [], [], None, None, "a resource that nobody registered"],
    ],
)
def test_what_is_no_interpretation_is_refused(packed: list[object]) -> None:
    honest = pack_interpretation(COMMAND, uncertain("uncertain.sql_syntax"))
    assert unpack_interpretation(COMMAND, honest).uncertain
    assert unpack_interpretation(COMMAND, [[], [], [], [], None, None, None]) == Interpretation()
    with pytest.raises(WireError):
        unpack_interpretation(COMMAND, packed)
