"""What a registry's issuer takes for a job: its own registry, whole, and nothing beside it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core.renderings import NotRenderable
from counterfoil.errors import ConfigError
from counterfoil.keys import ensure_es256_key
from counterfoil.resources import packaged
from counterfoil.schemas_registry import SchemaRegistry
from counterfoil_issuers.contract import Job
from counterfoil_issuers.oci_registry import Registry, build

HERE = "https://registry.example.com"
ROOT = Path(__file__).parents[4]


class Clock:
    """Stands still."""

    def now(self) -> float:
        return 1_800_000_000.0

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    ensure_es256_key(tmp_path / "token.pem")
    return {
        "location": HERE,
        "token_issuer": "counterfoil",
        "key_file": str(tmp_path / "token.pem"),
        "listen": "127.0.0.1:0",
    }


@pytest.fixture
def issuer(settings: dict[str, Any]) -> Registry:
    return build(settings, Clock())


def _right(*actions: str, name: str = "acme/api", at: str = HERE) -> dict[str, Any]:
    return {
        "type": "oci_registry",
        "locations": [at],
        "identifier": name,
        "actions": list(actions),
        "operations": [0],
    }


def _job(*permissions: dict[str, Any], ambient: tuple[dict[str, Any], ...] = ()) -> Job:
    return Job(
        jti="j",
        decision_id="dec_1",
        action_digest="d",
        permissions=permissions,
        ambient=ambient,
        deadline=1_800_000_100,
    )


NOT_OURS: dict[str, list[dict[str, Any]]] = {
    "another-registry": [_right("pull", at="https://registry.example.com:5000")],
    "two-registries": [_right("pull"), _right("pull", at="https://other.example.com")],
    "plain-http": [_right("pull", at="http://registry.example.com")],
    "another-type": [_right("pull"), {"type": "http", "locations": [HERE]}],
    "star": [_right("pull", "*")],
    "every-repository": [_right("pull", name="*")],
    "separator": [_right("pull", name="acme/api:pull repository:acme/x")],
    "unknown-member": [{**_right("pull"), "tag": "1"}],
    "nothing": [],
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_what_no_scope_of_this_registry_expresses_is_refused_before_it_is_redeemed(
    issuer: Registry, name: str
) -> None:
    issuer.check(_job(_right("pull"), ambient=(_right("push"),)))
    with pytest.raises(NotRenderable):
        issuer.check(_job(*NOT_OURS[name]))
    with pytest.raises(NotRenderable):
        issuer.make(_job(*NOT_OURS[name]))
    assert not issuer.names()


def test_password_is_kept_nowhere_and_nothing_secret_is_public(issuer: Registry) -> None:
    job = _job(_right("pull"), ambient=(_right("push", name="acme/b"),))
    made, again = issuer.make(job), issuer.make(job)
    assert made.secret["username"] == job.name
    assert made.secret["password"] != again.secret["password"]
    scope = "repository:acme/api:pull repository:acme/b:push"
    assert made.public == {"service": "registry.example.com", "scope": scope}
    assert made.expires_at == job.deadline
    account = issuer.accounts.known(job.name, again.secret["password"], 1_800_000_000)
    assert account is not None
    assert again.secret["password"] not in repr(account)
    # A second making takes the first one's place: one name, one credential.
    assert issuer.accounts.known(job.name, made.secret["password"], 1_800_000_000) is None


def test_secrets_do_not_travel_in_the_clear(settings: dict[str, Any]) -> None:
    for listen in ("0.0.0.0:5002", "[::]:5002", "realm.example.com:5002", "10.0.0.1:5002"):
        with pytest.raises(ConfigError, match="clear"):
            build({**settings, "listen": listen}, Clock())
    assert build({**settings, "listen": "[::1]:5002"}, Clock()).types == {"oci_registry"}


def test_page_shows_a_target_that_the_schema_accepts(settings: dict[str, Any]) -> None:
    target = SchemaRegistry.load(packaged("schemas")).compiled("issuer_oci_registry")
    page = (ROOT / "docs" / "issuers" / "oci_registry.md").read_text("utf-8")
    target.validate(tomllib.loads(page.partition("```toml")[2].partition("```")[0])["target"])
    target.validate(settings)
    whole = {"certificate_file": "c", "service": "r", "token_seconds": 5, "leeway_seconds": 0}
    target.validate(settings | whole)
    for wrong in (
        {"location": "registry.example.com"},
        {"listen": "5002"},
        {"password": "x"},
        {"token_seconds": 0},
        {"tls_key_file": "k"},
    ):
        assert not target.is_valid(settings | wrong), json.dumps(wrong)
