"""Files of a credential are this account's alone, say what the programs read, and go away."""

from __future__ import annotations

import json
import stat
from base64 import b64decode
from pathlib import Path

import pytest

from autogen_counterfoil.issued import Credential
from autogen_counterfoil.login_files import docker_config, kubeconfig

CLUSTER = Credential(
    {"server": "https://k8s:6443", "ca": "PEM", "token": "tok-1234567890", "namespace": "staging"},
    expires_in=60,
)
REGISTRY = Credential(
    {
        "registry": "https://registry.example.com:5000",
        "username": "cf-a",
        "password": "pw-12345678",
    },
    expires_in=60,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_kubeconfig_is_the_jobs_namespace_and_token_for_this_account_alone() -> None:
    with kubeconfig(CLUSTER) as path:
        value = json.loads(path.read_text())
        assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert not path.parent.exists()
    (context,) = value["contexts"]
    assert context["context"]["namespace"] == "staging"
    assert value["users"][0]["user"] == {"token": "tok-1234567890"}
    cluster = value["clusters"][0]["cluster"]
    assert cluster["server"] == "https://k8s:6443"
    assert b64decode(cluster["certificate-authority-data"]) == b"PEM"


def test_docker_configuration_is_for_one_registry_and_goes_away_with_an_error() -> None:
    using = docker_config(REGISTRY)
    folder = using.__enter__()
    value = json.loads((folder / "config.json").read_text())
    assert (mode(folder / "config.json"), mode(folder)) == (0o600, 0o700)
    failed = RuntimeError("push failed")
    assert not using.__exit__(RuntimeError, failed, None)
    assert not folder.exists()
    assert list(value["auths"]) == ["registry.example.com:5000"]
    auth = value["auths"]["registry.example.com:5000"]["auth"]
    assert b64decode(auth) == b"cf-a:pw-12345678"


def test_credential_of_another_kind_writes_no_file() -> None:
    with pytest.raises(KeyError), kubeconfig(REGISTRY):
        pass
