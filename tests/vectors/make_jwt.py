"""Writes jwt.json: hostile tokens, each with the rule it breaks and its honest control.

All signatures are good wherever the attack allows it, so a token is refused by its rule
and not by accident. Run: (cd tests; python -m vectors.make_jwt)
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from vectors import jwt_forge as f
from vectors import jwt_hostile
from vectors.jwt_issuers import (
    AGENTS,
    CLIENTS,
    ED1,
    HEADER,
    IDP,
    ISSUERS,
    MAPPED,
    MISSING,
    NOW,
    RSA1,
    SIGN,
    STRICT,
    big,
    claims,
    headed,
    honest,
    nested,
)


def controls() -> Iterator[tuple[str, str]]:
    """Tokens that must pass, the ones at each boundary included."""
    yield "es256", honest()
    yield "rs256", f.token({**HEADER, "alg": "RS256", "kid": "rsa"}, claims(), f.rs(RSA1))
    yield (
        "rs256-declared",
        f.token({**HEADER, "alg": "RS256", "kid": "rsa-rs"}, claims(), f.rs(RSA1)),
    )
    yield "ps256", f.token({**HEADER, "alg": "PS256", "kid": "rsa"}, claims(), f.ps(RSA1))
    yield "eddsa", f.token({**HEADER, "alg": "EdDSA", "kid": "ed"}, claims(), ED1.sign)
    yield "strict", honest(STRICT)
    yield "agent", honest(AGENTS)
    yield "client", honest(CLIENTS)
    yield "client-azp", honest(CLIENTS, client_id=MISSING, azp="console")
    yield "typ-jwt", headed(typ="JWT")
    yield "typ-application", headed(typ="application/AT+JWT")
    yield "x5t-ignored", headed(**{"x5t": "AA", "x5t#S256": "AA"})
    yield "aud-list", honest(aud=["other", "counterfoil"])
    yield "exp-float", honest(exp=NOW + 0.5)
    yield "nbf-at-leeway", honest(nbf=NOW + 60, iat=NOW + 60)
    yield "no-iat-nbf-groups", honest(iat=MISSING, nbf=MISSING, groups=MISSING)
    yield "one-group", honest(groups="developers")
    yield "200-groups", honest(groups=[f"g{i}" for i in range(200)])
    yield (
        "unknown-claims",
        honest(run=7, prompt_digest=7, acr="1", resource_access={"a": {"roles": ["x"]}}),
    )
    yield "depth-16", f.token(HEADER, claims(deep=nested(15)), SIGN[IDP])
    yield (
        "nested-act",
        honest(AGENTS, act={"sub": "coder", "act": {"sub": "a", "act": {"sub": "b"}}}),
    )
    yield "age-at-limit", honest(CLIENTS, iat=NOW - 660)
    yield "sub-256", honest(sub="s" * 256)
    yield "big", big(extra=0)
    yield "mapped", honest(MAPPED)
    yield "mapped-other-tenant", honest(MAPPED, org={"id": "o-2"})
    yield "mapped-text", honest(MAPPED, realm_access={"roles": "developers, auditors"})
    yield "mapped-nothing", honest(MAPPED, realm_access=MISSING)
    yield "mapped-overage-of-others", honest(MAPPED, _claim_names={"groups": "src1"})
    yield "hasgroups-false", honest(hasgroups=False)
    yield "claim-names-of-others", honest(_claim_names={"photo": "src1"})


def main() -> None:
    made = dict(controls())
    cases = [
        {"name": name, "rule": rule, "control": control, "token": text}
        for rule, control, name, text in jwt_hostile.cases()
    ]
    names = [case["name"] for case in cases]
    assert len(set(names)) == len(names), "names are unique"
    assert all(case["control"] in made for case in cases)
    assert not {case["token"] for case in cases} & set(made.values())
    document = {"now": NOW, "issuers": ISSUERS, "controls": made, "cases": cases}
    target = f.HERE / "jwt.json"
    target.write_text(json.dumps(document, indent=1) + "\n")
    print(f"{target}: {len(made)} controls, {len(cases)} hostile tokens")  # noqa: T201 -- a script


if __name__ == "__main__":
    main()
