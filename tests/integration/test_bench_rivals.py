"""The rival must do the whole job: a comparison with one that skips a check is worth nothing."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.harness import rivals
from benchmarks.harness.rivals import Rival


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rival]:
    with rivals.started("alone", tmp_path_factory.mktemp("alone")) as rival:
        yield rival


def _ask(rival: Rival, **changes: Any) -> Any:
    document = json.loads(rival.target.body.read_text("utf-8"))
    document["input"] |= changes
    request = urllib.request.Request(
        f"http://{rival.target.address}{rival.target.path}", json.dumps(document).encode()
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        return json.load(answer)["result"]


def _input(rival: Rival) -> Any:
    return json.loads(rival.target.body.read_text("utf-8"))["input"]


def test_rival_allows_and_signs_the_honest_action(alone: Rival) -> None:
    answer = _ask(alone)
    assert answer["effect"] == "allow"
    assert answer["permissions"] == _input(alone)["required"]
    signed = answer["scoped_token_request"]["signed_request"]
    assert jwt.get_unverified_header(signed)["typ"] == "scoped-token-request+jwt"
    claims = jwt.decode(signed, options={"verify_signature": False})
    assert claims["authorization_details"] == answer["permissions"]
    assert claims["txn"] == answer["decision_id"]


def test_rival_never_repeats_an_id(alone: Rival) -> None:
    assert _ask(alone)["decision_id"] != _ask(alone)["decision_id"]


def test_rival_denies_a_forged_token(alone: Rival) -> None:
    head, payload, signature = _input(alone)["token"].split(".")
    forged = ".".join((head, payload, signature[:-8] + "AAAAAAAA"))
    assert _ask(alone, token=forged)["effect"] == "deny"
    assert _ask(alone)["effect"] == "allow"


@pytest.mark.parametrize(
    "changes",
    [
        {
            "subject": {
                "iss": "urn:counterfoil:development",
                "sub": "mallory",
                "groups": ["developers"],
            }
        },
        {"actor": {"iss": "urn:counterfoil:development", "sub": "other"}},
        {"run": "another"},
    ],
)
def test_rival_denies_an_input_that_the_token_does_not_say(
    alone: Rival, changes: dict[str, Any]
) -> None:
    assert _ask(alone, **changes)["effect"] == "deny"
    assert _ask(alone)["effect"] == "allow"


def test_rival_logs_every_decision(alone: Rival) -> None:
    alone.trim()
    ident = _ask(alone)["decision_id"]
    assert ident in alone.log.read_text("utf-8")
