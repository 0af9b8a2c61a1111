"""The closed tables: every field that is read, its type, and the power that it carries.

A field that is not here is `uncertain`: a case variant (`HostNetwork`) is dropped by the
server and read by careless readers, and a new field may be a new power.

Types: `str int bool intstr map` (text to text), `labels`, `annotations`, `quantities`,
`image`, `[type]` for a list, or the name of another table. A power after `!` is carried
wherever the field holds anything, after `?` where it is true.
"""

from __future__ import annotations

from typing import Final, NamedTuple

POWERS: Final = ("image", "secret-read", "identity", "node", "data", "lasting", "traffic")


class Field(NamedTuple):
    """One field: the type of its value or items, and its power."""

    type: str
    many: bool
    power: str
    only_true: bool


_PROBE: Final = """
    exec:Exec!lasting httpGet:HttpGet tcpSocket:TcpSocket grpc:Grpc initialDelaySeconds:int
    timeoutSeconds:int periodSeconds:int successThreshold:int failureThreshold:int
    terminationGracePeriodSeconds:int
"""
_CONTAINER: Final = """
    name:str image:image command:[str] args:[str] workingDir:str ports:[ContainerPort]
    envFrom:[EnvFrom] env:[Env] resources:Resources resizePolicy:[ResizePolicy]
    restartPolicy:str volumeMounts:[VolumeMount] volumeDevices:[VolumeDevice]
    livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle!lasting
    terminationMessagePath:str terminationMessagePolicy:str imagePullPolicy:str
    securityContext:SecurityContext stdin:bool stdinOnce:bool tty:bool
"""
_RUN_AS: Final = "runAsUser:int runAsGroup:int runAsNonRoot:bool"
_PROFILES: Final = """
    seccompProfile:Profile appArmorProfile:Profile seLinuxOptions:SeLinux!node
    windowsOptions:Windows!node
"""
_TABLES: Final = {
    "Deployment": "apiVersion:str kind:str metadata:ObjectMeta spec:DeploymentSpec",
    "ObjectMeta": """
        name:str namespace:str labels:labels annotations:annotations finalizers:[str]!lasting
        ownerReferences:[OwnerReference]!lasting
    """,
    "OwnerReference": """
        apiVersion:str kind:str name:str uid:str controller:bool blockOwnerDeletion:bool
    """,
    "DeploymentSpec": """
        replicas:int selector:LabelSelector template:PodTemplate strategy:Strategy
        minReadySeconds:int revisionHistoryLimit:int paused:bool progressDeadlineSeconds:int
    """,
    "LabelSelector": "matchLabels:map matchExpressions:[MatchExpression]",
    "MatchExpression": "key:str operator:str values:[str]",
    "Strategy": "type:str rollingUpdate:RollingUpdate",
    "RollingUpdate": "maxSurge:intstr maxUnavailable:intstr",
    "PodTemplate": "metadata:PodMeta spec:PodSpec",
    "PodMeta": "labels:labels annotations:annotations finalizers:[str]!lasting",
    "PodSpec": """
        containers:[Container] initContainers:[Container] ephemeralContainers:[Ephemeral]
        volumes:[Volume] restartPolicy:str terminationGracePeriodSeconds:int
        activeDeadlineSeconds:int dnsPolicy:str dnsConfig:DnsConfig hostAliases:[HostAlias]
        hostname:str subdomain:str setHostnameAsFQDN:bool enableServiceLinks:bool
        shareProcessNamespace:bool securityContext:PodSecurityContext os:Os hostUsers:bool
        topologySpreadConstraints:[Spread] readinessGates:[ReadinessGate]
        serviceAccountName:str!identity serviceAccount:str!identity
        automountServiceAccountToken:bool imagePullSecrets:[LocalReference]!secret-read
        hostNetwork:bool?node hostPID:bool?node hostIPC:bool?node nodeName:str!node
        nodeSelector:map!node tolerations:[Toleration]!node schedulerName:str!node
        runtimeClassName:str!node priorityClassName:str!node priority:int!node
        preemptionPolicy:str!node resourceClaims:[ResourceClaim]!node
    """,
    "Container": _CONTAINER,
    "Ephemeral": _CONTAINER + " targetContainerName:str",
    "ContainerPort": "name:str containerPort:int protocol:str hostPort:int!node hostIP:str!node",
    "EnvFrom": "prefix:str configMapRef:OptionalName!data secretRef:OptionalName!secret-read",
    "Env": "name:str value:str valueFrom:EnvSource",
    "EnvSource": """
        fieldRef:FieldRef resourceFieldRef:ResourceFieldRef configMapKeyRef:KeyRef!data
        secretKeyRef:KeyRef!secret-read
    """,
    "FieldRef": "apiVersion:str fieldPath:str",
    "ResourceFieldRef": "containerName:str resource:str divisor:intstr",
    "KeyRef": "name:str key:str optional:bool",
    "OptionalName": "name:str optional:bool",
    "LocalReference": "name:str",
    "Resources": "limits:quantities requests:quantities claims:[ResourceName]!node",
    "ResourceName": "name:str request:str",
    "ResizePolicy": "resourceName:str restartPolicy:str",
    "VolumeMount": """
        name:str mountPath:str subPath:str subPathExpr:str readOnly:bool
        recursiveReadOnly:str mountPropagation:str!node
    """,
    "VolumeDevice": "name:str devicePath:str",
    "Probe": _PROBE,
    "Exec": "command:[str]",
    "HttpGet": "path:str port:intstr host:str!node scheme:str httpHeaders:[HttpHeader]",
    "HttpHeader": "name:str value:str",
    "TcpSocket": "port:intstr host:str!node",
    "Grpc": "port:int service:str",
    "Lifecycle": "postStart:Handler preStop:Handler stopSignal:str",
    "Handler": "exec:Exec httpGet:HttpGet tcpSocket:TcpSocket sleep:Sleep",
    "Sleep": "seconds:int",
    "SecurityContext": f"""
        {_RUN_AS} {_PROFILES} allowPrivilegeEscalation:bool readOnlyRootFilesystem:bool
        privileged:bool?node procMount:str!node capabilities:Capabilities
    """,
    "Capabilities": "add:[str]!node drop:[str]",
    "PodSecurityContext": f"""
        {_RUN_AS} {_PROFILES} fsGroup:int fsGroupChangePolicy:str supplementalGroups:[int]
        supplementalGroupsPolicy:str seLinuxChangePolicy:str!node sysctls:[Sysctl]!node
    """,
    "Profile": "type:str localhostProfile:str",
    "SeLinux": "level:str role:str type:str user:str",
    "Windows": """
        gmsaCredentialSpec:str gmsaCredentialSpecName:str hostProcess:bool runAsUserName:str
    """,
    "Sysctl": "name:str value:str",
    "Os": "name:str",
    "DnsConfig": "nameservers:[str] searches:[str] options:[DnsOption]",
    "DnsOption": "name:str value:str",
    "HostAlias": "ip:str hostnames:[str]",
    "ReadinessGate": "conditionType:str",
    "Spread": """
        maxSkew:int topologyKey:str whenUnsatisfiable:str labelSelector:LabelSelector
        minDomains:int nodeAffinityPolicy:str nodeTaintsPolicy:str matchLabelKeys:[str]
    """,
    "Toleration": "key:str operator:str value:str effect:str tolerationSeconds:int",
    "ResourceClaim": "name:str resourceClaimName:str resourceClaimTemplateName:str",
    "Volume": """
        name:str emptyDir:EmptyDir downwardAPI:DownwardApi configMap:ConfigMap!data
        secret:Secret!secret-read projected:Projected hostPath:HostPath!node
        persistentVolumeClaim:Claim!data nfs:Nfs!data csi:Csi!data image:ImageVolume
    """,
    "EmptyDir": "medium:str sizeLimit:intstr",
    "DownwardApi": "items:[DownwardItem] defaultMode:int",
    "DownwardItem": "path:str fieldRef:FieldRef resourceFieldRef:ResourceFieldRef mode:int",
    "ConfigMap": "name:str items:[KeyPath] defaultMode:int optional:bool",
    "Secret": "secretName:str items:[KeyPath] defaultMode:int optional:bool",
    "KeyPath": "key:str path:str mode:int",
    "Projected": "sources:[ProjectedSource] defaultMode:int",
    "ProjectedSource": """
        configMap:ProjectedMap!data secret:ProjectedMap!secret-read downwardAPI:DownwardApi
        serviceAccountToken:TokenSource!identity
    """,
    "ProjectedMap": "name:str items:[KeyPath] optional:bool",
    "TokenSource": "audience:str expirationSeconds:int path:str",
    "HostPath": "path:str type:str",
    "Claim": "claimName:str readOnly:bool",
    "Nfs": "server:str path:str readOnly:bool",
    "Csi": """
        driver:str readOnly:bool fsType:str volumeAttributes:map!secret-read
        nodePublishSecretRef:LocalReference!secret-read
    """,
    "ImageVolume": "reference:image pullPolicy:str",
}


def _field(text: str) -> tuple[str, Field]:
    name, _, rest = text.partition(":")
    only_true = "?" in rest
    kind, _, power = rest.partition("?" if only_true else "!")
    many = kind.startswith("[")
    return name, Field(kind.strip("[]"), many, power, only_true)


SHAPES: Final[dict[str, dict[str, Field]]] = {
    name: dict(_field(word) for word in table.split()) for name, table in _TABLES.items()
}
