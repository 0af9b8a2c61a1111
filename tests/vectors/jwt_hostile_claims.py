"""The attacks on claims (rules 7, 8, 9, 11 and what is read of a person): all well signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vectors import jwt_forge as f
from vectors.jwt_issuers import (
    AGENTS,
    CLIENTS,
    HEADER,
    IDP,
    MAPPED,
    MISSING,
    NOW,
    SIGN,
    STRICT,
    claims,
    honest,
)

Case = tuple[str, str, str, str]


def cases() -> Iterator[Case]:
    yield from rule_7()
    yield from rule_8()
    yield from rule_9()
    yield from rule_11()
    yield from people()
    yield from mapped()
    yield from agents()


def rule_7() -> Iterator[Case]:
    issuers: dict[str, Any] = {
        "slash": IDP + "/",
        "upper-host": "https://IDP.example.com",
        "upper-scheme": "HTTPS://idp.example.com",
        "http": "http://idp.example.com",
        "port": IDP + ":443",
        "prefix": IDP[:-1],
        "longer": IDP + ".evil.example",
        "userinfo": "https://idp.example.com@evil.example",
        "fragment": IDP + "#",
        "escaped": "https://idp%2Eexample.com",
        "space": IDP + " ",
        "newline": IDP + "\n",
        "full-width": "https://idp\uff0eexample\uff0ecom",
        "empty": "",
        "missing": MISSING,
        "null": None,
        "number": 1,
        "list": [IDP],
        "object": {IDP: True},
        "unknown": "https://evil.example",
        "development": "urn:counterfoil:development",
    }
    for name, value in issuers.items():
        yield "7", "es256", f"7-{name}", f.token(HEADER, claims(iss=value), SIGN[IDP])
    # One configured issuer speaks for another; both call their key `ec`.
    yield "7", "strict", "7-key-of-other-issuer", f.token(HEADER, claims(iss=STRICT), SIGN[IDP])
    yield "7", "agent", "7-agents-by-idp", f.token(HEADER, claims(iss=AGENTS), SIGN[IDP])


def rule_8() -> Iterator[Case]:
    audiences: dict[str, Any] = {
        "missing": MISSING,
        "null": None,
        "number": 1,
        "true": True,
        "empty": "",
        "other": "other",
        "upper": "Counterfoil",
        "slash": "counterfoil/",
        "space": "counterfoil ",
        "prefix": "counter",
        "longer": "counterfoil2",
        "two-in-one": "other counterfoil",
        "empty-list": [],
        "other-list": ["other"],
        "mixed-list": ["counterfoil", 1],
        "nested-list": [["counterfoil"]],
        "object": {"counterfoil": True},
        "wildcard": "*",
        "65": ["counterfoil", *(f"a{i}" for i in range(64))],
    }
    for name, value in audiences.items():
        yield "8", "es256", f"8-aud-{name}", honest(aud=value)
    clients: dict[str, dict[str, Any]] = {
        "missing": {"client_id": MISSING},
        "other": {"client_id": "other"},
        "azp-other": {"client_id": MISSING, "azp": "other"},
        "azp-differs": {"azp": "other"},
        "azp-hides": {"client_id": "other", "azp": "launcher"},
        "list": {"client_id": ["launcher"]},
        "null": {"client_id": None},
        "upper": {"client_id": "LAUNCHER"},
    }
    for name, more in clients.items():
        yield "8", "client", f"8-client-{name}", honest(CLIENTS, **more)


def rule_9() -> Iterator[Case]:
    times: dict[str, dict[str, Any]] = {
        "exp-missing": {"exp": MISSING},
        "exp-null": {"exp": None},
        "exp-string": {"exp": str(NOW + 600)},
        "exp-true": {"exp": True},
        "exp-list": {"exp": [NOW + 600]},
        "exp-object": {"exp": {"$numberLong": NOW}},
        "exp-now": {"exp": NOW},
        "exp-past": {"exp": NOW - 1},
        "exp-within-leeway": {"exp": NOW - 30},
        "exp-zero": {"exp": 0},
        "exp-negative": {"exp": -1},
        "exp-milliseconds": {"exp": (NOW + 600) * 1000},
        "exp-1e300": {"exp": 1e300},
        "exp-date": {"exp": "2030-01-01T00:00:00Z"},
        "nbf-future": {"nbf": NOW + 61},
        "nbf-far": {"nbf": NOW + 500},
        "nbf-null": {"nbf": None},
        "nbf-string": {"nbf": "0"},
        "nbf-false": {"nbf": False},
        "iat-future": {"iat": NOW + 61},
        "iat-string": {"iat": str(NOW)},
        "iat-true": {"iat": True},
        "iat-negative": {"iat": -1},
        "iat-list": {"iat": []},
    }
    for name, more in times.items():
        yield "9", "es256", f"9-{name}", honest(**more)
    yield "9", "client", "9-too-old", honest(CLIENTS, iat=NOW - 661)
    yield "9", "client", "9-age-unknown", honest(CLIENTS, iat=MISSING)
    subjects: dict[str, Any] = {
        "missing": MISSING,
        "null": None,
        "empty": "",
        "number": 1,
        "list": ["alice"],
        "object": {},
        "257": "s" * 257,
        "newline": "alice\nroot",
        "nul": "alice\0",
        "line-separator": "alice\u2028",
        "c1": "alice\u0085",
    }
    for name, value in subjects.items():
        yield "9", "es256", f"9-sub-{name}", honest(sub=value)


def rule_11() -> Iterator[Case]:
    bindings: dict[str, Any] = {
        "jkt": {"jkt": "A" * 43},
        "x5t": {"x5t#S256": "A" * 43},
        "both": {"jkt": "A" * 43, "x5t#S256": "A" * 43},
        "jwk": {"jwk": f.jwk("ec", f.ec_key("evil"))},
        "null": None,
        "empty": {},
        "list": ["A" * 43],
        "text": "A" * 43,
        "jkt-null": {"jkt": None},
        "jkt-list": {"jkt": ["A" * 43]},
        "jkt-short": {"jkt": "A" * 42},
        "jkt-padded": {"jkt": "A" * 43 + "="},
        "jkt-non-canonical": {"jkt": "A" * 42 + "B"},
    }
    for name, value in bindings.items():
        yield "11", "es256", f"11-cnf-{name}", honest(cnf=value)
    logout: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    yield "3", "es256", "3-logout-token", honest(events=logout)


def people() -> Iterator[Case]:
    groups: dict[str, Any] = {
        "number": 1,
        "true": True,
        "object": {"developers": True},
        "mixed": ["developers", 1],
        "nested": [["developers"]],
        "null-inside": ["developers", None],
        "empty-name": [""],
        "empty-string": "",
        "201": [f"g{i}" for i in range(201)],
        "long-name": ["g" * 257],
        "control": ["developers\n"],
    }
    for name, value in groups.items():
        yield "14", "es256", f"groups-{name}", honest(groups=value)
    overages: dict[str, dict[str, Any]] = {
        "claim-names": {"_claim_names": {"groups": "src1"}, "groups": MISSING},
        "claim-names-beside-groups": {"_claim_names": {"groups": "src1"}},
        "claim-names-text": {"_claim_names": "groups"},
        "claim-names-null": {"_claim_names": None},
        "claim-names-list": {"_claim_names": ["groups"]},
        "hasgroups": {"hasgroups": True, "groups": MISSING},
        "hasgroups-text": {"hasgroups": "true", "groups": MISSING},
        "hasgroups-null": {"hasgroups": None, "groups": MISSING},
    }
    for name, more in overages.items():
        yield "14", "es256", f"groups-overage-{name}", honest(**more)
    for name, value in (("null", None), ("number", 1), ("empty", ""), ("long", "j" * 257)):
        yield "9", "es256", f"jti-{name}", honest(jti=value)


def mapped() -> Iterator[Case]:
    """An entry that maps the person, the groups and the tenant from other claims."""
    subjects = {"missing": MISSING, "null": None, "number": 1, "empty": "", "list": ["o-alice"]}
    for name, value in subjects.items():
        yield "9", "mapped", f"subject-claim-{name}", honest(MAPPED, oid=value)
    yield "9", "mapped", "subject-claim-alone", honest(MAPPED, sub=MISSING)
    groups: dict[str, Any] = {
        "number": 1,
        "object": {"developers": True},
        "deeper": [["developers"]],
        "empty-between": "developers,,auditors",
        "empty-after": "developers,",
        "201-in-text": ",".join(f"g{i}" for i in range(201)),
    }
    for name, value in groups.items():
        token = honest(MAPPED, realm_access={"roles": value})
        yield "14", "mapped", f"groups-path-{name}", token
    elsewhere = {"_claim_names": {"realm_access": "src1"}}
    yield "14", "mapped", "groups-path-overage", honest(MAPPED, **elsewhere)
    tenants: dict[str, Any] = {
        "missing": MISSING,
        "not-nested": "o-1",
        "null": {"id": None},
        "number": {"id": 1},
        "list": {"id": ["o-1"]},
        "unlisted": {"id": "o-3"},
        "by-our-name": {"id": "default"},
        "upper": {"id": "O-1"},
        "space": {"id": "o-1 "},
        "empty": {"id": ""},
        "flat-name": {"org.id": "o-1"},
    }
    for name, value in tenants.items():
        yield "15", "mapped", f"tenant-{name}", honest(MAPPED, org=value)
    yield "15", "mapped", "tenant-flat", honest(MAPPED, org=MISSING, **{"org.id": "o-1"})


def agents() -> Iterator[Case]:
    # An issuer that may not assert an actor must not turn an agent's token into a person's.
    for name, value in (("object", {"sub": "coder"}), ("null", None), ("empty", {})):
        yield "16", "es256", f"act-not-allowed-{name}", honest(act=value)
    acts: dict[str, Any] = {
        "null": None,
        "string": "coder",
        "list": [{"sub": "coder"}],
        "empty": {},
        "no-sub": {"iss": AGENTS},
        "sub-number": {"sub": 1},
        "sub-empty": {"sub": ""},
        "sub-control": {"sub": "coder\n"},
        "iss-foreign": {"iss": IDP, "sub": "coder"},
        "iss-null": {"iss": None, "sub": "coder"},
        "iss-slash": {"iss": AGENTS + "/", "sub": "coder"},
        "inner-string": {"sub": "coder", "act": "x"},
        "inner-null": {"sub": "coder", "act": None},
        "deep": {
            "sub": "c",
            "act": {"sub": "c", "act": {"sub": "c", "act": {"sub": "c", "act": {}}}},
        },
    }
    for name, value in acts.items():
        yield "16", "agent", f"act-{name}", honest(AGENTS, act=value)
    runs: dict[str, Any] = {"null": None, "number": 1, "empty": "", "space": "a b"}
    runs["long"] = "r" * 129
    for name, value in runs.items():
        yield "16", "agent", f"run-{name}", honest(AGENTS, run=value)
    digests: dict[str, Any] = {
        "null": None,
        "short": "A" * 42,
        "long": "A" * 44,
        "padded": "A" * 43 + "=",
        "non-canonical": "A" * 42 + "B",
        "hex": "a" * 64,
        "plus": "+" * 43,
    }
    for name, value in digests.items():
        yield "16", "agent", f"prompt-digest-{name}", honest(AGENTS, prompt_digest=value)
