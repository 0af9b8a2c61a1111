"""Manifests and images that try to do more than the role may, each with the name of its trick.

Under the development policy none permits anything; `ALLOWED` are honest ones of the same form.
"""

from __future__ import annotations

import json
from typing import Any

from commands import MANIFEST
from kubernetes_jobs import (
    NAMESPACE,
    PLAIN,
    POWERFUL,
    REPOSITORY,
    container,
    named,
    pod,
    thing,
    workload,
)

Call = tuple[str, dict[str, Any]]
SHA = "sha256:" + "a" * 64


def applied(manifest: Any) -> Call:
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    return "kubectl_apply", {"cluster": "main", "manifest": text}


def deployed(spec: Any, **metadata: Any) -> Call:
    return applied(workload("Deployment", "web", spec, **metadata))


def image(reference: str) -> Call:
    return deployed(container(image=reference))


def yaml(line: str, after: str = "      automountServiceAccountToken: false\n") -> Call:
    """The honest manifest with a line more in its pod."""
    return applied(MANIFEST.replace(after, after + line))


def volume(**source: Any) -> Call:
    return deployed(pod(volumes=[{"name": "v", **source}]))


def env(**source: Any) -> Call:
    return deployed(container(env=[{"name": "A", "valueFrom": source}]))


_LAST = "          image: registry.example.com/acme/web:1.4\n"
_PODS: dict[str, Any] = {
    "network of the node": {"hostNetwork": True},
    "processes of the node": {"hostPID": True},
    "memory of the node": {"hostIPC": True},
    "a node by name": {"nodeName": "master"},
    "a node by label": {"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}},
    "the control plane tolerated": {"tolerations": [{"operator": "Exists"}]},
    "a scheduler of its own": {"schedulerName": "evil"},
    "a runtime of its own": {"runtimeClassName": "kata"},
    "before all others": {"priorityClassName": "system-node-critical"},
    "a claim on a device": {"resourceClaims": [{"name": "g", "resourceClaimName": "g"}]},
    "near another pod": {"affinity": {"podAffinity": {}}},
    "sysctls": {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    "no seccomp": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "an account by its old name": {"serviceAccount": "cluster-admin"},
    "an account": {"serviceAccountName": "cluster-admin"},
    "a pull secret": {"imagePullSecrets": [{"name": "s"}]},
    "a case variant": {"HostNetwork": True},
    "a field in lower case": {"hostnetwork": True},
    "a truth as text": {"hostNetwork": "true"},
    "a truth as a number": {"hostNetwork": 1},
    "an ephemeral container": {"ephemeralContainers": [{"name": "e", "image": "evil.example/x"}]},
    "an init container": {"initContainers": [{"name": "i", "image": "evil.example/x"}]},
    "a container without an image": {"containers": [{"name": "a"}]},
    "no container": {"containers": []},
    "a field of tomorrow": {"workloadRef": {"name": "w"}},
}
_CONTAINERS: dict[str, Any] = {
    "privileges": {"securityContext": {"privileged": True}},
    "a capability": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
    "the whole of proc": {"securityContext": {"procMount": "Unmasked"}},
    "SELinux": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
    "a process of the host": {"securityContext": {"windowsOptions": {"hostProcess": True}}},
    "a port of the node": {"ports": [{"containerPort": 80, "hostPort": 80}]},
    "an address of the node": {"ports": [{"containerPort": 80, "hostIP": "10.0.0.1"}]},
    "a device": {"resources": {"limits": {"nvidia.com/gpu": 1}}},
    "mounts that come back": {
        "volumeMounts": [{"name": "a", "mountPath": "/a", "mountPropagation": "Bidirectional"}]
    },
    "all Secrets as variables": {"envFrom": [{"secretRef": {"name": "s"}}]},
    "all settings as variables": {"envFrom": [{"configMapRef": {"name": "s"}}]},
    "a hook": {"lifecycle": {"postStart": {"exec": {"command": ["sh"]}}}},
    "an exec probe": {"livenessProbe": {"exec": {"command": ["sh"]}}},
    "a probe of the metadata": {
        "livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}}
    },
    "a hook to the metadata": {
        "lifecycle": {"preStop": {"httpGet": {"host": "169.254.169.254", "port": 80}}}
    },
}
_VOLUMES: dict[str, Any] = {
    "files of the node": {"hostPath": {"path": "/"}},
    "a Secret": {"secret": {"secretName": "s"}},
    "a projected Secret": {"projected": {"sources": [{"secret": {"name": "s"}}]}},
    "a projected token": {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
    "a ConfigMap": {"configMap": {"name": "c"}},
    "a claim": {"persistentVolumeClaim": {"claimName": "c"}},
    "a claim made on the way": {"ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
    "NFS": {"nfs": {"server": "evil.example", "path": "/"}},
    "a driver": {"csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"a": "b"}}},
    "a share of Azure": {"azureFile": {"secretName": "s", "shareName": "x"}},
    "a flexible volume": {"flexVolume": {"driver": "d", "secretRef": {"name": "s"}}},
    "a repository": {"gitRepo": {"repository": "https://evil.example/x"}},
    "iSCSI": {"iscsi": {"targetPortal": "h", "iqn": "i", "lun": 0, "secretRef": {"name": "s"}}},
    "an image as files": {"image": {"reference": "evil.example/x"}},
    "a volume of no kind that is known": {"tape": {}},
}
_IMAGES: dict[str, str] = {
    "another registry": "evil.example/acme/web",
    "a name that goes on": "registry.example.com.evil.example/acme/web",
    "another port": "registry.example.com:444/acme/web",
    "a prefix of the repository": "registry.example.com/acme-evil/web",
    "the repository itself": "registry.example.com/acme",
    "the name further on": "evil.example/registry.example.com/acme/web",
    "no host": "acme/web",
    "dots": "registry.example.com/acme/../evil/web",
    "two slashes": "registry.example.com//acme/web",
    "a space behind": "registry.example.com/acme/web ",
    "a line end": "registry.example.com/acme/web\n",
    "upper case": "REGISTRY.example.com/acme/web",
    "two digests": f"registry.example.com/acme/web@{SHA}@{SHA}",
    "a scheme": "https://registry.example.com/acme/web",
    "a person": "me@registry.example.com/acme/web",
    "a tag that is none": "registry.example.com/acme/web:a/b",
    "a homograph": "registry.example.com/\u0430cme/web",
    "nothing": "",
}
_YAML: dict[str, Call] = {
    "a truth that readers differ about": yaml("      hostPID: y\n"),
    "the last of two keys": yaml("      hostNetwork: false\n      hostNetwork: true\n"),
    "two images": yaml("          image: evil.example/x\n", _LAST),
    "a merge after the key": yaml("          <<: {image: evil.example/x}\n", _LAST),
    "an anchor": yaml("      hostname: &a x\n      subdomain: *a\n"),
    "a tag": yaml("      hostname: !!binary aGk=\n"),
    "a comment that ends": yaml("      # x\u2028      hostPID: true\n"),
    "a comment that ends, older": yaml("      # x\u0085      hostPID: true\n"),
    "a comment that ends by a carriage return": yaml("      # x\r      hostPID: true\n"),
    "a tab": yaml("\thostPID: true\n"),
    "a directive": applied("%YAML 1.1\n---\n" + MANIFEST),
    "what follows the end": applied(MANIFEST + "...\n" + MANIFEST.replace("acme", "evil")),
    "a second document elsewhere": applied(
        MANIFEST + "---\n" + MANIFEST.replace("namespace: staging", "namespace: kube-system")
    ),
    "a second document of another kind": applied(
        MANIFEST + "---\n" + json.dumps(PLAIN["Secret"]) + "\n"
    ),
    "a document on the marker's line": applied(MANIFEST + '--- {"kind": "Secret"}\n'),
    "a List with a guest": applied(
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [workload("Deployment", "web", pod()), PLAIN["Secret"]],
        }
    ),
    "a List by another name": applied(
        {
            "apiVersion": "apps/v1",
            "kind": "DeploymentList",
            "items": [workload("Deployment", "web", pod())],
        }
    ),
    "items beside": applied({**workload("Deployment", "web", pod()), "items": [PLAIN["Secret"]]}),
    "two objects of JSON": applied(json.dumps(workload("Deployment", "web", pod())) * 2),
    "a doubled key of JSON": applied(
        json.dumps(workload("Deployment", "web", pod())).replace(
            '"image":', '"image": "evil.example/x", "image":'
        )
    ),
    "a byte order mark": applied("\ufeff" + MANIFEST),
    "a number of octal": yaml("      priority: 0o17\n"),
    "a name with a NUL": yaml('      hostname: "a\\0b"\n'),
    "too deep": applied("[" * 5_000),
    "too many documents": applied("---\na: b\n" * 40),
}
_OBJECTS: dict[str, Call] = {
    "another namespace": applied(MANIFEST.replace("namespace: staging", "namespace: production")),
    "the cluster's own namespace": applied(MANIFEST.replace(": staging", ": kube-system")),
    "no namespace": applied(MANIFEST.replace("  namespace: staging\n", "")),
    "an old version": applied(MANIFEST.replace("apps/v1", "extensions/v1beta1")),
    "a generated name": applied(MANIFEST.replace("  name: web\n", "  generateName: web-\n")),
    "the server's own identity": deployed(pod(), uid="x"),
    "a switch": deployed(pod(), annotations={"sidecar.istio.io/inject": "true"}),
    "a profile by annotation": deployed(
        pod(), annotations={"container.apparmor.security.beta.kubernetes.io/web": "unconfined"}
    ),
    "a finalizer": deployed(pod(), finalizers=["evil.example/keep"]),
    "a custom kind": applied(thing("evil.example/v1", "Widget", "w")),
    "a namespace": applied({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}),
    "a cluster role": applied(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "x"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "User", "name": "alice"}],
        }
    ),
    "a role": applied(
        thing(
            "rbac.authorization.k8s.io/v1",
            "Role",
            "x",
            rules=[{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        )
    ),
    **{f"a {kind}": applied(value) for kind, value in PLAIN.items()},
    **{
        f"a {kind}": applied(workload(kind, "web", pod()))
        for kind in ("DaemonSet", "StatefulSet", "Job", "CronJob", "Pod", "ReplicaSet")
    },
}
_REFERENCES = {
    name: ("push_image", {"reference": reference})
    for name, reference in _IMAGES.items()
    if reference
}

ATTACKS: dict[str, Call] = {
    **{f"pod: {name}": deployed(pod(**value)) for name, value in _PODS.items()},
    **{f"container: {name}": deployed(container(**value)) for name, value in _CONTAINERS.items()},
    **{
        f"init container: {name}": deployed(
            pod(initContainers=[{"name": "i", "image": REPOSITORY, **value}])
        )
        for name, value in _CONTAINERS.items()
    },
    **{f"volume: {name}": volume(**value) for name, value in _VOLUMES.items()},
    **{f"image: {name}": image(reference) for name, reference in _IMAGES.items()},
    **{f"push: {name}": call for name, call in _REFERENCES.items()},
    **{f"text: {name}": call for name, call in _YAML.items()},
    **{f"object: {name}": call for name, call in _OBJECTS.items()},
    **{
        f"power: {name}": applied(named(value, "web"))
        for name, value in POWERFUL.items()
        if name not in {"an image by digest", "the default token"}
    },
    "variable: a Secret": env(secretKeyRef={"name": "s", "key": "k"}),
    "variable: a setting": env(configMapKeyRef={"name": "s", "key": "k"}),
}
ALLOWED: dict[str, Call] = {
    "the manifest": applied(MANIFEST),
    "as JSON": deployed(pod()),
    "a container more": deployed(pod(initContainers=[{"name": "i", "image": REPOSITORY}])),
    "by digest": image(f"{REPOSITORY}@{SHA}"),
    "the default token": deployed(pod(automountServiceAccountToken=True)),
    "a scratch volume": volume(emptyDir={}),
    "a probe": deployed(container(livenessProbe={"httpGet": {"path": "/", "port": 80}})),
    "limits": deployed(container(resources={"limits": {"cpu": "1", "memory": "1Gi"}})),
    "hardened": deployed(container(securityContext={"capabilities": {"drop": ["ALL"]}})),
    "a label": deployed(pod(), labels={"app.kubernetes.io/name": "web"}),
    "half a core": yaml("          resources: {limits: {cpu: 0.5}}\n", _LAST),
    "windows line ends": applied(MANIFEST.replace("\n", "\r\n")),
    "two documents": applied(MANIFEST + "---\n" + MANIFEST.replace("name: web", "name: api")),
    "a List": applied(
        {"apiVersion": "v1", "kind": "List", "items": [workload("Deployment", "web", pod())]}
    ),
    "a push": ("push_image", {"reference": f"{REPOSITORY}:1"}),
    "a pull": ("pull_image", {"reference": REPOSITORY}),
}
assert NAMESPACE == "staging"
