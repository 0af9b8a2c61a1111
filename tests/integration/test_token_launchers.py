"""Launchers prove who they are with a key of their own (RFC 7523), in a deployment without `--dev`."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from certificates import ClientCertificate
from counterfoil.core.token_request import JWT_ASSERTION, TokenType
from counterfoil.http.certificates import BY_PROXY
from counterfoil.identity.signing import Es256Signer
from deployment import URL, Deployment, deployed, now
from exchange import EXCHANGE, LauncherKey, claims_of
from main_path import assert_allowed
from simulators.http_door import Answer

SHOWN = ClientCertificate.make()
_BY_CERTIFICATE = """
[server]
proxy_socket = "proxy.sock"
[[identity.launcher]]
id = "acme-certified"
tenant = "acme"
certificate_file = "{folder}/certified.pem"
[[identity.agent]]
name = "certified"
tenant = "acme"
launchers = ["acme-certified"]
ceiling = ["orders-developer"]
"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("launchers")
    (folder / "certified.pem").write_bytes(SHOWN.pem)
    with deployed(folder, more=_BY_CERTIFICATE.format(folder=folder)) as started:
        yield started


def assert_no_client(answer: Answer) -> None:
    assert (answer.status, answer.json["error"]) == (401, "invalid_client"), answer.json
    assert "access_token" not in answer.json


def assert_control(deployment: Deployment) -> None:
    """The same launcher, person and agent, one honest request: a token that is worth an allow."""
    given = deployment.opened()
    assert_allowed_select(deployment.ask(given["access_token"]))


def assert_allowed_select(decision: dict[str, Any]) -> None:
    assert decision["effect"] == "allow", decision["reasons"]
    assert [item["actions"] for item in decision["permissions"]] == [["select"]]


def test_a_tenants_launcher_opens_a_run_and_the_service_trusts_its_own_token(
    deployment: Deployment,
) -> None:
    given = deployment.opened()
    claims = claims_of(given["access_token"])
    assert (claims["iss"], claims["sub_iss"]) == (URL, deployment.acme.issuer)
    assert (claims["tenant"], claims["client_id"]) == ("acme", "acme-desk")
    assert_allowed(deployment.ask(given["access_token"], "CREATE TABLE public.invoices (id int)"))


@pytest.mark.parametrize("audience", [URL, f"{URL}/token"])
def test_an_assertion_names_this_service_alone(deployment: Deployment, audience: str) -> None:
    assert deployment.opened(assertion={"aud": audience})
    assert deployment.opened(assertion={"aud": [audience]})


HOSTILE_ASSERTIONS: dict[str, dict[str, Any]] = {
    "for another server": {"aud": "https://evil.example/token"},
    "for this server and another": {"aud": [URL, "https://evil.example"]},
    "for nobody": {"aud": None},
    "for an empty list": {"aud": []},
    "for this server with a slash": {"aud": f"{URL}/"},
    "expired": {"exp": 1_700_000_000},
    "that lives for an hour": {"exp": now() + 3_600},
    "without an end": {"exp": None},
    "with an end that is text": {"exp": str(now() + 60)},
    "with an end that is true": {"exp": True},
    "of the future": {"nbf": now() + 3_000, "iat": now() + 3_000},
    "without a jti": {"jti": None},
    "with a short jti": {"jti": "1"},
    "with a jti that is a number": {"jti": 12_345_678},
    "of another subject": {"sub": "acme-other"},
    "without a subject": {"sub": None},
    "of another tenant's launcher": {"iss": "globex-desk", "sub": "globex-desk"},
    "of an unknown launcher": {"iss": "stranger", "sub": "stranger"},
    "of nobody": {"iss": None, "sub": None},
}


@pytest.mark.parametrize("kind", HOSTILE_ASSERTIONS)
def test_an_assertion_that_proves_no_launcher_gives_no_token(
    deployment: Deployment, kind: str
) -> None:
    assert_control(deployment)
    answer = deployment.exchange(
        deployment.acme.person(), agent="coder", assertion=HOSTILE_ASSERTIONS[kind]
    )
    assert_no_client(answer)


def test_an_assertion_is_used_once(deployment: Deployment) -> None:
    used = {"jti": "used-once-for-all", "exp": now() + 60}
    assert deployment.opened(assertion=used)
    assert_no_client(deployment.exchange(deployment.acme.person(), agent="coder", assertion=used))
    # It is spent even where nothing was given for it, and its jti is the launcher's own.
    burnt = {"jti": "used-for-nothing", "exp": now() + 60}
    assert deployment.exchange("no-token", agent="coder", assertion=burnt).status == 400
    assert_no_client(deployment.exchange(deployment.acme.person(), agent="coder", assertion=burnt))
    assert deployment.opened(deployment.globex, assertion=burnt)


def test_an_assertion_signed_by_another_key_proves_nothing(deployment: Deployment) -> None:
    thief = LauncherKey("acme-desk")
    assert_no_client(deployment.exchange(deployment.acme.person(), agent="coder", launcher=thief))
    # Nor does the provider's key, or that of another launcher of the same tenant.
    other = LauncherKey("acme-desk", deployment.acme.other.signer)
    assert_no_client(deployment.exchange(deployment.acme.person(), agent="coder", launcher=other))
    provider = LauncherKey("acme-desk", deployment.acme.idp.signers[-1])
    assert_no_client(
        deployment.exchange(deployment.acme.person(), agent="coder", launcher=provider)
    )
    assert_control(deployment)


def test_a_persons_or_an_agents_token_is_no_assertion(deployment: Deployment) -> None:
    given = deployment.opened()
    for token in (deployment.acme.person(), given["access_token"]):
        answer = deployment.exchange(
            deployment.acme.person(), agent="coder", client_assertion=token
        )
        assert_no_client(answer)


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"jwk": {}}, {"crit": []}])
def test_a_header_that_brings_its_own_rules_is_refused(
    deployment: Deployment, header: dict[str, Any]
) -> None:
    _, payload, signature = deployment.acme.desk.assertion(f"{URL}/token").split(".")
    whole = {"alg": "ES256", "typ": "JWT", "kid": deployment.acme.desk.signer.key_id, **header}
    first = base64.urlsafe_b64encode(json.dumps(whole).encode()).rstrip(b"=").decode()
    for assertion in (f"{first}.{payload}.{signature}", f"{first}.{payload}."):
        answer = deployment.exchange(
            deployment.acme.person(), agent="coder", client_assertion=assertion
        )
        assert_no_client(answer)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_assertion": None},
        {"client_assertion_type": None},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_secret": "x" * 40},
        {"client_assertion": None, "client_assertion_type": None},
        {
            "client_assertion": None,
            "client_assertion_type": None,
            "client_id": "acme-desk",
            "client_secret": "x" * 40,
        },
        {"client_id": "acme-other"},
        {"client_id": "globex-desk"},
    ],
)
def test_a_launcher_says_who_it_is_in_one_way(
    deployment: Deployment, changes: dict[str, Any]
) -> None:
    assert_no_client(deployment.exchange(deployment.acme.person(), **{"agent": "coder", **changes}))
    assert deployment.opened(client_id="acme-desk")


def by_certificate(deployment: Deployment, **changes: Any) -> Answer:
    """An exchange as the proxy passes it on, or as `changes` make of it."""
    fields = {
        "grant_type": EXCHANGE,
        "subject_token": deployment.acme.person(),
        "subject_token_type": TokenType.ACCESS_TOKEN.value,
        "agent": "certified",
        "client_id": changes.pop("client_id", "acme-certified"),
        **changes.pop("fields", {}),
    }
    sent = {BY_PROXY: True, "HTTP_CLIENT_CERT": SHOWN.header, **changes}
    return deployment.post_form("/token", fields, **sent)


def test_a_certificate_that_the_proxy_tells_of_opens_a_run(deployment: Deployment) -> None:
    given = by_certificate(deployment)
    assert given.status == 200, given.json
    claims = claims_of(given.json["access_token"])
    assert (claims["client_id"], claims["act"]["sub"]) == ("acme-certified", "certified")
    assert "cnf" not in claims  # the certificate is the launcher's, not the agent's
    assert by_certificate(deployment, HTTP_CLIENT_CERT=quote(SHOWN.pem.decode())).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {BY_PROXY: None},  # the header, sent by who calls the service's own port
        {BY_PROXY: None, "HTTP_COUNTERFOIL.BY_PROXY": "True"},
        {BY_PROXY: None, "REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_CLIENT_CERT": None},
        {"HTTP_CLIENT_CERT": None, "HTTP_X_SSL_CLIENT_CERT": SHOWN.header},
        {"HTTP_CLIENT_CERT": f"{SHOWN.header},{SHOWN.header}"},
        {"HTTP_CLIENT_CERT": ClientCertificate.make().header},
        {"HTTP_CLIENT_CERT": ClientCertificate.make(key=SHOWN.key).header},
        {"HTTP_AUTHORIZATION": "Basic YWNtZS1jZXJ0aWZpZWQ6"},
        {"client_id": "acme-desk", "fields": {"agent": "coder"}},  # one that has keys
        {"client_id": "stranger"},
        {"client_id": ""},
        {"fields": {"client_secret": "x" * 40}},
        {"fields": {"client_assertion": "a.b.c", "client_assertion_type": JWT_ASSERTION}},
    ],
)
def test_a_forged_or_foreign_certificate_proves_no_launcher(
    deployment: Deployment, changes: dict[str, Any]
) -> None:
    assert_no_client(by_certificate(deployment, **changes))
    assert by_certificate(deployment).status == 200


def test_a_launcher_by_certificate_is_held_to_its_own_agents(deployment: Deployment) -> None:
    refused = by_certificate(deployment, fields={"agent": "coder"})
    assert (refused.status, refused.json["error"]) == (400, "unauthorized_client")
    foreign = by_certificate(deployment, fields={"subject_token": deployment.globex.person()})
    assert (foreign.status, foreign.json["error"]) == (400, "invalid_request")


def test_a_certificate_beside_an_assertion_changes_nothing(deployment: Deployment) -> None:
    for header in (SHOWN.header, ClientCertificate.make().header):
        shown = {BY_PROXY: True, "HTTP_CLIENT_CERT": header}
        source = deployment.acme.person()
        assert deployment.exchange(source, agent="coder", headers=shown).status == 200
        thief = LauncherKey("acme-desk")
        assert_no_client(deployment.exchange(source, agent="coder", launcher=thief, headers=shown))


def test_a_header_says_nothing_about_a_launcher(deployment: Deployment) -> None:
    fields = {
        "grant_type": EXCHANGE,
        "subject_token": deployment.acme.person(),
        "subject_token_type": TokenType.ACCESS_TOKEN.value,
        "agent": "coder",
        "client_id": "acme-desk",
    }
    for environ in (
        {"HTTP_AUTHORIZATION": "Basic YWNtZS1kZXNrOng="},
        {"HTTP_X_SSL_CLIENT_VERIFY": "SUCCESS", "HTTP_X_SSL_CLIENT_S_DN": "CN=acme-desk"},
        {"HTTP_X_FORWARDED_CLIENT_CERT": "Subject=acme-desk", "SSL_CLIENT_VERIFY": "SUCCESS"},
    ):
        assert_no_client(deployment.post_form("/token", fields, **environ))
    credential = deployment.acme.desk.credential(f"{URL}/token")
    assert_no_client(
        deployment.post_form(
            "/token", {**fields, **credential}, HTTP_AUTHORIZATION="Basic YWNtZS1kZXNrOng="
        )
    )
    assert (
        deployment.post_form(
            "/token",
            {
                **fields,
                **credential | {"client_assertion": deployment.acme.desk.assertion(f"{URL}/token")},
            },
        ).status
        == 200
    )


def test_a_launcher_starts_its_own_tenants_agents_for_its_own_tenants_people(
    deployment: Deployment,
) -> None:
    assert_control(deployment)
    foreign = deployment.exchange(deployment.globex.person(), agent="coder")
    assert (foreign.status, foreign.json["error"]) == (400, "invalid_request")
    assert foreign.json["error_uri"].endswith("token.subject_token_refused")
    # The agent `robot` is another launcher's, in the same tenant.
    robot = deployment.exchange(deployment.acme.person(), agent="robot")
    assert (robot.status, robot.json["error"]) == (400, "unauthorized_client")
    assert (
        deployment.exchange(
            deployment.acme.person(), agent="robot", launcher=deployment.acme.other
        ).status
        == 200
    )


def test_the_launchers_keys_can_be_exchanged_without_a_restart(deployment: Deployment) -> None:
    tenant = deployment.globex
    fresh = LauncherKey(tenant.other.id)
    fresh.publish(tenant.folder / "fresh.json").replace(tenant.folder / "other.json")
    time.sleep(2.1)  # the file is looked at every two seconds
    assert deployment.exchange(tenant.person(), agent="robot", launcher=fresh).status == 200
    old = deployment.exchange(tenant.person(), agent="robot", launcher=tenant.other)
    assert_no_client(old)


def test_an_id_token_opens_a_run_and_is_no_credential_itself(deployment: Deployment) -> None:
    id_token = deployment.acme.person(aud="counterfoil-login")
    given = deployment.opened(source=id_token, subject_token_type=TokenType.ID_TOKEN.value)
    assert_allowed_select(deployment.ask(given["access_token"]))
    assert deployment.call("GET", "/approvals", id_token).status == 401


def test_what_was_typed_for_another_purpose_is_no_assertion(deployment: Deployment) -> None:
    for typ, taken in (
        ("JWT", True),
        ("client-authentication+jwt", True),
        ("at+jwt", False),
        ("dpop+jwt", False),
        ("logout+jwt", False),
        ("scoped-token-request+jwt", False),
    ):
        typed = LauncherKey("acme-desk", _retyped(deployment.acme.desk, typ))
        answer = deployment.exchange(deployment.acme.person(), agent="coder", launcher=typed)
        assert (answer.status == 200) is taken, typ
        if not taken:
            assert_no_client(answer)
    assert JWT_ASSERTION in deployment.acme.desk.credential(URL).values()


def _retyped(launcher: LauncherKey, typ: str) -> Es256Signer:
    signer = object.__new__(Es256Signer)
    signer.__dict__.update(launcher.signer.__dict__)
    header = {"alg": "ES256", "kid": signer.key_id, "typ": typ}
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    signer._prefix = f"{encoded}."
    return signer
