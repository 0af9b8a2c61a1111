"""What a job becomes in a cluster, and what is refused before anything is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from commands import MAIN
from counterfoil.core.actions.kubernetes.objects import read_objects
from counterfoil.core.kubernetes_api.kinds import KINDS
from counterfoil.core.model import Permission
from counterfoil.core.renderings import NotRenderable
from counterfoil.core.renderings.kubernetes import render
from counterfoil.core.renderings.kubernetes_admission import admission_policies
from counterfoil.errors import ConfigError
from counterfoil.resources import packaged
from counterfoil_issuers import kinds
from counterfoil_issuers.contract import TargetError
from counterfoil_issuers.kubernetes import objects
from counterfoil_issuers.kubernetes.api import connect
from counterfoil_issuers.kubernetes.policies import Policies, _check_same
from counterfoil_issuers.kubernetes.reaching import needed
from counterfoil_issuers.kubernetes.samples import sample
from counterfoil_issuers.kubernetes.settings import read_settings
from issuing_kubernetes import MANIFEST, NAMESPACE, job, permissions
from kubernetes_jobs import SSA, pod, workload
from service import free_port

TABLE: dict[str, Any] = {
    "name": "counterfoil-staging",
    "location": MAIN.location,
    "token_file": "/run/token",
    "namespaces": [NAMESPACE],
}
SETTINGS = read_settings(TABLE)
WANTED = permissions(SSA, workload("Deployment", "web", pod()))


def changed(**members: Any) -> list[Permission]:
    return [{**WANTED[0], **members}]


def rule(**members: Any) -> list[Permission]:
    rules: Any = WANTED[0]["rules"]
    return changed(rules=[{**rules[0], **members}])


def test_everything_a_job_is_carries_its_name_and_the_issuers() -> None:
    wanted = job("j", WANTED)
    made = objects.plan(wanted, SETTINGS)
    account = objects.service_account(made, SETTINGS)
    role = objects.role(made, SETTINGS)
    binding = objects.role_binding(made, SETTINGS)
    for value in (account, role, binding):
        assert value["metadata"]["name"] == wanted.name
        assert value["metadata"]["labels"] == {
            "counterfoil/issuer": "counterfoil-staging",
            "counterfoil/credential": wanted.name,
        }
    (only,) = WANTED
    assert objects.singles(role["rules"]) == objects.singles(only["rules"])  # type: ignore[arg-type]
    assert binding["roleRef"]["name"] == wanted.name
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": wanted.name, "namespace": NAMESPACE}
    ]
    assert account["automountServiceAccountToken"] is False
    assert objects.token_request(made, "u", 600)["spec"]["boundObjectRef"]["uid"] == "u"


def test_policy_is_the_permissions_own_for_this_account_with_a_probe_before_it() -> None:
    made = objects.plan(job("j", WANTED), SETTINGS)
    (guard,) = made.guards
    body = objects.policy(guard, made, "slot-3", SETTINGS)
    rendering: Any = render(WANTED)
    (plain,) = admission_policies(rendering["roles"][0])
    spec: Any = plain["spec"]
    first, *rest = body["spec"]["validations"]
    assert rest == spec["validations"]
    assert first["message"] == f"counterfoil probe of {made.name} in slot-3"
    assert first["message"] in first["expression"]
    assert "{{" not in json.dumps(body)
    account = f"system:serviceaccount:{NAMESPACE}:{made.name}"
    assert body["spec"]["matchConditions"][0]["expression"].endswith(f'== "{account}"')
    assert body["metadata"]["name"] == "slot-3"
    binding = objects.policy_binding(made, "slot-3", SETTINGS)
    assert (binding["metadata"]["name"], binding["spec"]["policyName"]) == ("slot-3", "slot-3")
    assert binding["spec"]["validationActions"] == ["Deny"]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ([], "no permission"),
        ([{"type": "oci_registry"}], "another type"),
        (changed(locations=["https://other.example:6443"]), "another cluster"),
        (changed(identifier="production"), "a namespace that is not its own"),
        ([*WANTED, *changed(identifier="default")], "two namespaces"),
        (rule(verbs=["update"]), "no probe for update alone"),
        (
            changed(
                rules=[{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}]
            ),
            "no probe for a patch of any name",
        ),
        (rule(apiGroups=["example.com"]), "a kind that is not known"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_cluster_cannot_hold_to_the_decision_is_refused_before_redeeming(
    wanted: list[Permission], why: str
) -> None:
    objects.plan(job("honest", WANTED), SETTINGS)
    with pytest.raises(NotRenderable):
        objects.plan(job("j", wanted), SETTINGS)


def test_every_kind_that_a_job_may_write_has_a_probe_that_reads_as_valid() -> None:
    kinds = [kind for kind in KINDS.values() if kind.namespaced and kind.shape]
    assert len(kinds) > 20
    for kind in kinds:
        value = sample(kind, "probe", NAMESPACE, "registry.example.com/acme/web:probe")
        assert value is not None, kind.kind
        assert len(read_objects(json.dumps(value), NAMESPACE)) == 1


def test_issuers_own_manifest_names_exactly_the_policies_that_it_makes() -> None:
    values = list(yaml.safe_load_all(MANIFEST.read_text("utf-8")))
    rules = [one for value in values for one in value.get("rules", ())]
    names = [one["resourceNames"] for one in rules if "resourceNames" in one]
    assert names == [list(Policies(SETTINGS).names)]
    admission = [one for one in rules if one["apiGroups"] == ["admissionregistration.k8s.io"]]
    assert [one["verbs"] for one in admission] == [["list"], ["create", "patch", "delete"]]
    verbs = {verb for one in rules for verb in one["verbs"]}
    assert not verbs & {"*", "escalate", "bind", "impersonate", "update", "deletecollection"}
    assert all("*" not in one["resources"] for one in rules)
    own = [
        one
        for value in values
        if value["metadata"]["name"].startswith("counterfoil-issuer")
        for one in value.get("rules", ())
    ]
    assert objects.singles(own) == needed(Policies(SETTINGS).names)


def test_settings_name_one_way_to_prove_who_the_issuer_is() -> None:
    schema = json.loads((Path(packaged("schemas")) / "issuer_kubernetes.json").read_text("utf-8"))
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid(TABLE)
    for wrong in (
        {**TABLE, "location": "http://10.0.0.1:6443"},
        {**TABLE, "namespaces": []},
        {**TABLE, "insecure": True},
        {**TABLE, "beside": [{"verb": "get"}]},
    ):
        assert not check.is_valid(wrong), wrong
    without = {name: value for name, value in TABLE.items() if name != "token_file"}
    assert read_settings({**without, "certificate_file": "c"}).certificate_file == "c"
    for unsure in (without, {**TABLE, "certificate_file": "c"}):
        with pytest.raises(ConfigError):
            read_settings(unsure)


def test_kind_is_known_by_its_schema() -> None:
    assert "kubernetes" in kinds.kinds()
    built = kinds.build("kubernetes", TABLE)
    assert built.types == {"kubernetes"}
    assert isinstance(built, kinds.Reachable)


def test_policy_that_came_back_changed_is_none() -> None:
    made = objects.plan(job("j", WANTED), SETTINGS)
    sent = objects.policy(made.guards[0], made, "slot-3", SETTINGS)
    _check_same(sent, sent, "validations", "matchConditions")
    for member in ("validations", "matchConditions"):
        found = {**sent, "spec": {**sent["spec"], member: []}}
        with pytest.raises(TargetError, match=f"changed {member}"):
            _check_same(found, sent, "validations", "matchConditions")


def test_error_of_a_server_that_does_not_answer_holds_no_token() -> None:
    url = f"https://127.0.0.1:{free_port()}"
    with connect(SETTINGS, url, "secret-token") as api, pytest.raises(TargetError) as caught:
        api.call("GET", "/api")
    assert "no answer" in str(caught.value)
    error: BaseException | None = caught.value
    assert error is not None
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert "secret-token" not in repr(error)
