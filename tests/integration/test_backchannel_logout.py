"""A provider ends a session, and what rests on it ends (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.core.logout import EVENT
from counterfoil.core.revocation import LOGOUTS
from deployment import Deployment, deployed, now
from exchange import claims_of
from main_path import assert_receipt, leaves
from refusals import assert_refused
from revoking import FRESH, logout_token, next_second, works
from service import sql_request
from simulators.http_door import Answer


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    more = "\n[identity]\nleeway_seconds = 0\n"
    with deployed(tmp_path_factory.mktemp("logout"), more=more) as started:
        yield started


def send(deployment: Deployment, token: str) -> Answer:
    answer = deployment.post_form("/logout/backchannel", {"logout_token": token})
    time.sleep(FRESH)
    return answer


def assert_taken(answer: Answer) -> None:
    assert (answer.status, answer.data) == (200, b"")
    assert answer.headers["Cache-Control"] == "no-store"


def in_session(deployment: Deployment, session: str, **claims: Any) -> dict[str, Any]:
    source = deployment.acme.person(sid=session, **claims)
    return {**deployment.opened(source=source), "source": source}


def test_a_session_that_ended_ends_its_runs_and_no_others(deployment: Deployment) -> None:
    first, second = in_session(deployment, "s1"), in_session(deployment, "s1")
    other = in_session(deployment, "s2")
    chained = deployment.given(first["access_token"], agent="reviewer")
    assert_taken(send(deployment, logout_token(deployment.acme, sid="s1")))
    for given in (first, second, chained):
        assert not works(deployment, given["access_token"])
    assert works(deployment, other["access_token"])
    # Neither the source nor a fresh token of the old session opens or continues anything.
    assert deployment.exchange(first["source"], agent="coder").status == 400
    assert deployment.call("GET", "/approvals", first["source"]).status == 401
    next_second()
    assert deployment.exchange(deployment.acme.person(), run=first["run"]).status == 400
    assert works(deployment, in_session(deployment, "s3")["access_token"])


def test_a_session_of_that_name_at_another_provider_goes_on(deployment: Deployment) -> None:
    source = deployment.globex.person(sid="shared")
    theirs = deployment.opened(deployment.globex, source=source)
    ours = in_session(deployment, "shared")
    assert_taken(send(deployment, logout_token(deployment.acme, sid="shared")))
    assert not works(deployment, ours["access_token"])
    assert works(deployment, theirs["access_token"])


def test_a_logout_without_a_session_ends_all_of_that_person(deployment: Deployment) -> None:
    sessions = [in_session(deployment, f"o{number}", sub="olga") for number in range(2)]
    bystander = in_session(deployment, "o2", sub="paul")
    namesake = deployment.opened(deployment.globex, source=deployment.globex.person("olga"))
    assert_taken(send(deployment, logout_token(deployment.acme, sub="olga")))
    assert not any(works(deployment, given["access_token"]) for given in sessions)
    assert works(deployment, bystander["access_token"])
    assert works(deployment, namesake["access_token"])
    next_second()
    assert works(deployment, in_session(deployment, "o3", sub="olga")["access_token"])


def test_a_session_and_a_person_end_that_session_alone(deployment: Deployment) -> None:
    ended, other = (in_session(deployment, f"q{number}", sub="quin") for number in range(2))
    assert_taken(send(deployment, logout_token(deployment.acme, sid="q0", sub="quin")))
    assert not works(deployment, ended["access_token"])
    assert works(deployment, other["access_token"])


def test_approvals_that_wait_in_an_ended_session_are_closed(deployment: Deployment) -> None:
    given = in_session(deployment, "r1")
    body = sql_request("DROP TABLE public.invoices", None)
    decision = deployment.call("POST", "/authorize", given["access_token"], body).json
    assert decision["effect"] == "needs_approval"
    assert_taken(send(deployment, logout_token(deployment.acme, sid="r1")))
    approver = deployment.acme.person("bob", ["database-admins"])
    shown = deployment.call("GET", f"/approvals/{decision['approval']['id']}", approver).json
    assert shown["status"] == "cancelled"


@pytest.mark.parametrize("typ", ["logout+jwt", "JWT", "application/logout+jwt"])
@pytest.mark.parametrize("aud", ["counterfoil-login", "counterfoil", ["x", "counterfoil-login"]])
def test_what_providers_send_is_taken(deployment: Deployment, typ: str, aud: Any) -> None:
    session = secrets.token_hex(4)
    given = in_session(deployment, session)
    assert_taken(send(deployment, logout_token(deployment.acme, typ=typ, aud=aud, sid=session)))
    assert not works(deployment, given["access_token"])


REFUSED: dict[str, dict[str, Any]] = {
    "for another service": {"aud": "billing"},
    "for nobody": {"aud": None},
    "expired": {"exp": now() - 1},
    "without an end": {"exp": None},
    "of the future": {"iat": now() + 3_600},
    "without a beginning": {"iat": None},
    "without events": {"events": None},
    "with events that are a list": {"events": [EVENT]},
    "with another event": {"events": {"https://schemas.example/other": {}}},
    "with an event that is no object": {"events": {EVENT: True}},
    "with a nonce": {"nonce": "n"},
    "without a jti": {"jti": None},
    "of nobody's session": {"sid": None},
    "of a session that is a number": {"sid": 7},
    "of an unknown provider": {"iss": "https://evil.example"},
    "typed as an access token": {"typ": "at+jwt"},
    "typed as a proof": {"typ": "dpop+jwt"},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_logout_of_a_provider_ends_nothing(deployment: Deployment, kind: str) -> None:
    session = secrets.token_hex(4)
    given = in_session(deployment, session)
    hostile = logout_token(deployment.acme, **{"sid": session, **REFUSED[kind]})
    assert_refused(send(deployment, hostile), "logout_refused")
    assert works(deployment, given["access_token"])
    assert_taken(send(deployment, logout_token(deployment.acme, sid=session)))  # control
    assert not works(deployment, given["access_token"])


def test_only_the_provider_itself_ends_its_sessions(deployment: Deployment) -> None:
    given = in_session(deployment, "t1")
    adapters = deployment.app.extensions["counterfoil"]
    for key in (
        deployment.globex.idp.signers[-1],
        deployment.acme.desk.signer,
        adapters.delegation_signer,
        adapters.signer,
    ):
        assert_refused(
            send(deployment, logout_token(deployment.acme, sid="t1", key=key)), "logout_refused"
        )
    for token in (given["access_token"], given["source"], "x", "a.b.c", ""):
        assert send(deployment, token).status == 400
    assert works(deployment, given["access_token"])


def test_a_logout_token_is_no_credential(deployment: Deployment) -> None:
    token = logout_token(deployment.acme, typ="JWT", aud="counterfoil", sub="alice", groups=["a"])
    assert deployment.call("GET", "/approvals", token).status == 401
    assert deployment.exchange(token, agent="coder").status == 400


def test_a_logout_token_is_recorded_once(deployment: Deployment) -> None:
    in_session(deployment, "u1")
    token = logout_token(deployment.acme, sid="u1")
    assert_taken(send(deployment, token))
    count = len(logouts(deployment))
    assert_refused(send(deployment, token), "logout_refused")
    # The same jti for another session is another token of a provider that repeats itself.
    jti = claims_of(token)["jti"]
    assert_refused(
        send(deployment, logout_token(deployment.acme, sid="u2", jti=jti)), "logout_refused"
    )
    assert len(logouts(deployment)) == count
    # Another provider's jti is its own.
    assert_taken(send(deployment, logout_token(deployment.globex, sid="u1", jti=jti)))


def test_of_many_at_once_one_is_recorded(deployment: Deployment) -> None:
    token, answers = logout_token(deployment.acme, sid="v1"), []
    count = len(logouts(deployment))

    def one() -> None:
        answers.append(send(deployment, token).status)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 400, 400, 400, 400, 400]
    assert len(logouts(deployment)) == count + 1


def logouts(deployment: Deployment) -> list[dict[str, Any]]:
    return [leaf for leaf in leaves(deployment.service) if leaf["decision_id"] == LOGOUTS]


def test_a_logout_is_recorded_and_names_nobody(deployment: Deployment) -> None:
    given = in_session(deployment, "a-session-of-nobody-else")
    assert_taken(send(deployment, logout_token(deployment.acme, sid="a-session-of-nobody-else")))
    session, run = logouts(deployment)[-2:]
    assert [leaf["plain"]["by"] for leaf in (session, run)] == ["session", "run"]
    assert session["plain"]["cause"] == "logout"
    assert "a-session-of-nobody-else" not in json.dumps([session, run])
    assert given["run"] not in json.dumps([session, run])
    ledger = deployment.app.extensions["counterfoil"].ledger
    ended = ledger.trail("acme", LOGOUTS)[-1]
    assert json.loads(ended.payload["revoked"]) == {"run": [given["run"]]}
    receipt = {
        name: getattr(ended.receipt, name)
        for name in ("origin", "event_id", "leaf_hash", "time", "key_id", "signature")
    }
    assert_receipt(deployment.service, receipt)


@pytest.mark.parametrize(
    "fields", [{}, {"logout_token": ""}, {"logout_token": "x", "state": "y"}, {"token": "x"}]
)
def test_a_form_that_is_no_logout_is_refused(
    deployment: Deployment, fields: dict[str, str]
) -> None:
    answer = deployment.post_form("/logout/backchannel", fields)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
