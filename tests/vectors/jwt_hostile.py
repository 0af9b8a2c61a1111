"""The attacks: `(rule, control, name, token)`, by the numbered rules of identity/oidc.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vectors import jwt_forge as f
from vectors import jwt_hostile_claims, jwt_hostile_signatures
from vectors.jwt_issuers import (
    EC1,
    EC2,
    EC384,
    ECALG,
    ECENC,
    ECOPS,
    ED1,
    EVIL,
    HEADER,
    IDP,
    MISSING,
    NOKID,
    RSA1,
    SIGN,
    STRICT,
    WEAK,
    big,
    claims,
    headed,
    honest,
    nested,
    public_forms,
)

Case = tuple[str, str, str, str]


def cases() -> Iterator[Case]:
    yield from rule_1()
    yield from rule_2()
    yield from rule_3()
    yield from rule_4()
    yield from rule_5()
    yield from rule_6()
    yield from jwt_hostile_signatures.cases()
    yield from jwt_hostile_claims.cases()


def rule_1() -> Iterator[Case]:
    good = honest()
    header, payload, signature = good.split(".")
    forms = {
        "empty-segments": "..",
        "two-segments": f"{header}.{payload}",
        "four-segments": good + ".AAAA",
        "five-segments-jwe": good + ".AAAA.AAAA",
        "leading-dot": "." + good,
        "trailing-dot": good + ".",
        "padded-header": f"{header}=.{payload}.{signature}",
        "padded-signature": good + "==",
        "padded-payload": f"{header}.{payload}=.{signature}",
        "leading-space": " " + good,
        "trailing-space": good + " ",
        "trailing-newline": good + "\n",
        "inner-newline": f"{header}.\n{payload}.{signature}",
        "inner-tab": f"{header}.{payload}\t.{signature}",
        "nul": good + "\0",
        "non-ascii": good + "é",
        "full-width-dot": good.replace(".", "\uff0e"),
        "escaped-dots": good.replace(".", "%2E"),
        "bearer-twice": "Bearer " + good,
        "plus-for-minus": f"{header}.{payload}.+{signature[1:]}",
        "slash-for-underscore": f"{header}.{payload}./{signature[1:]}",
        "odd-length": f"{header}.{payload}.{signature}AAA",
        "json-serialisation": f'{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}',
        "comma-joined": f"{good},{good}",
    }
    for name, text in forms.items():
        yield "1", "es256", f"1-{name}", text
    yield "1", "big", "1-too-big", big(extra=8)
    yield "1", "es256", "1-non-canonical-signature", good[:-1] + chr(ord(good[-1]) + 1)
    # The last character of a segment has unused bits: signed as spelled, so only the
    # spelling is wrong.
    for name, at in (("header", 0), ("payload", 1)):
        segments = [f.b64(f.dumps(HEADER) + b" " * pad_of(HEADER)), payload]
        segments[1] = f.b64(f.dumps(claims()) + b" " * pad_of(claims()))
        last = segments[at][-1]
        segments[at] = segments[at][:-1] + chr(ord(last) + 1)
        signed = ".".join(segments)
        made = f"{signed}.{f.b64(SIGN[IDP](signed.encode()))}"
        yield "1", "es256", f"1-non-canonical-{name}", made


def pad_of(value: Any) -> int:
    """Spaces (JSON allows them) that leave unused bits in the last character."""
    return (1 - len(f.dumps(value))) % 3


def rule_2() -> Iterator[Case]:
    evil = f.jwk("ec", EVIL)
    yield "2", "es256", "2-own-jwk", f.token({**HEADER, "jwk": evil}, claims(), f.es(EVIL))
    members: dict[str, Any] = {
        "jwk": f.jwk("ec", EC1),
        "jwk-null": None,
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/cert",
        "x5c": ["MIIB"],
        "crit": ["exp"],
        "crit-empty": [],
        "crit-b64": ["b64"],
        "b64": False,
        "b64-true": True,
        "cty": "JWT",
        "zip": "DEF",
        "enc": "A128GCM",
        "epk": f.jwk("ec", EVIL),
        "p2c": 2_147_483_647,
        "nonce": "n",
        "iss": IDP,
        "KID": "ec",
        "unknown": 1,
    }
    for name, value in members.items():
        yield "2", "es256", f"2-{name}", headed(**{name.split("-")[0]: value})


def rule_3() -> Iterator[Case]:
    types: dict[str, Any] = {
        "missing": MISSING,
        "null": None,
        "number": 1,
        "empty": "",
        "list": ["at+jwt"],
        "jose": "JOSE",
        "jose-json": "JOSE+JSON",
        "own-grant": "scoped-token-request+jwt",
        "logout": "logout+jwt",
        "application-logout": "application/logout+jwt",
        "dpop": "dpop+jwt",
        "security-event": "secevent+jwt",
        "id-jag": "oauth-id-jag+jwt",
        "transaction": "txntoken+jwt",
        "introspection": "token-introspection+jwt",
        "entity": "entity-statement+jwt",
        "request-object": "oauth-authz-req+jwt",
        "client-assertion": "client-authentication+jwt",
        "verifiable": "vc+sd-jwt",
        "space": "at+jwt ",
        "application-twice": "application/application/jwt",
        "dotless": "at+jwt\u0131",
    }
    for name, value in types.items():
        yield "3", "es256", f"3-{name}", headed(typ=value)


def rule_4() -> Iterator[Case]:
    body = f.dumps(claims())
    open_body = body[:-1]
    payloads: dict[str, bytes] = {
        "duplicate-iss-last": open_body + b',"iss":"https://evil.example"}',
        "duplicate-iss-first": b'{"iss":"https://evil.example",' + body[1:],
        "duplicate-sub": open_body + b',"sub":"root"}',
        "duplicate-equal": open_body + b',"sub":"alice"}',
        "duplicate-escaped": open_body + b',"\\u0073ub":"root"}',
        "duplicate-deep": open_body + b',"x":{"a":1,"a":2}}',
        "nan": open_body + b',"x":NaN}',
        "infinity": open_body + b',"x":Infinity}',
        "minus-infinity": open_body + b',"x":-Infinity}',
        "overflow": open_body + b',"x":1e999}',
        "big-integer": open_body + b',"x":18446744073709551616}',
        "5000-digits": open_body + b',"x":' + b"9" * 5_000 + b"}",
        "lone-surrogate": open_body + b',"x":"\\ud800"}',
        "lone-low-surrogate": open_body + b',"x":"\\udc00\\ud800"}',
        "surrogate-name": open_body + b',"\\ud800":1}',
        "invalid-utf8": open_body + b',"x":"\xff"}',
        "overlong-utf8": open_body + b',"x":"\xc0\xaf"}',
        "raw-surrogate": open_body + b',"x":"\xed\xa0\x80"}',
        "bom": b"\xef\xbb\xbf" + body,
        "utf16": body.decode().encode("utf-16"),
        "raw-control": open_body + b',"x":"\n"}',
        "array": b"[" + body + b"]",
        "string": b'"alice"',
        "null": b"null",
        "number": b"1",
        "trailing-object": body + b"{}",
        "trailing-comma": open_body + b",}",
        "comment": body + b"//",
        "single-quotes": body.replace(b'"', b"'"),
        "cut": open_body,
        "deep-17": f.dumps(claims(deep=nested(17))),
        "deep-5000": open_body + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        "deep-unclosed": b"[" * 9_000,
        "space-only": b"   ",
    }
    for name, payload in payloads.items():
        yield "4", "es256", f"4-{name}", f.token(HEADER, payload, SIGN[IDP])
    head = f.dumps(HEADER)
    headers: dict[str, bytes] = {
        "duplicate-alg": head[:-1] + b',"alg":"none"}',
        "duplicate-alg-first": b'{"alg":"none",' + head[1:],
        "duplicate-kid": head[:-1] + b',"kid":"rsa"}',
        "surrogate": head.replace(b'"ec"', b'"\\ud800"'),
        "array": b"[" + head + b"]",
        "trailing": head + b"x",
        "deep": head[:-1] + b',"x5t":' + b"[" * 900 + b"]" * 900 + b"}",
        "bom": b"\xef\xbb\xbf" + head,
        "5-kilobytes": head[:-1] + b',"x5t":"' + b"A" * 5_000 + b'"}',
    }
    for name, header in headers.items():
        yield "4", "es256", f"4-header-{name}", f.token(header, claims(), SIGN[IDP])


def rule_5() -> Iterator[Case]:
    kids: dict[str, Any] = {
        "unknown": "other",
        "missing": MISSING,
        "null": None,
        "number": 1,
        "list": ["ec"],
        "empty": "",
        "upper": "EC",
        "space": "ec ",
        "nul": "ec\0",
        "path": "../../../dev/null",
        "sql": "ec' OR '1'='1",
        "url": "https://evil.example/keys#ec",
        "wrong-key": "ed",
    }
    for name, value in kids.items():
        yield "5", "es256", f"5-kid-{name}", headed(kid=value)
    signed: dict[str, tuple[dict[str, Any], f.Sign]] = {
        "use-enc": ({"kid": "enc"}, f.es(ECENC)),
        "key-ops-sign": ({"kid": "ops"}, f.es(ECOPS)),
        "jwk-alg-differs": ({"kid": "alg"}, f.es(ECALG)),
        "p384-under-es256": ({"kid": "p384"}, f.es(EC384)),
        "key-without-kid": ({"kid": None}, f.es(NOKID)),
        "key-without-kid-empty": ({"kid": ""}, f.es(NOKID)),
        "rsa-1024": ({"kid": "weak", "alg": "RS256"}, f.rs(WEAK)),
        "rsa-1024-pss": ({"kid": "weak", "alg": "PS256"}, f.ps(WEAK)),
        "rs-key-used-for-pss": ({"kid": "rsa-rs", "alg": "PS256"}, f.ps(RSA1)),
        "ec-key-as-rsa": ({"kid": "ec", "alg": "RS256"}, f.es(EC1)),
        "rsa-key-as-ec": ({"kid": "rsa"}, f.rs(RSA1)),
        "ed-key-as-ec": ({"kid": "ed"}, ED1.sign),
        "other-issuers-key": ({}, f.es(EC2)),
        "attackers-key": ({}, f.es(EVIL)),
    }
    for name, (header, sign) in signed.items():
        yield "5", "es256", f"5-{name}", f.token({**HEADER, **header}, claims(), sign)


def rule_6() -> Iterator[Case]:
    for spelling in ("none", "None", "NONE", "nOnE"):
        header = {**HEADER, "alg": spelling}
        unsigned = f.token(header, claims(), lambda _: b"")
        yield "6", "es256", f"6-alg-{spelling}", unsigned
        yield "6", "es256", f"6-alg-{spelling}-signed", f.token(header, claims(), SIGN[IDP])
    for key_name, key in (("ec", EC1), ("rsa", RSA1), ("ed", ED1)):
        for form, secret in public_forms(key).items():
            header = {**HEADER, "alg": "HS256", "kid": key_name}
            made = f.token(header, claims(), f.hs(secret))
            yield "6", "es256", f"6-hs256-{key_name}-{form}", made
    header = {**HEADER, "alg": "HS512", "kid": "rsa"}
    secret = public_forms(RSA1)["pem"]
    yield "6", "rs256", "6-hs512-pem", f.token(header, claims(), f.hs(secret, "sha512"))
    yield "6", "es256", "6-hs256-empty", f.token({**HEADER, "alg": "HS256"}, claims(), f.hs(b""))
    odd: dict[str, Any] = {
        "lower": "es256",
        "space": "ES256 ",
        "missing": MISSING,
        "null": None,
        "number": 256,
        "list": ["ES256"],
        "dir": "dir",
        "key-wrap": "A128KW",
        "es512": "ES512",
        "es256k": "ES256K",
        "empty": "",
    }
    for name, value in odd.items():
        yield "6", "es256", f"6-alg-{name}", headed(alg=value)
    # Good signatures of the issuer's own keys, under algorithms it is not configured for.
    for algorithm, sign in (
        ("RS384", f.rs(RSA1, f.DIGESTS["sha384"])),
        ("RS512", f.rs(RSA1, f.DIGESTS["sha512"])),
        ("PS512", f.ps(RSA1, f.DIGESTS["sha512"])),
    ):
        header = {**HEADER, "alg": algorithm, "kid": "rsa"}
        yield "6", "rs256", f"6-{algorithm.lower()}", f.token(header, claims(), sign)
    for algorithm, sign in (("RS256", f.rs(RSA1)), ("PS256", f.ps(RSA1))):
        header = {**HEADER, "alg": algorithm, "kid": "rsa"}
        made = f.token(header, claims(STRICT), sign)
        yield "6", "strict", f"6-{algorithm.lower()}-at-es256-issuer", made
