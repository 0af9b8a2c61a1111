"""Every failure leaves in one form, says what to do, and gives nothing away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil import errors
from counterfoil.errors import (
    AgentNotAllowed,
    CounterfoilError,
    ExpiredCredential,
    Finding,
    IdempotencyInProgress,
    InvalidProof,
    LedgerUnavailable,
    MissingCredential,
    PolicyTimeout,
    ResourceMismatch,
    SchemaViolation,
    UnknownIssuer,
)
from counterfoil.http import problem_pages
from counterfoil.schemas_registry import SchemaRegistry
from simulators.http_door import PUBLIC_URL, Door

ROOT = Path(__file__).parents[3]
IS_PROBLEM = SchemaRegistry.load(ROOT / "schemas").validator("problem")
SECRET = "eyJhbGciOiJFUzI1NiJ9.c2VjcmV0.c2ln"


def _kinds(kind: type[CounterfoilError]) -> Iterator[type[CounterfoilError]]:
    if kind.__module__.startswith(errors.__name__ + "."):
        yield kind
        for child in kind.__subclasses__():
            yield from _kinds(child)


KINDS = [kind for kind in _kinds(CounterfoilError) if kind is not errors.ConfigError]


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_valid_problem_with_its_own_page(
    door: Door, kind: type[CounterfoilError]
) -> None:
    answer = door.fail(kind)
    value = answer.problem()
    IS_PROBLEM(value)
    assert (answer.status, value["code"], value["title"]) == (kind.status, kind.code, kind.title)
    assert value["solution"]
    assert (ROOT / "docs" / "problems" / f"{kind.code}.md").is_file()


def test_the_pages_are_those_that_the_errors_make() -> None:
    directory = ROOT / "docs" / "problems"
    written = {path.name: path.read_text("utf-8") for path in directory.glob("*.md")}
    assert written == problem_pages.pages()


def test_pages_of_codes_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "request.gone.md").write_text("old")
    problem_pages.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(problem_pages.pages())


def test_one_code_never_has_two_titles_of_one_status() -> None:
    seen: dict[tuple[str, int], str] = {}
    for kind in KINDS:
        assert seen.setdefault((kind.code, kind.status), kind.title) == kind.title, kind


def test_a_schema_violation_lists_its_places(door: Door) -> None:
    findings = (Finding("#/action/name", "required", "is missing"),)
    value = door.fail(lambda: SchemaViolation("is missing", findings=findings)).problem()
    IS_PROBLEM(value)
    assert value["errors"] == [
        {"pointer": "#/action/name", "code": "required", "detail": "is missing"}
    ]


def test_an_error_with_one_pointer_shows_it(door: Door) -> None:
    value = door.fail(lambda: ResourceMismatch("not there", pointer="#/resource/id")).problem()
    IS_PROBLEM(value)
    assert value["errors"] == [
        {"pointer": "#/resource/id", "code": "resource_mismatch", "detail": "not there"}
    ]


@pytest.mark.parametrize("cause", [UnknownIssuer, ExpiredCredential, errors.WrongAudience])
def test_causes_of_a_refused_credential_are_not_told_apart(
    door: Door, cause: type[CounterfoilError]
) -> None:
    first = door.fail(errors.InvalidSignature)
    answer = door.fail(lambda: cause(f"kid {SECRET}", pointer="#/aud"))
    hidden = {"request_id": ""}
    assert answer.problem() | hidden == first.problem() | hidden
    assert answer.headers["WWW-Authenticate"] == first.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("error", "bearer", "proof"),
    [
        # RFC 6750 §3.1: no error code where no token came
        (MissingCredential, "", ", DPoP "),
        (ExpiredCredential, 'error="invalid_token", ', ", DPoP "),
        (InvalidProof, 'error="invalid_token", ', ', DPoP error="invalid_dpop_proof", '),
        (AgentNotAllowed, 'error="insufficient_scope", ', None),
    ],
)
def test_a_refused_caller_learns_where_to_get_a_token(
    door: Door, error: type[CounterfoilError], bearer: str, proof: str | None
) -> None:
    metadata = f'resource_metadata="{PUBLIC_URL}/.well-known/oauth-protected-resource"'
    both = f"Bearer {bearer}{metadata}"
    if proof is not None:
        both += f'{proof}algs="ES256 EdDSA PS256 RS256"'
    assert door.fail(error).headers["WWW-Authenticate"] == both


@pytest.mark.parametrize("error", [PolicyTimeout, LedgerUnavailable])
def test_unavailable_says_when_to_come_back_and_not_why(
    door: Door, error: type[CounterfoilError]
) -> None:
    answer = door.fail(lambda: error(f"connect /run/opa.sock {SECRET}"))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert "detail" not in answer.problem()
    assert b"opa.sock" not in answer.data


def test_conflict_of_a_running_request_is_409(door: Door) -> None:
    assert door.fail(IdempotencyInProgress).status == 409


@pytest.mark.parametrize("error", [RuntimeError, KeyError, RecursionError, UnicodeError])
def test_an_unexpected_error_is_a_bare_500_and_logged_once_without_its_text(
    door: Door, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = door.fail(lambda: error(SECRET))
    value = answer.problem()
    assert (answer.status, value["code"], "detail" in value) == (500, "internal.error", False)
    (record,) = caplog.records
    message = record.getMessage()
    assert value["request_id"] in message
    assert error.__name__ in message
    assert record.exc_info is None
    for text in (answer.data.decode(), message):
        assert SECRET not in text
        assert "/" not in text.replace("counterfoil/http", "")
        assert "Traceback" not in text


def test_a_process_that_ends_is_not_answered_for(door: Door) -> None:
    with pytest.raises(KeyboardInterrupt):
        door.fail(KeyboardInterrupt)  # type: ignore[arg-type]  # not an Exception, on purpose
