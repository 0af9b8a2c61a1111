"""Attacks by words, paths, code and calls permit nothing, and the honest ones beside them do."""

from __future__ import annotations

import pytest

import word_attacks as attacks
from counterfoil.core.actions.uncertain import UNCERTAIN
from counterfoil.core.model import Interpretation
from words import SHOP, aws_call, aws_line, git_call, read_file, run_code


def assert_nothing(reading: Interpretation) -> None:
    assert [item.code for item in reading.uncertain if item.code in UNCERTAIN]
    assert not (*reading.operations, *reading.required, *reading.ambient)
    assert reading.execute is None


GIT = {**attacks.GIT, **attacks.GIT_ODD}


def test_there_are_enough_of_them() -> None:
    paths = len(attacks.PATHS) + len(attacks.WRITES) + len(attacks.FILE_CALLS)
    calls = len(attacks.CALLS) + len(attacks.LINES) + len(attacks.LANGUAGES)
    assert len(GIT) + paths + calls >= 230


@pytest.mark.parametrize("name", GIT)
def test_words_of_git(name: str) -> None:
    words = GIT[name]
    assert_nothing(git_call(words))
    assert_nothing(git_call(words, SHOP))
    (operation,) = git_call(attacks.HONEST_PUSH).operations  # control
    assert (operation.verb, operation.object["ref"]) == ("update", "refs/heads/main")


@pytest.mark.parametrize("name", attacks.PATHS)
def test_paths(name: str) -> None:
    for tool, more in (("read_file", {}), ("write_file", {"content": "x"}), ("delete_file", {})):
        assert_nothing(read_file(attacks.PATHS[name], tool, **more))
        (operation,) = read_file(attacks.HONEST_PATH, tool, **more).operations  # control
        assert operation.object["path"] == attacks.HONEST_PATH


@pytest.mark.parametrize("name", attacks.WRITES)
def test_writes_into_a_repositorys_own_data(name: str) -> None:
    path = attacks.WRITES[name]
    assert_nothing(read_file(path, "write_file", content="x"))
    assert_nothing(read_file(path, "delete_file"))
    assert read_file(
        path.lower().replace("git", "got"), "write_file", content="x"
    ).operations  # control


@pytest.mark.parametrize("name", attacks.FILE_CALLS)
def test_calls_of_file_tools(name: str) -> None:
    tool, arguments = attacks.FILE_CALLS[name]
    path = arguments.get("path")
    more = {key: value for key, value in arguments.items() if key != "path"}
    assert_nothing(read_file(path, tool, **more))  # type: ignore[arg-type]  # some are no text
    assert read_file("a").operations  # control


@pytest.mark.parametrize("name", attacks.CALLS)
def test_calls_of_aws(name: str) -> None:
    service, operation, parameters = attacks.CALLS[name]
    assert_nothing(aws_call(service, operation, **parameters))
    (found,) = aws_call("s3", "GetObject", **attacks.HONEST_KEY).operations  # control
    assert (found.verb, found.object["arn"]) == ("s3:GetObject", "arn:aws:s3:::carts/in/7.json")


@pytest.mark.parametrize("name", attacks.LINES)
def test_lines_of_aws(name: str) -> None:
    assert_nothing(aws_line(attacks.LINES[name].split(" ")))
    (found,) = aws_line(attacks.HONEST_LINE.split(" ")).operations  # control
    assert (found.verb, found.object["arn"]) == ("s3:GetObject", "arn:aws:s3:::carts/in/7.json")


@pytest.mark.parametrize("name", attacks.LANGUAGES)
def test_languages(name: str) -> None:
    assert_nothing(run_code("print(1)", attacks.LANGUAGES[name]))
    assert run_code("print(1)").operations  # control
