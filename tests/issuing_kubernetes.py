"""A Kubernetes issuer in the account of its own that deploy/kubernetes/issuer.yaml makes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from commands import MAIN
from counterfoil.core.actions.kubernetes.kubectl import read_kubectl
from counterfoil.core.kubernetes_api.kinds import KINDS
from counterfoil.core.model import Permission
from counterfoil_issuers.contract import Job, Made
from counterfoil_issuers.kubernetes import build
from counterfoil_issuers.kubernetes.target import KubernetesTarget
from servers.kubernetes import Cluster

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "deploy" / "kubernetes" / "issuer.yaml"
NAMESPACE = "staging"
OTHER = "production"
HOME = "counterfoil"
IN_FORCE_SECONDS = 30.0
NEVER = 4_102_444_800


def install(cluster: Cluster) -> None:
    """The namespaces, and what the issuer itself may do, as an administrator makes them."""
    for name in (NAMESPACE, OTHER, HOME):
        cluster.make("/api/v1/namespaces", {"metadata": {"name": name}})
    for value in yaml.safe_load_all(MANIFEST.read_text("utf-8")):
        kind = KINDS[value["apiVersion"], value["kind"]]
        cluster.make(path_of(value, kind.plural), value)
    own = Holder({"token": issuers_token(cluster), "server": cluster.url}, cluster.ca_file)
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts?dryRun=All"
    deadline = time.monotonic() + IN_FORCE_SECONDS
    while not refused(own.call("POST", path, {"metadata": {"name": "not-a-credential"}})):
        assert time.monotonic() < deadline, "the issuer's guard does not come into force"
        time.sleep(0.2)


def path_of(value: Mapping[str, Any], plural: str) -> str:
    """Where objects like this are made."""
    group, space = value["apiVersion"], value["metadata"].get("namespace")
    root = "/api/v1" if group == "v1" else f"/apis/{group}"
    return f"{root}/namespaces/{space}/{plural}" if space else f"{root}/{plural}"


def issuers_token(cluster: Cluster) -> str:
    """A token of the issuer's own account."""
    path = f"{cluster.url}/api/v1/namespaces/{HOME}/serviceaccounts/issuer-staging/token"
    answer = cluster.admin.post(path, json={"spec": {"expirationSeconds": 3600}}, timeout=30)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["status"]["token"])


def target(cluster: Cluster, **changes: Any) -> KubernetesTarget:
    """The issuer's end of the cluster, with the least rights."""
    token_file = cluster.folder / "issuer.token"
    if not token_file.exists():
        token_file.write_text(issuers_token(cluster), "ascii")
    return build(
        {
            "name": "counterfoil-staging",
            "location": MAIN.location,
            "server": cluster.url,
            "ca_file": cluster.ca_file,
            "token_file": str(token_file),
            "namespaces": [NAMESPACE],
            **changes,
        }
    )


def permissions(words: list[str], manifest: Mapping[str, Any] | None = None) -> list[Permission]:
    """What the service's reader asks for."""
    text = None if manifest is None else json.dumps(manifest)
    read = read_kubectl(["kubectl", *words], MAIN, namespace=NAMESPACE, stdin=text)
    return list(read.required)


def job(jti: str, wanted: list[Permission], deadline: int = 0) -> Job:
    """A redeemed request; where no deadline is given, any that lies ahead."""
    return Job(
        jti=jti,
        decision_id=f"dec_{jti}",
        action_digest="d",
        permissions=tuple(wanted),
        ambient=(),
        deadline=deadline or NEVER,
    )


@dataclass(frozen=True)
class Holder:
    """Whoever holds a credential and nothing else."""

    secret: Mapping[str, str]
    ca_file: str

    @classmethod
    def of(cls, made: Made, cluster: Cluster) -> Holder:
        return cls(made.secret, cluster.ca_file)

    def call(self, method: str, path: str, body: Any = None, media: str = "") -> requests.Response:
        """One request with the token."""
        headers = {"Authorization": f"Bearer {self.secret['token']}"}
        if body is not None:
            headers["Content-Type"] = media or "application/json"
        with requests.Session() as session:
            session.trust_env = False
            url = f"{self.secret['server']}{path}"
            return session.request(
                method, url, headers=headers, json=body, verify=self.ca_file, timeout=30
            )

    def apply(self, value: Mapping[str, Any]) -> requests.Response:
        """Server-side apply."""
        kind = KINDS[value["apiVersion"], value["kind"]]
        path = f"{path_of(value, kind.plural)}/{value['metadata']['name']}"
        return self.call(
            "PATCH", f"{path}?fieldManager=agent", value, "application/apply-patch+yaml"
        )


def left(cluster: Cluster, name: str) -> list[str]:
    """Everything in the cluster that carries the credential's name or label."""
    paths = [
        *(f"/api/v1/namespaces/{NAMESPACE}/{kind}" for kind in ("serviceaccounts", "secrets")),
        *(
            f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/{kind}"
            for kind in ("roles", "rolebindings")
        ),
        *(
            f"/apis/admissionregistration.k8s.io/v1/validatingadmission{kind}"
            for kind in ("policies", "policybindings")
        ),
    ]
    return [
        path
        for path in paths
        for item in cluster.admin.get(f"{cluster.url}{path}", timeout=30).json()["items"]
        if name in (item["metadata"]["name"], *item["metadata"].get("labels", {}).values())
    ]


def refused(answer: requests.Response) -> bool:
    """By rights (403), or by an admission policy (422)."""
    by_policy = answer.status_code == 422 and "ValidatingAdmissionPolicy" in answer.text
    return answer.status_code == 403 or by_policy
