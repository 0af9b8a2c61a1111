"""A person logs in by SAML, and their launcher gets a delegation token: through the application."""

from __future__ import annotations

import logging
from base64 import encodebytes
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from lxml import etree

from counterfoil.app import create_app
from counterfoil.config import load_config
from deployment import URL
from exchange import claims_of
from main_path import leaves
from saml_cases.workshop import ALICE
from saml_world import World, assert_problem, returned, saml_world
from service import Service
from simulators.http_door import honest, send
from simulators.in_process import application_over
from simulators.saml_idp import IDP, SP


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with saml_world(tmp_path_factory.mktemp("saml")) as made:
        yield made


def test_a_login_by_saml_ends_in_a_delegation_token_for_that_person(world: World) -> None:
    login = world.start()
    answer = world.post(login.workshop.honest(session_end=600), login.relay)
    assert answer.status == 303
    assert answer.headers["Cache-Control"] == "no-store"
    back = returned(answer)
    assert (back["state"], back["iss"]) == (login.state, URL)
    given = world.exchange(back["code"], login.verifier)
    assert given.status == 200, given.json
    claims = claims_of(given.json["access_token"])
    assert (claims["sub_iss"], claims["sub"], claims["tenant"]) == (IDP, ALICE, "acme")
    assert claims["groups"] == ["developers", "on call"]
    assert claims["act"]["sub"] == "coder"
    assert claims["exp"] <= login.workshop.now + 600
    decision = world.deployment.ask(given.json["access_token"])
    assert decision["effect"] == "allow"
    kinds = [leaf["event"] for leaf in leaves(world.deployment.service, claims["run"])]
    assert kinds[0] == "run_opened"


def test_a_source_ends_with_the_session_of_the_provider(world: World) -> None:
    login = world.start()
    code = world.code(login, login.workshop.honest(session_end=120))
    claims = claims_of(world.exchange(code, login.verifier).json["access_token"])
    assert claims["exp"] <= login.workshop.now + 120
    login = world.start()  # control: without an end, the configured one bounds it
    claims = claims_of(world.exchange(world.code(login), login.verifier).json["access_token"])
    assert claims["exp"] > login.workshop.now + 600


def test_the_same_answer_is_taken_once(world: World) -> None:
    login = world.start()
    document = login.workshop.honest()
    assert world.post(document, login.relay).status == 303
    assert_problem(world.post(document, login.relay), "identity.saml_request_unknown")


def test_one_request_gets_one_answer(world: World) -> None:
    login = world.start()
    assert world.post(login.workshop.honest(), login.relay).status == 303
    other = login.workshop.honest()  # another assertion, as honest as the first
    assert_problem(world.post(other, login.relay), "identity.saml_request_unknown")


def test_an_assertion_id_is_spent_across_requests(world: World) -> None:
    one, two = world.start(), world.start()
    assert world.post(one.workshop.honest(assertion_id="_same"), one.relay).status == 303
    again = two.workshop.honest(assertion_id="_same")
    assert_problem(world.post(again, two.relay), "identity.saml_request_unknown")
    three = world.start()  # control
    assert world.post(three.workshop.honest(), three.relay).status == 303


def test_a_spent_answer_stays_spent_in_another_worker_and_after_the_writer_was_killed(
    world: World,
) -> None:
    login, fresh = world.start(), world.start()
    document = login.workshop.honest()
    assert world.post(document, login.relay).status == 303
    service = world.deployment.service
    config = load_config(world.deployment.folder / "counterfoil.toml", service.environment)
    other = create_app(config)
    first, world.deployment.app = world.deployment.app, other
    try:
        assert_problem(world.post(document, login.relay), "identity.saml_request_unknown")
        # control: the second worker takes what the first one started
        assert world.post(fresh.workshop.honest(), fresh.relay).status == 303
    finally:
        world.deployment.app = first
        adapters = other.extensions["counterfoil"]
        for part in (adapters.reader, adapters.policy, adapters.ledger, adapters.xml_reader):
            part.close()


def test_an_answer_with_the_relay_state_of_another_login_is_refused(world: World) -> None:
    mine, evil = world.start(), world.start()
    assert_problem(world.post(mine.workshop.honest(), evil.relay), "identity.saml_request_unknown")
    assert world.post(mine.workshop.honest(), mine.relay).status == 303  # control


@pytest.mark.parametrize("relay", ["", "x", "https://evil.example/", "A" * 80, "A" * 2_000])
def test_a_login_that_starts_at_the_provider_is_refused(world: World, relay: str) -> None:
    login = world.start()
    unsolicited = login.workshop.honest(request_id="_nobody")
    assert_problem(world.post(unsolicited, relay), "identity.saml_request_unknown")
    assert world.post(login.workshop.honest(), login.relay).status == 303  # control


def test_a_relay_state_that_was_edited_is_no_login(world: World) -> None:
    login = world.start()
    for place in range(0, len(login.relay), 7):
        letter = "B" if login.relay[place] != "B" else "C"
        edited = login.relay[:place] + letter + login.relay[place + 1 :]
        assert_problem(world.post(login.workshop.honest(), edited), "identity.saml_request_unknown")
    assert world.post(login.workshop.honest(), login.relay).status == 303  # control


def test_a_code_is_worth_nothing_without_its_verifier_and_once_with_it(world: World) -> None:
    login = world.start()
    code = world.code(login)
    other = world.exchange(code, "w" * 43)
    assert (other.status, other.json["error"]) == (400, "invalid_request")
    assert world.exchange(code, login.verifier).status == 200
    again = world.exchange(code, login.verifier)
    assert (again.status, again.json["error"]) == (400, "invalid_request")


def test_a_code_of_one_tenant_is_worth_nothing_to_anothers_launcher(world: World) -> None:
    login = world.start()
    foreign = world.exchange(
        world.code(login), login.verifier, launcher=world.deployment.globex.desk
    )
    assert (foreign.status, foreign.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code_challenge", None),
        ("code_challenge", "short"),
        ("code_challenge", "A" * 44),
        ("code_challenge", "/" * 43),
        ("code_challenge_method", None),
        ("code_challenge_method", "plain"),
        ("code_challenge_method", "s256"),
        ("redirect_uri", None),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "http://evil.example:1/"),
        ("redirect_uri", "http://127.0.0.1/"),
        ("redirect_uri", "http://127.0.0.1:0/"),
        ("redirect_uri", "http://127.0.0.1:70000/"),
        ("redirect_uri", "http://127.0.0.1.evil.example:1/"),
        ("redirect_uri", "http://127.0.0.1:1@evil.example/"),
        ("redirect_uri", "http://user@127.0.0.1:1/"),
        ("redirect_uri", "http://localhost:1/"),
        ("redirect_uri", "http://127.1:1/"),
        ("redirect_uri", "http://127.0.0.1:1/?x=1"),
        ("redirect_uri", "http://127.0.0.1:1/#x"),
        ("redirect_uri", "http://127.0.0.1:1/\r\nSet-Cookie: x=y"),
        ("redirect_uri", "http://127.0.0.1:1//evil.example%00"),
        ("redirect_uri", "http://127.0.0.1:1/" + "a" * 129),
        ("redirect_uri", "javascript:alert(1)"),
        ("state", None),
        ("state", "with space"),
        ("state", "x" * 513),
        ("state", "x\r\ny"),
    ],
)
def test_a_login_that_binds_less_than_it_must_does_not_start(
    world: World, name: str, value: str | None
) -> None:
    answer = world.get("/saml/login", **world.login_query(**{name: value}))
    assert_problem(answer, "request.schema", 422)
    assert answer.problem()["errors"][0]["pointer"] == f"#/{name}"
    assert world.get("/saml/login", **world.login_query()).status == 302  # control


@pytest.mark.parametrize(
    "redirect_uri",
    ["http://127.0.0.1:1", "http://127.0.0.1:65535/cb", "http://[::1]:8080/a/b_c.d~e-f"],
)
def test_any_loopback_address_of_the_launcher_gets_its_code(
    world: World, redirect_uri: str
) -> None:
    login = world.start(redirect_uri=redirect_uri, state="x" * 512)
    answer = world.post(login.workshop.honest(), login.relay)
    assert answer.status == 303
    assert answer.headers["Location"].startswith(f"{redirect_uri}?code=")


def test_the_relay_state_of_our_own_launcher_keeps_to_eighty_bytes(world: World) -> None:
    assert len(world.start().relay) <= 80  # Bindings §3.4.3


def test_a_parameter_twice_is_refused(world: World) -> None:
    query = "&".join(f"{k}={v}" for k, v in world.login_query().items())
    answer = world.deployment.call("GET", f"/saml/login?{query}&state=other", None)
    assert_problem(answer, "request.schema", 422)


def test_an_unknown_provider_is_not_found(world: World) -> None:
    answer = world.get("/saml/login", **world.login_query(provider="https://other.example"))
    assert answer.status == 404
    named = world.get("/saml/login", **world.login_query(provider=IDP))
    assert named.status == 302


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/x-www-form-urlencoded", 401),
        (b"SAMLResponse=%ff", "application/x-www-form-urlencoded", 400),
        (b"SAMLResponse=a&SAMLResponse=b", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=b" % i for i in range(40)), "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
        (b"SAMLResponse=a", "multipart/form-data", 415),
    ],
)
def test_what_is_no_form_is_refused(
    world: World, body: bytes, content_type: str, status: int
) -> None:
    answer = world.deployment.call("POST", "/saml/acs", None, body, CONTENT_TYPE=content_type)
    assert answer.status == status, answer.data


def test_a_refusal_says_which_rule_in_the_log_and_nothing_of_the_document_anywhere(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    login = world.start()
    world.deployment.app._frame.refusals._lines = 0  # what earlier tests wrote is not our bound
    secret = "mallory-was-here@example.test"
    document = login.workshop.honest(name_id=secret, audience="https://evil.example")
    with caplog.at_level(logging.INFO):
        answer = world.post(document, login.relay)
    assert_problem(answer)
    said = [record.getMessage() for record in caplog.records]
    assert any("rule 4f" in line for line in said), said
    for text in (secret, "evil.example", login.workshop.request_id, login.relay):
        assert text not in answer.data.decode()
        assert not [line for line in said if text in line]


def test_an_encrypted_assertion_is_refused_with_its_own_code(world: World) -> None:
    login = world.start()
    document = login.workshop.honest(
        name_id_xml='<a:EncryptedID><x xmlns="urn:x"/></a:EncryptedID>'
    )
    assert_problem(world.post(document, login.relay), "identity.saml_encrypted")


def test_other_fields_of_a_form_are_let_be(world: World) -> None:
    login = world.start()
    assert world.post(login.workshop.honest(), login.relay, SigAlg="x").status == 303


def test_base64_in_lines_is_read(world: World) -> None:
    login = world.start()
    text = encodebytes(login.workshop.honest().encode()).decode().replace("\n", "\r\n")
    fields = {"SAMLResponse": text, "RelayState": login.relay}
    assert world.deployment.post_form("/saml/acs", fields).status == 303


@pytest.mark.parametrize("text", ["", "%", "AAA", "====", "<a/>", "PHhtbC8+!"])
def test_what_is_no_base64_is_refused(world: World, text: str) -> None:
    login = world.start()
    fields = {"SAMLResponse": text, "RelayState": login.relay}
    assert_problem(world.deployment.post_form("/saml/acs", fields))


def test_our_metadata_is_what_a_provider_needs(world: World) -> None:
    answer = world.get("/saml/metadata")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/samlmetadata+xml"
    root = etree.fromstring(answer.data)
    assert root.get("entityID") == SP
    service = next(root.iter("{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService"))
    assert service.get("Location") == f"{URL}/saml/acs"
    assert service.get("Binding") == "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


def test_without_saml_the_paths_know_nobody(service: Service, world: World) -> None:
    with application_over(service) as app:
        for path in ("/saml/login", "/saml/metadata"):
            environ = {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": path,
                "QUERY_STRING": urlencode(world.login_query()),
                "HTTP_HOST": f"127.0.0.1:{service.port}",
            }
            assert send(app, honest(b"", **environ)).status == 404
