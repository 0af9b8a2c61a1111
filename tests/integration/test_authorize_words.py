"""Git, files, code and the cloud through `/authorize`: exact allows, and their nearest denials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from counterfoil.cli import main
from counterfoil.resources import packaged
from main_path import ask, assert_allowed, assert_denied
from service import PROMPT, Service, running_service
from simulators.real_opa import policy_folder
from words import ACCOUNT, API, SHOP, WORKSPACE

CONFIG = f"""
[[resource]]
type = "git"
id = "api"
location = "{API.location}"
issuer = "git-api"

[[resource]]
type = "filesystem"
id = "shop"
location = "{SHOP.location}"

[[resource]]
type = "aws_sts"
id = "shop-aws"
location = "{ACCOUNT.location}"
issuer = "aws-shop"

[[resource]]
type = "terraform"
id = "infra"
location = "{WORKSPACE.location}"

[[action]]
tool = "run_git"
family = "git"
command = "{{command}}"
resource = "api"
enforcement = "enforce"

[[action]]
tool = "read_file"
family = "filesystem"
command = "{{path}}"
resource = "shop"
enforcement = "enforce"

[[action]]
tool = "aws_call"
family = "cloud"
command = "{{operation}}"
resource = "shop-aws"
enforcement = "enforce"

[action.arguments]
type = "object"
additionalProperties = false
required = ["service", "operation", "parameters"]

[action.arguments.properties]
service = {{ type = "string" }}
operation = {{ type = "string" }}
parameters = {{ type = "object" }}

[[action]]
tool = "terraform_apply"
family = "cloud"
command = "{{plan}}"
resource = "infra"
enforcement = "enforce"
"""
RIGHTS: dict[str, Any] = {
    "git": {"repositories": {"api": {
        "update": {"teammate": {"effect": "allow", "refs_below": {"refs/heads/agent": True}}}}}},
    "filesystem": {"shop": {"read": {"teammate": {"effect": "allow", "below": {"src": True}}}}},
    "code": {"python": {"teammate": "sandbox"}},
    "cloud": {
        "accounts": {"shop-aws": {"s3:GetObject": {
            "teammate": {"effect": "allow", "below": {"arn:aws:s3:::carts/in": True}}}}},
        "workspaces": {"infra": {"random_pet": {"create": {"teammate": {"effect": "allow"}}}}},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def words_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("words")
    data = json.loads((packaged("rego") / "data/access/default/data.json").read_text("utf-8"))
    policy_folder(
        folder / "rego", {"data/access/default/data.json": json.dumps({**data, **RIGHTS})}
    )
    (folder / "counterfoil.toml").write_text(CONFIG, "utf-8")
    with running_service(folder, policy__timeout_ms=5000) as service:
        yield service


def decide(service: Service, tool: str, /, **arguments: Any) -> dict[str, Any]:
    body = {
        "action": {"name": tool, "properties": {"arguments": arguments}},
        "context": {"prompt": PROMPT},
    }
    answer = ask(service, body)
    assert answer.status == 200, answer.body
    decision: dict[str, Any] = answer.body
    return decision


def test_a_ref_is_updated_and_no_other(words_service: Service) -> None:
    allowed = decide(words_service, "run_git", command="git push origin agent/topic")
    assert_allowed(
        allowed,
        [
            {
                "type": "git",
                "locations": [API.location],
                "object": "ref",
                "identifier": "refs/heads/agent/topic",
                "actions": ["update"],
                "operations": [0],
            }
        ],
    )
    assert allowed["execute"]["arguments"]["command"].endswith(
        f"-- {API.location} refs/heads/agent/topic:refs/heads/agent/topic"
    )
    assert allowed["execute"]["session"]["credential"]["host"] == "git.example.com"
    for command, code in {
        "git push origin main": "policy.default_deny",
        "git push -f origin main": "git.protected_ref",
        "git push origin": "policy.uncertain",
    }.items():
        denied = decide(words_service, "run_git", command=command)
        assert_denied(denied)
        assert code in {reason["code"] for reason in denied["reasons"]} or (
            code == "policy.uncertain" and denied["reasons"][0]["code"] == "uncertain.git_ref"
        )


def test_a_file_is_read_under_the_obligation_to_follow_no_link(words_service: Service) -> None:
    allowed = decide(words_service, "read_file", path="src/a.py")
    assert allowed["effect"] == "allow"
    assert allowed["permissions"] == [
        {
            "type": "filesystem",
            "locations": [SHOP.location],
            "identifier": "src/a.py",
            "actions": ["read"],
            "operations": [0],
        }
    ]
    assert allowed["obligations"] == [{"type": "no_symlinks", "operations": [0]}]
    assert allowed["execute"]["arguments"] == {"path": "/srv/data/shop/src/a.py"}
    assert "scoped_token_request" not in allowed  # no credential could carry it
    assert_denied(decide(words_service, "read_file", path="src2/a.py"), "policy.default_deny")
    assert_denied(decide(words_service, "read_file", path="src/.ssh/x"), "filesystem.closed_name")
    assert_denied(decide(words_service, "read_file", path="src/../x"), "uncertain.path_component")


def test_code_runs_in_a_sandbox_whatever_it_names(words_service: Service) -> None:
    for code in ("print(1)", "import os\nos.system('id')"):
        allowed = decide(words_service, "run_code", language="python", code=code)
        assert allowed["effect"] == "allow"
        assert allowed["obligations"] == [{"type": "sandbox", "operations": [0]}]
    assert_denied(
        decide(words_service, "run_code", language="ruby", code="1"), "policy.default_deny"
    )


def test_a_call_of_aws_gets_its_action_on_its_object(words_service: Service) -> None:
    call = {"service": "s3", "operation": "GetObject"}
    allowed = decide(
        words_service, "aws_call", **call, parameters={"Bucket": "carts", "Key": "in/7.json"}
    )
    assert_allowed(
        allowed,
        [
            {
                "type": "aws_sts",
                "locations": [ACCOUNT.location],
                "identifier": "arn:aws:s3:::carts/in/7.json",
                "actions": ["s3:GetObject"],
                "operations": [0],
            }
        ],
    )
    for key, code in {"out/7.json": "policy.default_deny", "in/*": "uncertain.cloud_name"}.items():
        denied = decide(
            words_service, "aws_call", **call, parameters={"Bucket": "carts", "Key": key}
        )
        assert_denied(denied, code)


def plan(kind: str) -> str:
    return json.dumps(
        {
            "format_version": "1.2",
            "resource_changes": [
                {
                    "address": f"{kind}.x",
                    "mode": "managed",
                    "type": kind,
                    "provider_name": "registry.terraform.io/hashicorp/random",
                    "change": {
                        "actions": ["create"],
                        "before": None,
                        "after": {},
                        "after_unknown": {"id": True},
                    },
                }
            ],
        }
    )


def test_a_plan_is_applied_by_its_digest(words_service: Service) -> None:
    allowed = decide(words_service, "terraform_apply", plan=plan("random_pet"))
    assert allowed["effect"] == "allow"
    (obligation,) = allowed["obligations"]
    assert obligation["type"] == "plan_digest"
    assert allowed["execute"]["session"] == {"plan_digest": obligation["sha256"]}
    assert_denied(
        decide(words_service, "terraform_apply", plan=plan("random_id")), "policy.default_deny"
    )


def test_what_is_asked_for_has_the_published_shape(words_service: Service) -> None:

    folder = Path(str(packaged("schemas")))
    seen = set()
    calls: dict[str, dict[str, Any]] = {
        "run_git": {"command": "git push origin agent/x"},
        "read_file": {"path": "src/ä b.py"},
        "run_code": {"language": "python", "code": "1"},
        "aws_call": {"service": "s3", "operation": "GetObject",
                     "parameters": {"Bucket": "carts", "Key": "in/a b"}},
    }  # fmt: skip
    for tool, arguments in calls.items():
        (permission,) = decide(words_service, tool, **arguments)["permissions"]
        seen.add(permission["type"])
        schema = json.loads((folder / f"permission_{permission['type']}.json").read_text("utf-8"))
        jsonschema.Draft202012Validator(schema).validate(permission)
    assert seen == {"git", "filesystem", "code", "aws_sts"}


SAID = {
    "run_git": ({"command": "git push origin main"},
                "update ref refs/heads/main of api (git.example.com/acme/api.git)",
                "needs update on ref refs/heads/main"),
    "run_code": ({"language": "python", "code": "1"}, "run code in python, sha256:6b86b273",
                 "needs run on code sha256:6b86b273"),
    "aws_call": ({"service": "s3", "operation": "ListBuckets", "parameters": {}},
                 "s3:ListAllMyBuckets aws * in shop-aws", "needs s3:ListAllMyBuckets on aws_sts *"),
}  # fmt: skip


def test_explain_speaks_of_each(
    words_service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = words_service.folder
    monkeypatch.chdir(folder)
    (folder / "said.toml").write_text(
        (folder / "counterfoil.toml").read_text("utf-8")
        + '\n[[action]]\ntool = "run_code"\nfamily = "code"\ncommand = "{code}"\nresource = ""\n'
        'enforcement = "enforce"\n[action.arguments]\ntype = "object"\n'
        'additionalProperties = false\nrequired = ["code", "language"]\n'
        '[action.arguments.properties]\ncode = {type = "string"}\nlanguage = {type = "string"}\n',
        "utf-8",
    )
    for tool, (arguments, done, needed) in SAID.items():
        main(["explain", "--tool", tool, "--arguments", json.dumps(arguments),
              "--config", "said.toml"])  # fmt: skip
        said = capsys.readouterr().out
        assert done in said
        assert needed in said
