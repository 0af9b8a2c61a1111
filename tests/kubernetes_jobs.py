"""Jobs on a cluster: what is asked for, and objects that are there before (`THERE`).

A job is a list of kubectl's words, with a manifest where it reads one. `{name}` is an object
that is there, `new` one that is not.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

NAMESPACE = "staging"
OTHER = "production"
REPOSITORY = "registry.example.com/acme/web"
SSA = ["apply", "--server-side", "-f", "-"]
CLIENT = ["apply", "-f", "-"]
CREATE = ["create", "-f", "-"]

_CONTAINER: dict[str, Any] = {"name": "web", "image": f"{REPOSITORY}:1.4"}
_LABELS = {"matchLabels": {"app": "web"}}


def pod(**changes: Any) -> dict[str, Any]:
    """A pod's specification that carries an image and nothing else."""
    return {"automountServiceAccountToken": False, "containers": [_CONTAINER], **changes}


def container(**changes: Any) -> dict[str, Any]:
    """A pod whose container has more."""
    return pod(containers=[{**_CONTAINER, **changes}])


def template(spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "web"}}, "spec": spec}


def workload(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A manifest of each kind that holds a pod."""
    once = {**spec, "restartPolicy": "Never"}
    of: dict[str, tuple[str, dict[str, Any]]] = {
        "Deployment": ("apps/v1", {"selector": _LABELS, "template": template(spec)}),
        "ReplicaSet": ("apps/v1", {"selector": _LABELS, "template": template(spec)}),
        "DaemonSet": ("apps/v1", {"selector": _LABELS, "template": template(spec)}),
        "StatefulSet": (
            "apps/v1",
            {"selector": _LABELS, "serviceName": "web", "template": template(spec)},
        ),
        "ReplicationController": ("v1", {"selector": {"app": "web"}, "template": template(spec)}),
        "Job": ("batch/v1", {"template": template(once)}),
        "CronJob": (
            "batch/v1",
            {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template(once)}}},
        ),
        "Pod": ("v1", spec),
    }
    version, body = of[kind]
    return thing(version, kind, name, spec=body, **metadata)


def thing(version: str, kind: str, name: str, **rest: Any) -> dict[str, Any]:
    """Any object; what is neither a member of metadata nor of the object goes to metadata."""
    members = {
        key: rest.pop(key)
        for key in list(rest)
        if key not in {"labels", "annotations", "finalizers"}
    }
    metadata = {"name": name, "namespace": NAMESPACE, **rest}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **members}


_PORTS = [{"port": 80}]
PLAIN: dict[str, dict[str, Any]] = {
    "ConfigMap": thing("v1", "ConfigMap", "new", data={"a": "b"}, labels={"app": "web"}),
    "Secret": thing("v1", "Secret", "new", stringData={"a": "b"}, type="Opaque"),
    "Service": thing("v1", "Service", "new", spec={"ports": _PORTS, "selector": {"app": "web"}}),
    "ServiceAccount": thing("v1", "ServiceAccount", "new"),
    "PersistentVolumeClaim": thing(
        "v1",
        "PersistentVolumeClaim",
        "new",
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    ),
    "HorizontalPodAutoscaler": thing(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "new",
        spec={
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        },
    ),
    "PodDisruptionBudget": thing(
        "policy/v1", "PodDisruptionBudget", "new", spec={"minAvailable": 1, "selector": _LABELS}
    ),
    "NetworkPolicy": thing(
        "networking.k8s.io/v1", "NetworkPolicy", "new", spec={"podSelector": _LABELS}
    ),
    "Ingress": thing(
        "networking.k8s.io/v1",
        "Ingress",
        "new",
        spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
    ),
    "ResourceQuota": thing("v1", "ResourceQuota", "new", spec={"hard": {"pods": "4"}}),
    "LimitRange": thing(
        "v1", "LimitRange", "new", spec={"limits": [{"type": "Pod", "max": {"cpu": "2"}}]}
    ),
    "Role": thing(
        "rbac.authorization.k8s.io/v1",
        "Role",
        "new",
        rules=[{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get"]}],
    ),
    "Lease": thing("coordination.k8s.io/v1", "Lease", "new", spec={"holderIdentity": "a"}),
}

POWERFUL: dict[str, dict[str, Any]] = {
    "two images": workload(
        "Deployment", "new", pod(initContainers=[{"name": "i", "image": "h.example/setup:1"}])
    ),
    "an image by digest": workload(
        "Deployment", "new", container(image=f"{REPOSITORY}@sha256:{'a' * 64}")
    ),
    "the default token": workload("Deployment", "new", pod(automountServiceAccountToken=True)),
    "an account": workload("Deployment", "new", pod(serviceAccountName="robot")),
    "a Secret as files": workload(
        "Deployment", "new", pod(volumes=[{"name": "s", "secret": {"secretName": "s"}}])
    ),
    "a Secret as a variable": workload(
        "Deployment",
        "new",
        container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
    ),
    "a pull secret": workload("Deployment", "new", pod(imagePullSecrets=[{"name": "s"}])),
    "a ConfigMap": workload(
        "Deployment", "new", pod(volumes=[{"name": "c", "configMap": {"name": "c"}}])
    ),
    "a claim": workload(
        "Deployment",
        "new",
        pod(volumes=[{"name": "c", "persistentVolumeClaim": {"claimName": "c"}}]),
    ),
    "the node's network": workload("Deployment", "new", pod(hostNetwork=True)),
    "the node's files": workload(
        "Deployment", "new", pod(volumes=[{"name": "h", "hostPath": {"path": "/"}}])
    ),
    "privileges": workload("Deployment", "new", container(securityContext={"privileged": True})),
    "capabilities": workload(
        "Deployment", "new", container(securityContext={"capabilities": {"add": ["NET_ADMIN"]}})
    ),
    "a node's port": workload(
        "Deployment", "new", container(ports=[{"containerPort": 80, "hostPort": 80}])
    ),
    "tolerations": workload("Deployment", "new", pod(tolerations=[{"operator": "Exists"}])),
    "a device": workload(
        "Deployment", "new", container(resources={"limits": {"example.com/gpu": "1"}})
    ),
    "a hook": workload(
        "Deployment", "new", container(lifecycle={"preStop": {"exec": {"command": ["x"]}}})
    ),
    "an exec probe": workload(
        "Deployment", "new", container(livenessProbe={"exec": {"command": ["x"]}})
    ),
    "a probe elsewhere": workload(
        "Deployment", "new", container(livenessProbe={"tcpSocket": {"port": 1, "host": "10.0.0.1"}})
    ),
    "a finalizer": workload("Deployment", "new", pod(), finalizers=["example.com/keep"]),
    "a switch": workload(
        "Deployment", "new", pod(), annotations={"sidecar.istio.io/inject": "true"}
    ),
    "a label that is a switch": workload("Deployment", "new", pod(), labels={"istio.io/rev": "x"}),
    "a balancer": thing("v1", "Service", "new", spec={"ports": _PORTS, "type": "LoadBalancer"}),
    "foreign addresses": thing(
        "v1", "Service", "new", spec={"ports": _PORTS, "externalIPs": ["198.51.100.7"]}
    ),
    "another's name": thing(
        "v1", "Service", "new", spec={"type": "ExternalName", "externalName": "h.example"}
    ),
    "an account's token": thing(
        "v1",
        "Secret",
        "new",
        type="kubernetes.io/service-account-token",
        annotations={"kubernetes.io/service-account.name": "robot"},
    ),
}

WORKLOADS = (
    *("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"),
    *("Job", "CronJob", "Pod"),
)

THERE: list[dict[str, Any]] = [
    *(workload(kind, "web", pod()) for kind in WORKLOADS),
    thing("v1", "ServiceAccount", "robot"),
    thing("v1", "ConfigMap", "web", data={"a": "b"}, labels={"app": "web"}),
    thing("v1", "Secret", "web", stringData={"a": "b"}, type="Opaque"),
    thing("v1", "Service", "web", spec={"ports": _PORTS, "selector": {"app": "web"}}),
]
"""What stands in both namespaces before."""


class Text(NamedTuple):
    """One job: words after `kubectl`, and what they read."""

    name: str
    words: list[str]
    manifest: dict[str, Any] | None = None

    @property
    def stdin(self) -> str | None:
        return None if self.manifest is None else json.dumps(self.manifest)


def named(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "name": name}}


APPLIED = [
    *(Text(f"apply {kind}", SSA, workload(kind, "new", pod())) for kind in WORKLOADS),
    *(Text(f"apply {kind}", SSA, value) for kind, value in PLAIN.items()),
    *(Text(f"apply {name}", SSA, value) for name, value in POWERFUL.items()),
]
CREATED = [
    *(Text(f"create {kind}", CREATE, workload(kind, "new", pod())) for kind in WORKLOADS),
    *(Text(f"create {kind}", CREATE, PLAIN[kind]) for kind in ("ConfigMap", "Secret", "Service")),
]
CLIENT_APPLIED = [
    Text("apply by the client", CLIENT, workload("Deployment", "new", pod())),
    Text("apply a ConfigMap by the client", CLIENT, PLAIN["ConfigMap"]),
]
DONE = [
    Text("delete", ["delete", "deployment", "web", "--wait=false"]),
    Text("delete a pod", ["delete", "pod/web", "--wait=false"]),
    Text(
        "delete by manifest", ["delete", "-f", "-", "--wait=false"], workload("Job", "web", pod())
    ),
    Text("delete all", ["delete", "pods", "--all", "--wait=false"]),
    Text("delete some", ["delete", "configmaps", "-l", "app=web", "--wait=false"]),
    Text("get", ["get", "deployment", "web"]),
    Text("get a Secret", ["get", "secret", "web"]),
    Text("get two", ["get", "service/web", "configmap/web"]),
    Text("list", ["get", "pods"]),
    Text("list Secrets", ["get", "secrets"]),
    Text("list two kinds", ["get", "pods,services"]),
    Text("list some", ["get", "deployments", "-l", "app=web"]),
    Text("scale", ["scale", "deployment/web", "--replicas=3"]),
    Text("scale a StatefulSet", ["scale", "statefulset", "web", "--replicas=0"]),
    Text("scale a ReplicaSet", ["scale", "rs/web", "--replicas=1"]),
    Text("scale a controller", ["scale", "rc/web", "--replicas=1"]),
    Text("set an image", ["set", "image", "deployment/web", f"web={REPOSITORY}:1.5"]),
    Text("set a StatefulSet's image", ["set", "image", "sts/web", f"web={REPOSITORY}:1.5"]),
    Text("restart", ["rollout", "restart", "deployment/web"]),
    Text("restart a DaemonSet", ["rollout", "restart", "daemonset/web"]),
    Text("status", ["rollout", "status", "deployment/web", "--watch=false"]),
    Text("pause", ["rollout", "pause", "deployment/web"]),
    Text("logs", ["logs", "web"]),
    Text("exec", ["exec", "web", "--", "ls", "-l"]),
]
JOBS = [*APPLIED, *CREATED, *CLIENT_APPLIED, *DONE]
FEW = [
    *("apply Deployment", "apply Job", "apply ConfigMap", "apply Service", "apply two images"),
    *("apply the default token", "apply a Secret as files", "apply the node's network"),
    *("apply a balancer", "apply a switch", "create Deployment", "apply by the client", "delete"),
    *("apply Role", "list Secrets", "scale", "set an image", "restart", "status", "logs", "exec"),
]
"""What the end-to-end tests run; the rest is the long proof's."""
