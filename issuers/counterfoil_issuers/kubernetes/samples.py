"""The smallest valid object of each kind that a job may write: what a policy is probed with.

An API server validates an object before admission sees it, so a probe must be a valid one. It
is only ever sent with `dryRun=All`.
"""

from __future__ import annotations

from typing import Any, Final

from counterfoil.core.kubernetes_api.kinds import Kind

_LABELS: Final = {"app": "probe"}  # one that no controller obeys
_SELECTOR: Final = {"matchLabels": _LABELS}
_BODIES: Final[dict[str, dict[str, Any]]] = {
    "ConfigMap": {},
    "CSIStorageCapacity": {"storageClassName": "probe"},
    "EndpointSlice": {"addressType": "IPv4", "endpoints": [], "ports": []},
    "Endpoints": {},
    "HorizontalPodAutoscaler": {
        "spec": {
            "maxReplicas": 1,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "probe"},
        }
    },
    "Ingress": {"spec": {"defaultBackend": {"service": {"name": "probe", "port": {"number": 80}}}}},
    "Lease": {},
    "LimitRange": {"spec": {"limits": []}},
    "NetworkPolicy": {"spec": {"podSelector": _SELECTOR}},
    "PersistentVolumeClaim": {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        }
    },
    "PodDisruptionBudget": {"spec": {"minAvailable": 1, "selector": _SELECTOR}},
    "ResourceClaim": {"spec": {}},
    "ResourceClaimTemplate": {"spec": {"spec": {}}},
    "ResourceQuota": {"spec": {"hard": {}}},
    "Role": {"rules": []},
    "RoleBinding": {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "probe"}
    },
    "Secret": {"type": "Opaque"},
    "Service": {"spec": {"ports": [{"port": 80}]}},
    "ServiceAccount": {},
}


def sample(kind: Kind, name: str, namespace: str, image: str) -> dict[str, Any] | None:
    """A valid object; None of a kind that has none here."""
    body = _with_pod(kind.kind, image) if kind.kind in _PODS else _BODIES.get(kind.kind)
    if body is None:
        return None
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": namespace},
        **body,
    }


_PODS: Final = frozenset(
    {
        *("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"),
        *("Job", "CronJob", "Pod", "PodTemplate"),
    }
)


def _with_pod(kind: str, image: str) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "containers": [{"name": "probe", "image": image}],
    }
    once = {"template": {"spec": {**pod, "restartPolicy": "Never"}}}
    template = {"metadata": {"labels": _LABELS}, "spec": pod}
    if kind == "Pod":
        return {"spec": pod}
    if kind == "PodTemplate":
        return {"template": template}
    if kind == "Job":
        return {"spec": once}
    if kind == "CronJob":
        return {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": once}}}
    if kind == "ReplicationController":
        return {"spec": {"selector": _LABELS, "template": template}}
    return {
        "spec": {
            "selector": _SELECTOR,
            "template": template,
            **({"serviceName": "probe"} if kind == "StatefulSet" else {}),
        }
    }
