"""The prompt that opened a run is what policy and approvers see, and it is recorded once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from approval_story import ADMINS
from counterfoil.resources import packaged
from exchange import form, opened, post
from main_path import ask, assert_denied, leaves
from service import Service, prompt_digest, running_service, sql_request

SELECT = sql_request("SELECT id FROM public.t", None)
DROP = sql_request("DROP TABLE public.invoices", None)
RULE = """# METADATA
# title: Databases of this tenant
# description: Nothing is done under a prompt that speaks of salaries.
# schemas:
#   - input: schema.policy_input
package tenants.default.database

# METADATA
# title: The prompt speaks of salaries
# description: Words of the person, as policy sees them.
# custom:
#   code: salaries.asked_for
#   solution: Ask the personnel office.
deny contains reason if {
	annotations := rego.metadata.rule()
	contains(lower(input.context.prompt), "salaries")
	reason := {
		"code": annotations.custom.code,
		"title": annotations.title,
		"solution": annotations.custom.solution,
		"details": {},
	}
}
"""


def bundle(folder: Path) -> Path:
    """The product's policy and one rule of the tenant that reads the prompt."""
    path = folder / "policy"
    shutil.copytree(packaged("rego"), path)
    place = path / "tenants" / "default" / "database"
    place.mkdir(parents=True)
    (place / "database.rego").write_text(RULE)
    return path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("prompt")
    with running_service(folder, policy__bundle=bundle(folder)) as started:
        yield started


def test_a_rule_on_the_prompt_holds_for_the_prompt_of_the_run(service: Service) -> None:
    """Without it a run that was opened with its prompt would get round the rule."""
    said = opened(service, prompt="Show me the Salaries of everybody")["access_token"]
    for body in (SELECT, {"actions": [SELECT, SELECT]}):
        answer = ask(service, body, said).body
        for decision in answer.get("decisions", [answer]):
            assert_denied(decision, "salaries.asked_for")
    other = opened(service, prompt="Show me the invoices")["access_token"]
    assert ask(service, SELECT, other).body["effect"] == "allow"
    # Control: the same words from an agent in a run without a prompt.
    stated = opened(service, prompt=None)["access_token"]
    body = sql_request("SELECT id FROM public.t", "the salaries, please")
    assert_denied(ask(service, body, stated).body, "salaries.asked_for")


def test_renewed_and_handed_on_tokens_are_under_the_same_prompt(service: Service) -> None:
    token = opened(service, prompt="the salaries")["access_token"]
    for more in ({}, {"agent": "reviewer"}):
        given = post(service, form(service, token, **more)).body["access_token"]
        codes = [reason["code"] for reason in ask(service, SELECT, given).body["reasons"]]
        assert "salaries.asked_for" in codes


def test_the_prompt_is_recorded_with_the_run_alone(service: Service) -> None:
    given = opened(service, prompt="a prompt for this run")
    token = given["access_token"]
    for body in (SELECT, sql_request("SELECT id FROM public.t", "a prompt for this run")):
        assert ask(service, body, token).status == 200
    events: list[dict[str, Any]] = leaves(service, given["run"])
    assert [leaf["event"] for leaf in events] == ["run_opened", "decided", "decided"]
    assert ["prompt" in leaf["commitments"] for leaf in events] == [True, False, False]
    stated = opened(service, prompt=None)
    assert ask(service, sql_request("SELECT 1", "stated"), stated["access_token"]).status == 200
    assert "prompt" in leaves(service, stated["run"])[-1]["commitments"]


def test_an_approver_reads_the_persons_own_words(service: Service) -> None:
    token = opened(service, prompt="Clean up the invoices")["access_token"]
    waits = ask(service, DROP, token).body["approval"]
    approver = service.token("bob", [ADMINS], agent=None)
    shown = service.request("GET", f"/approvals/{waits['id']}", token=approver).body
    assert (shown["prompt"]["text"], shown["prompt"]["source"]) == ("Clean up the invoices", "run")
    assert json.dumps(shown).count("Clean up the invoices") == 1
    body = {"answer": "approve", "action_digest": shown["action_digest"]}
    path = f"/approvals/{waits['id']}/answer"
    assert service.request("POST", path, body, token=approver).status == 200
    again = {**DROP, "context": {"approval": {"id": waits["id"]}}}
    assert ask(service, again, token).body["effect"] == "allow"


def test_a_run_that_has_no_record_states_nothing(service: Service) -> None:
    """A development token names a prompt that nobody recorded: policy sees none."""
    token = service.token(prompt_digest=prompt_digest("the salaries"))
    assert ask(service, SELECT, token).body["effect"] == "allow"
