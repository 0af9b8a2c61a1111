"""The rules by which a credential is judged, in the order in which it is judged.

The numbers are those of `identity/oidc.py`. A refusal names its rule in the log and in
`counterfoil explain token`, never to the caller (rule 13).
"""

from __future__ import annotations

from enum import Enum


class Rule(Enum):
    """One check; its number, a word for it, and what holds where it passes."""

    FORM = (1, "form", "three segments of canonical base64url, within the size limit")
    HEADER_JSON = (4, "header JSON", "the header is one strict JSON object")
    HEADER = (2, "header", "the header holds alg and kid, and nothing that brings a key")
    TYPE = (3, "type", "typ is an accepted one")
    PAYLOAD_JSON = (4, "payload JSON", "the payload is one strict JSON object")
    ISSUER = (7, "issuer", "iss is exactly a configured issuer")
    ALGORITHM = (6, "algorithm", "alg is one of the issuer's")
    KEY_SET = (10, "key set", "the issuer's keys are there")
    KEY = (5, "key", "kid names a key of the issuer that may verify by alg")
    SIGNATURE = (5, "signature", "that key verifies the signature")
    ACTIVE = (12, "introspection", "the issuer says that the token is active")
    PURPOSE = (3, "purpose", "no claim makes it another kind of token")
    AUDIENCE = (8, "audience", "aud holds this service")
    CLIENT = (8, "client", "the client is one of the issuer's list, where there is one")
    TIME = (9, "time", "within exp, nbf, iat and the greatest age")
    ACTOR = (16, "actor", "act, run and prompt_digest come from an issuer that may say them")
    SUBJECT = (9, "subject", "sub and the subject claim are names")
    GROUPS = (14, "groups", "the groups claim is whole and well formed")
    TENANT = (15, "tenant", "the tenant claim is on the entry's list")
    CLAIMS = (9, "other claims", "jti, sid and auth_time are well formed where they are")
    BINDING = (11, "binding", "cnf names one key, by its thumbprint alone")
    PROOF = (11, "proof", "a proof by the token's key came for this request, and only once")

    def __init__(self, number: int, word: str, holds: str) -> None:
        self.number = number
        self.word = word
        self.holds = holds

    def __str__(self) -> str:
        return f"rule {self.number} ({self.word})"
