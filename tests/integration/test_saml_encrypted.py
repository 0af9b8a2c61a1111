"""Encrypted assertions through the application: a login, and refusals that tell nothing apart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from saml_cases import encrypted
from saml_cases.encrypted import decryption_lines, sealed
from saml_cases.workshop import ALICE
from saml_world import Login, World, assert_problem, saml_world
from simulators.http_door import Answer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("saml")
    with saml_world(folder, more=decryption_lines(folder)) as made:
        yield made


def same(answer: Answer) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that a browser sees, but for the request's own id."""
    own = answer.headers["X-Request-ID"]
    headers = sorted((k, v.replace(own, "")) for k, v in answer.headers.items())
    return answer.status, answer.data.replace(own.encode(), b""), headers


def test_an_encrypted_answer_logs_its_person_in_once(world: World) -> None:
    login = world.start()
    document = sealed(login.workshop, response=True)
    given = world.exchange(world.code(login, document), login.verifier)
    assert given.status == 200, given.json
    assert_problem(world.post(document, login.relay), "identity.saml_request_unknown")


def test_refusals_of_encrypted_answers_are_equal_in_every_byte(world: World) -> None:
    """Whoever tells one from another has an oracle for the key or for what it opens."""
    answers = []
    for name, (rule, recipe) in encrypted.DOCUMENTS.items():
        login: Login = world.start()
        answer = world.post(recipe(login.workshop), login.relay)
        if rule == "4d":  # by then the provider's own signature was good
            assert_problem(answer, "identity.saml_request_unknown")
            continue
        if name == "huge":  # more than a body may hold: nobody looked at it
            assert_problem(answer, "request.too_large", 413)
            continue
        assert_problem(answer)
        assert ALICE.encode() not in answer.data, name
        answers.append((name, same(answer)))
    assert len(answers) > 60
    assert not [name for name, answer in answers if answer != answers[0][1]]
    login = world.start()  # control
    assert world.post(sealed(login.workshop), login.relay).status == 303
