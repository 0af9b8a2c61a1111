"""RFC 8725 (JWT best current practices), RFC 7515, RFC 7519, RFC 9068: the hostile corpus.

Each token of tests/vectors/jwt.json is refused, and beside it the honest token that it was
made from is accepted by the same verifier.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from counterfoil.config import Config, load_config
from counterfoil.core.model import Caller
from counterfoil.errors import ActorRequired, GroupsOverage, IdentityError, Rule
from counterfoil.identity.credentials import Verifier, check_key_files
from vectors import jwt_hostile

VECTORS = Path(__file__).parents[1] / "vectors"
CORPUS: dict[str, Any] = json.loads((VECTORS / "jwt.json").read_text("utf-8"))
NOW = float(CORPUS["now"])
# One public text for all (rule 13); only an agent's own configuration fault has another.
PUBLIC = ("identity.invalid_token", 401, IdentityError.title, IdentityError.solution)

# Attacks that an earlier rule than their own already refuses: the empty signature of `none`,
# a missing `kid`, the other issuer's key of the same name.
EARLIER = {
    **{f"6-alg-{name}": "1" for name in ("none", "None", "NONE", "nOnE")},
    **{f"6-alg-{name}": "2" for name in ("missing", "null", "number", "list")},
    **{f"5-kid-{name}": "2" for name in ("missing", "null", "number", "list")},
    "5-key-without-kid": "2",
    "7-key-of-other-issuer": "5",
    "7-agents-by-idp": "5",
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("identity")
    lines = []
    for i, issuer in enumerate(CORPUS["issuers"]):
        entry = {"audience": "counterfoil", "jwks_file": f"{i}.json", **issuer}
        (folder / f"{i}.json").write_text(json.dumps({"keys": entry.pop("keys")}))
        lines += ["[[identity.oidc]]", *(f"{k} = {_toml(v)}" for k, v in entry.items())]
    path = folder / "counterfoil.toml"
    path.write_text("\n".join(lines))
    return load_config(path, {})


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


@pytest.fixture
def verifier(config: Config) -> Verifier:
    check_key_files(config, now=NOW)
    return Verifier(config)


@pytest.mark.parametrize("name", CORPUS["controls"])
def test_honest_token_is_accepted(name: str, verifier: Verifier) -> None:
    caller = verifier.verify(CORPUS["controls"][name], now=NOW)
    assert isinstance(caller, Caller)
    assert caller.tenant == ("other" if name == "mapped-other-tenant" else "default")
    assert caller.subject.sub.startswith(("alice", "s", "o-alice"))


@pytest.mark.parametrize("case", CORPUS["cases"], ids=lambda case: str(case["name"]))
def test_hostile_token_is_refused_beside_its_control(
    case: dict[str, str], verifier: Verifier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert verifier.verify(CORPUS["controls"][case["control"]], now=NOW).tenant == "default"
    with pytest.raises(IdentityError) as refusal:
        verifier.verify(case["token"], now=NOW)
    error = refusal.value
    assert error.rule is not None
    assert str(error.rule.number) == EARLIER.get(case["name"], case["rule"])
    if not isinstance(error, ActorRequired | GroupsOverage):
        assert (error.code, error.status, error.title, error.solution) == PUBLIC
    said = f"{error} {error.detail} {error.pointer} {caplog.text}"
    assert not any(part in said for part in case["token"].split(".") if len(part) > 8)
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


def test_refusal_is_the_same_the_second_time(verifier: Verifier) -> None:
    for case in CORPUS["cases"]:
        for _ in range(2):
            with pytest.raises(IdentityError):
                verifier.verify(case["token"], now=NOW)


def test_corpus_is_large_and_touches_every_rule() -> None:
    assert len(CORPUS["cases"]) >= 150
    judged = {str(rule.number) for rule in Rule} - {"10", "12"}  # no IdP is asked for these
    assert {case["rule"] for case in CORPUS["cases"]} == judged


def test_corpus_names_are_what_the_script_makes() -> None:
    made = {(rule, control, name) for rule, control, name, _ in jwt_hostile.cases()}
    assert made == {(c["rule"], c["control"], c["name"]) for c in CORPUS["cases"]}


def test_agent_token_carries_act_run_and_prompt_digest(verifier: Verifier) -> None:
    caller = verifier.verify(CORPUS["controls"]["agent"], now=NOW)
    assert caller.actor is not None
    assert (caller.actor.issuer, caller.actor.sub) == ("https://agents.example.com", "coder")
    assert (caller.run_id, caller.prompt_digest) == ("run_1", "A" * 43)
    assert caller.subject.groups == ("developers",)


def test_claims_of_a_foreign_issuer_name_no_run(verifier: Verifier) -> None:
    caller = verifier.verify(CORPUS["controls"]["unknown-claims"], now=NOW)
    assert (caller.run_id, caller.prompt_digest, caller.actor) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("mapped", ("developers",)),
        ("mapped-text", ("developers", "auditors")),
        ("mapped-nothing", ()),
        ("mapped-overage-of-others", ("developers",)),
    ],
)
def test_mapped_claims_name_person_and_groups(
    name: str, groups: tuple[str, ...], verifier: Verifier
) -> None:
    subject = verifier.verify(CORPUS["controls"][name], now=NOW).subject
    assert (subject.sub, subject.groups) == ("o-alice", groups)


def test_only_the_outermost_act_counts(verifier: Verifier) -> None:
    caller = verifier.verify(CORPUS["controls"]["nested-act"], now=NOW)
    assert caller.actor is not None
    assert caller.actor.sub == "coder"
