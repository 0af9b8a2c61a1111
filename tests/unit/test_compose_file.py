"""What compose.yaml and the images' files promise, read without a container (`make e2e` runs them)."""

from __future__ import annotations

import json
import re
import stat
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from counterfoil.config import load_config
from counterfoil.core.model import Enforcement
from counterfoil.keys import load_es256_key
from counterfoil.policy.server import OPA_ENVIRONMENT, opa_command

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGES = sorted((ROOT / "deploy" / "images").glob("*.Dockerfile"))
ONE_SHOT = {"keys", "policy"}
HARDENED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "pids_limit": 256,
}
# What each container may write; all else that it mounts is read-only.
WRITES = {
    "keys": {"/var/lib/counterfoil/keys"},
    "policy": {"/var/lib/counterfoil/policy"},
    "opa": {"/run/opa"},
    "service": {"/var/lib/counterfoil/keys", "/var/lib/counterfoil/ledger"},
    "postgresql": {"/var/lib/target"},
}


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    for name in ("compose_keys", "docker_daemon"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return import_module("compose_keys")


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert {member: service.get(member) for member in HARDENED} == HARDENED
    loosened = {"privileged", "cap_add", "devices", "user", "userns_mode", "pid", "ipc", "env_file"}
    assert not loosened & service.keys()
    assert all("noexec" in mount for mount in service.get("tmpfs", []))


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_writes_its_own_places_only(name: str) -> None:
    written = set()
    for volume in SERVICES[name]["volumes"]:
        if isinstance(volume, dict):
            assert volume["read_only"] is True
            continue
        source, target, *mode = volume.replace(":-", "\0").split(":")
        if mode != ["ro"]:
            assert source in COMPOSE["volumes"], "a folder of the machine may be written"
            written.add(target)
    assert written == WRITES[name]


def test_only_the_services_port_is_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"service": ["${CF_ADDRESS:-127.0.0.1:8282}:8282"]}


def test_who_is_on_which_network() -> None:
    modes = {name: s.get("network_mode", s.get("networks")) for name, s in SERVICES.items()}
    alone = dict.fromkeys(("keys", "policy", "opa"), "none")
    assert modes == {**alone, "service": ["front"], "postgresql": ["targets"]}
    assert COMPOSE["networks"]["targets"] == {"internal": True}


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONE_SHOT))
def test_every_lasting_container_comes_back_and_tells_its_health(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert "mem_limit" in SERVICES[name]


def test_opa_is_locked_as_the_embedded_one_is() -> None:
    files, socket = Path("/var/lib/counterfoil/policy"), Path("/run/opa/opa.sock")
    assert SERVICES["opa"]["command"] == opa_command(Path("/opa"), files, socket)[1:]
    assert SERVICES["opa"]["environment"] == OPA_ENVIRONMENT
    config = load_config(ROOT / "deploy" / "compose" / "counterfoil.toml", {})
    assert config.policy.opa_socket == socket
    assert config.policy.bundle.parent == files
    assert f"--output={files}" in SERVICES["policy"]["command"]


def test_the_configuration_is_one_of_production() -> None:
    config = load_config(ROOT / "deploy" / "compose" / "counterfoil.toml", {})
    assert not config.development
    assert all(action.enforcement is Enforcement.ENFORCE for action in config.actions.values())
    (issuer,) = config.identity.oidc
    assert not issuer.entry.may_assert_actor  # who acts is the launcher's word, at POST /token
    access = json.loads((ROOT / "deploy" / "compose" / "access.json").read_text())
    for role in access["roles"].values():
        assert role["agents"].keys() == {config.token.issuer}
    (agent,) = config.identity.agents
    assert agent.ceiling <= access["roles"].keys()
    published = json.loads((ROOT / "rego/data/access/default/data.json").read_text())
    assert access["database"] == published["database"]


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
def test_images_end_as_an_account_without_rights_and_need_no_frontend(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"^#\s*syntax=", text, re.MULTILINE | re.IGNORECASE), "it would be pulled"
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    for stage in stages:
        base = stage.split()[0]
        if " AS " in stage.partition("\n")[0] and "-build" in stage.partition("\n")[0]:
            continue
        users = re.findall(r"^USER (\d+):(\d+)$", stage, re.MULTILINE)
        assert users or base == "service", f"{path.name}: a stage that runs as root"
        assert all(int(number) > 0 for user in users for number in user)
    assert not re.search(r"^(ADD|ENV .*(PASSWORD|SECRET|TOKEN))", text, re.MULTILINE)


def test_a_build_sees_what_images_are_made_of_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line]
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        "!LICENSE",
        "!README.md",
        "!deploy/images/postgresql.sh",
        "!deploy/prebuilt",
        "!issuers/counterfoil_issuers",
        "!pyproject.toml",
        "!rego",
        "!requirements/service.txt",
        "!schemas",
        "!service/counterfoil",
        "!setup.py",
        "!tools/opa",
    }


def test_the_go_image_can_build_the_pinned_opa() -> None:
    go_mod = (ROOT / "tools" / "opa" / "go.mod").read_text()
    found = re.search(r"^go (\d+\.\d+)", go_mod, re.MULTILINE)
    assert found
    wanted = f"golang:{found[1]}-bookworm"
    assert SERVICES["opa"]["build"]["args"]["GO_IMAGE"] == f"${{CF_GO_IMAGE:-{wanted}}}"
    assert f"ARG GO_IMAGE={wanted}" in (IMAGES[0].read_text())


def test_keys_on_this_machine_are_this_accounts_alone_and_stay(
    tools: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "compose"
    key = tools.make_files(folder)
    load_es256_key(folder / tools.LAUNCHER_KEY)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert not stat.S_IMODE(key.stat().st_mode) & 0o077
    load_es256_key(key)
    for name in ("issuer", "launcher"):
        public = json.loads((folder / "public" / f"{name}.jwks.json").read_text())
        assert [set(jwk) & {"d", "k"} for jwk in public["keys"]] == [set()]
    assert len((folder / "orders_password").read_text()) >= 32
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    tools.make_files(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    config = load_config(ROOT / "deploy" / "compose" / "counterfoil.toml", {})
    assert [item.entry.issuer for item in config.identity.oidc] == [tools.ISSUER]
