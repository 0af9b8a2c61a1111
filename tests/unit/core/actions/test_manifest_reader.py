"""One text, one meaning: what YAML and JSON readers disagree about is refused."""

from __future__ import annotations

import pytest

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.kubernetes.reader import (
    MAX_DEPTH,
    Decimal,
    Value,
    read_documents,
)


def read_manifest(text: str) -> Value:
    ((value, _),) = read_documents(text)
    return value


def code(text: str) -> str:
    try:
        read_manifest(text)
    except Unreadable as doubt:
        return doubt.code.removeprefix("uncertain.")
    return ""


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("0", 0),
        ("7", 7),
        ("-7", -7),
        ("9999999999999999", 9_999_999_999_999_999),
        ("100m", "100m"),
        ("128Mi", "128Mi"),
        ("1.4-alpine", "1.4-alpine"),
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.5:80", "10.0.0.5:80"),
        ("1:30", "1:30"),
        ("2026-11-24", "2026-11-24"),
        ("1e10a", "1e10a"),
        ("1,000", "1,000"),
        ("0.5", Decimal("0.5")),
        ("0400", 0o400),
        ("017", 15),
        ("-12.75", Decimal("-12.75")),
        ("nginx:1.4", "nginx:1.4"),
        ("/var/run", "/var/run"),
        ("yesterday", "yesterday"),
        ("truely", "truely"),
        ("'y'", "y"),
        ('"1e3"', "1e3"),
        ('"a\\tb\\n"', "a\tb\n"),
        ("|\n  y\n  1e3\n", "y\n1e3\n"),
        (">-\n  a\n  b\n", "a b"),
        ("[a, 1]", ["a", 1]),
        ("{a: {b: [true]}}", {"a": {"b": [True]}}),
    ],
)
def test_what_all_readers_read_alike_is_read(plain: str, value: object) -> None:
    assert read_manifest(f"key: {plain}") == {"key": value}


@pytest.mark.parametrize(
    "plain",
    [
        *("y", "Y", "n", "N", "yes", "Yes", "NO", "on", "Off", "True", "FALSE", "Null", "NULL"),
        *(
            "~",
            "=",
            "",
            "0o17",
            "08",
            "0800",
            "01",
            "-0400",
            "-0",
            "+7",
            "1e3",
            "1E3",
            "0B1",
            "0b1",
            "0X1",
            "0x1F",
        ),
        *(
            "1_000",
            "00.5",
            ".5",
            "1.",
            "+.2",
            "+_4",
            "-_1",
            "10000000000000000",
            "0.1234567890123456",
        ),
        *(".inf", "-.Inf", "+.INF", ".nan", ".NaN", "1.5e3", "0xff", "685_230.15"),
    ],
)
def test_an_odd_scalar_must_be_quoted(plain: str) -> None:
    # `hostPID: y` is true to the server and text to PyYAML
    assert code(f"key: {plain}") == "manifest_scalar"
    assert read_manifest(f"key: '{plain}'") == {"key": plain}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1", "manifest_feature"),
        ("a: &x 1\nb: *x", "manifest_feature"),
        ("a: *x", "manifest_feature"),
        ("a: !!binary aGk=", "manifest_feature"),
        ("a: !custom x", "manifest_feature"),
        ("a: ! x", "manifest_feature"),
        ("%YAML 1.1\n---\na: b", "manifest_feature"),
        ("%TAG ! tag:x,2026:\n---\na: b", "manifest_feature"),
        ("a: b\n...\n", "manifest_feature"),
        ("a: b\n...\n---\nc: d", "manifest_feature"),
        ("a: b\n--- {c: d}", "manifest_feature"),
        ("a: b\n---c: d", "manifest_feature"),
        ("a: b\n---\n" * 33, "too_deep"),
        ("image: a\n<<: {image: b}", "manifest_scalar"),
        ("'<<': {image: b}", "manifest_feature"),
        ("a: 1\na: 2", "manifest_duplicate_key"),
        ("a: 1\n'a': 2", "manifest_duplicate_key"),
        ("{a: 1, a: 2}", "manifest_syntax"),  # a brace promises JSON
        ("1: a", "manifest_scalar"),
        ("true: a", "manifest_scalar"),
        ("y: a", "manifest_scalar"),
        ("[a]: b", "manifest_scalar"),
        ("? a\n: b\n? a\n: c", "manifest_duplicate_key"),
        ('a: "x\\0"', "manifest_control_character"),
        ('a: "x\\u2028y"', "manifest_control_character"),
        ('a: "x\\x85y"', "manifest_control_character"),
        ("a: b # x\u2028hostPID: true", "manifest_control_character"),
        ("a: b # x\u0085hostPID: true", "manifest_control_character"),
        ("a: b # x\rhostPID: true", "manifest_control_character"),
        ('a: "x\\ry"', "manifest_control_character"),
        ("\ufeffa: b", "manifest_control_character"),
        ("a:\tb", "manifest_control_character"),
        ("a: \ud800", "manifest_control_character"),
        ("a: \0", "manifest_control_character"),
        ("", "manifest_syntax"),
        ("# nothing", "manifest_syntax"),
        ("a: [b", "manifest_syntax"),
        ("a: b: c", "manifest_syntax"),
        ("- " * 200, "too_deep"),
        ("[" * 5_000, "too_deep"),
        ("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, "too_deep"),
        ("\n".join(f"k{i}: v" for i in range(2_001)), "too_deep"),
        ('{"a": 1, "a": 2}', "manifest_duplicate_key"),
        ('{"a": NaN}', "manifest_scalar"),
        ('{"a": -Infinity}', "manifest_scalar"),
        ('{"a": 1.5e1}', "manifest_scalar"),
        ('{"a": 1e3}', "manifest_scalar"),
        ('{"a": 1} {"b": 2}', "manifest_syntax"),
        ('{"a": 1}\n---\nb: 2', "manifest_syntax"),
        ('{"a": "\\u0000"}', "manifest_control_character"),
        ('{"a": "\\ud800"}', "manifest_control_character"),
        ('{"\\u2028": 1}', "manifest_control_character"),
        ("{'a': 1}", "manifest_syntax"),
        ('{"a": ' + "9" * 5_000 + "}", "manifest_syntax"),
        ('{"a":' * 30 + "1" + "}" * 30, "too_deep"),
        ('{"a": [' + ",".join(["1"] * 9_000) + "]}", "too_deep"),
    ],
)
def test_what_readers_disagree_about_is_refused(text: str, expected: str) -> None:
    assert code(text) == expected


def test_one_document_may_be_introduced() -> None:
    assert read_manifest("---\na: b") == {"a": "b"}
    assert read_manifest("# note\n--- # note\na: b\n") == {"a": "b"}
    assert read_manifest(' \n{"a": [1, true, null, "x"]}\n') == {"a": [1, True, None, "x"]}


def test_the_doubt_says_where() -> None:
    with pytest.raises(Unreadable) as doubt:
        read_manifest("a: b\nhostPID: y\n")
    assert doubt.value.span == (14, 15)


def test_documents_are_read_in_order_and_empty_ones_passed_over() -> None:
    text = "# first\n---\na: 1\n---\n# nothing\n--- # third\nb: 2\n---\n"
    assert [value for value, _ in read_documents(text)] == [{"a": 1}, {"b": 2}]
    spans = [text[start:end].split("\n", maxsplit=1)[0] for _, (start, end) in read_documents(text)]
    assert spans == ["a: 1", "b: 2"]


def test_lines_may_end_as_on_windows() -> None:
    assert read_manifest("a: b\r\nc: |\r\n  d\r\n  e\r\n") == {"a": "b", "c": "d\ne\n"}
