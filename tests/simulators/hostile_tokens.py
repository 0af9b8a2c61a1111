"""Credentials that must not count: made from honest ones by changes that a seed chooses."""

from __future__ import annotations

import json
import random
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vectors import jwt_forge as f

CORPUS: list[str] = [
    case["token"]
    for case in json.loads((Path(__file__).parents[1] / "vectors" / "jwt.json").read_text("utf-8"))[
        "cases"
    ]
]
_BYTES = bytes(range(0x21, 0x7F))
_VALUES: list[Any] = [None, True, -1, 0, 1e300, "", "\0", "é" * 40, [], {}, [[]], "a" * 300, 2**63]


class HostileTokens:
    """An endless stream of authorization headers, none of which may count."""

    def __init__(self, seed: int, honest: Callable[[], str]) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- a repeatable stream, no secret
        self._honest = honest
        self._evil = f.ec_key(f"evil-{seed}")
        self._kinds: list[Callable[[], str]] = [
            self._from_corpus,
            self._flipped,
            self._cut,
            self._spliced,
            self._other_header,
            self._other_claims,
            self._rubbish,
            self._other_scheme,
        ]

    def headers(self, count: int) -> Iterator[str]:
        """So many values of `Authorization`, latin-1 without line ends."""
        for _ in range(count):
            text = self._random.choice(self._kinds)()
            value = text if " " in text[:8] else f"Bearer {text}"
            yield (
                value.encode("latin-1", "replace")
                .replace(b"\n", b"")
                .replace(b"\r", b"")
                .replace(b"\0", b"")
                .decode("latin-1")
            )

    def _from_corpus(self) -> str:
        return self._random.choice(CORPUS)

    def _flipped(self) -> str:
        """One character of the signature's middle or of what is signed."""
        token = self._honest()
        at = self._random.randrange(len(token) - 4)
        other = "A" if token[at] != "A" else "B"
        return token[:at] + other + token[at + 1 :]

    def _cut(self) -> str:
        token = self._honest()
        return token[: self._random.randrange(len(token))]

    def _spliced(self) -> str:
        """Two tokens' parts, or parts too many."""
        honest = self._honest()
        parts = [*honest.split("."), *self._random.choice(CORPUS).split(".")]
        self._random.shuffle(parts)
        spliced = ".".join(parts[: self._random.randrange(1, 6)])
        return spliced if spliced != honest else f"{spliced}.{parts[0]}"

    def _other_header(self) -> str:
        header, payload, _ = self._honest().split(".")
        said = json.loads(urlsafe_b64decode(header + "=="))
        name = self._random.choice(["alg", "kid", "typ", "jwk", "jku", "crit", "x5c", "zip"])
        said[name] = self._random.choice([*_VALUES, "none", "HS256", f.jwk("e", self._evil)])
        return f.token(said, urlsafe_b64decode(payload + "=="), f.es(self._evil))

    def _other_claims(self) -> str:
        header, payload, _ = self._honest().split(".")
        said = json.loads(urlsafe_b64decode(payload + "=="))
        name = self._random.choice([*said, "cnf", "events", "nbf", "_claim_names"])
        said[name] = self._random.choice(_VALUES)
        return f.token(urlsafe_b64decode(header + "=="), said, f.es(self._evil))

    def _rubbish(self) -> str:
        size = self._random.choice([0, 1, 7, 100, 4_000, 16_000])
        return bytes(self._random.choices(_BYTES, k=size)).decode("ascii")

    def _other_scheme(self) -> str:
        scheme = self._random.choice(["DPoP", "Basic", "Digest", "bearer bearer", "Negotiate"])
        return f"{scheme} {self._honest()}"
