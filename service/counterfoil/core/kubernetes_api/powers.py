"""What each field lets its object do: the hand-written half of the tables.

Whoever may deploy to a namespace can, through the pod template, read its Secrets, act as its
service accounts and reach its nodes: the server and RBAC accept all of it from an account
that holds `deployments: patch, create` alone. So each such power is named here, and a field
of a type in `GUARDED` that is not listed is not read at all: a release may add a new one.

`-` lists what carries nothing by itself; `.data` is a field of a power's name. After a name:
`?`: it counts where it is
true, `=X` where it is anything but X, `^` unless it is false, and where it is absent too.
"""

from __future__ import annotations

from typing import Final

POWERS: Final = (
    "image",
    "secret-read",
    "identity",
    "node",
    "data",
    "lasting",
    "traffic",
    "rights",
    "switch",
)
"""In the order of the operations. `image` stands first: it is the deployment itself."""

_CONTAINER: Final = """
    - name command args workingDir ports env envFrom resources resizePolicy restartPolicy
      restartPolicyRules volumeMounts volumeDevices livenessProbe readinessProbe startupProbe
      terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin
      stdinOnce tty targetContainerName image
    lasting lifecycle
"""
_RUN_AS: Final = "- runAsUser runAsGroup runAsNonRoot seccompProfile appArmorProfile"
_PROFILE: Final = "node type=RuntimeDefault localhostProfile"

GUARDED: Final = {
    "ObjectMeta": "- name namespace labels annotations creationTimestamp generateName "
    "lasting finalizers ownerReferences",
    "PodSpec": """
        - containers initContainers ephemeralContainers volumes restartPolicy
          terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy dnsConfig hostAliases
          hostname hostnameOverride subdomain setHostnameAsFQDN enableServiceLinks
          shareProcessNamespace securityContext os hostUsers topologySpreadConstraints
          readinessGates schedulingGates resources
        identity serviceAccountName serviceAccount automountServiceAccountToken^
        secret-read imagePullSecrets
        node hostNetwork? hostPID? hostIPC? nodeName nodeSelector tolerations
          schedulerName=default-scheduler runtimeClassName priorityClassName priority
          preemptionPolicy=PreemptLowerPriority resourceClaims affinity
    """,
    "Container": _CONTAINER,
    "EphemeralContainer": _CONTAINER,
    "ContainerPort": "- name containerPort protocol node hostPort hostIP",
    "EnvFromSource": "- prefix data configMapRef secret-read secretRef",
    "EnvVarSource": "- fieldRef resourceFieldRef data configMapKeyRef secret-read secretKeyRef",
    "ResourceRequirements": "- limits requests node claims",
    "VolumeMount": """
        - name mountPath subPath subPathExpr readOnly recursiveReadOnly node mountPropagation
    """,
    "Probe": """
        - httpGet tcpSocket grpc initialDelaySeconds timeoutSeconds periodSeconds
          successThreshold failureThreshold terminationGracePeriodSeconds
        lasting exec
    """,
    "HTTPGetAction": "- path port scheme httpHeaders node host",
    "TCPSocketAction": "- port node host",
    "SecurityContext": f"""
        {_RUN_AS} allowPrivilegeEscalation readOnlyRootFilesystem capabilities
        node privileged? procMount=Default seLinuxOptions windowsOptions
    """,
    "Capabilities": "- drop node add",
    "PodSecurityContext": f"""
        {_RUN_AS} fsGroup fsGroupChangePolicy supplementalGroups supplementalGroupsPolicy
        node seLinuxChangePolicy sysctls seLinuxOptions windowsOptions
    """,
    "SeccompProfile": _PROFILE,
    "AppArmorProfile": _PROFILE,
    "Volume": """
        - name emptyDir downwardAPI projected image
        secret-read secret azureFile cephfs flexVolume iscsi rbd scaleIO storageos
        node hostPath
        data configMap persistentVolumeClaim nfs csi ephemeral awsElasticBlockStore azureDisk
          cinder fc flocker gcePersistentDisk gitRepo glusterfs photonPersistentDisk
          portworxVolume quobyte vsphereVolume
    """,
    "ImageVolumeSource": "- pullPolicy reference",
    "CSIVolumeSource": "- driver readOnly fsType secret-read volumeAttributes nodePublishSecretRef",
    "VolumeProjection": """
        - downwardAPI data configMap clusterTrustBundle secret-read secret
        identity serviceAccountToken podCertificate
    """,
    "JobSpec": """
        - activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode completions
          manualSelector maxFailedIndexes parallelism podFailurePolicy podReplacementPolicy
          selector successPolicy suspend template ttlSecondsAfterFinished
        switch managedBy
    """,
    "CronJobSpec": """
        - concurrencyPolicy failedJobsHistoryLimit jobTemplate startingDeadlineSeconds
          successfulJobsHistoryLimit suspend timeZone
        lasting schedule
    """,
    "StatefulSetSpec": """
        - minReadySeconds ordinals persistentVolumeClaimRetentionPolicy podManagementPolicy
          replicas revisionHistoryLimit selector serviceName template updateStrategy
        data volumeClaimTemplates
    """,
    "ServiceSpec": """
        - clusterIP clusterIPs externalTrafficPolicy healthCheckNodePort
          internalTrafficPolicy ipFamilies ipFamilyPolicy ports
          publishNotReadyAddresses selector sessionAffinity sessionAffinityConfig
          trafficDistribution allocateLoadBalancerNodePorts loadBalancerSourceRanges
        traffic type=ClusterIP externalIPs externalName loadBalancerClass loadBalancerIP
    """,
    "ServicePort": "- appProtocol name port protocol targetPort traffic nodePort",
    "ServiceAccount": """
        - apiVersion kind metadata automountServiceAccountToken
        secret-read secrets imagePullSecrets
    """,
    "PersistentVolumeClaimSpec": """
        - accessModes resources selector storageClassName volumeAttributesClassName volumeMode
        data dataSource dataSourceRef volumeName
    """,
    "Secret": "- apiVersion kind metadata .data stringData immutable type",
}

OF_KIND: Final = {
    **dict.fromkeys(
        ("Endpoints", "EndpointSlice", "Ingress", "IngressClass", "NetworkPolicy"), "traffic"
    ),
    **dict.fromkeys(("IPAddress", "ServiceCIDR"), "traffic"),
    **dict.fromkeys(("ResourceClaim", "ResourceClaimTemplate", "DeviceClass"), "node"),
    **dict.fromkeys(("Node", "PriorityClass", "RuntimeClass", "CSIDriver"), "node"),
    **dict.fromkeys(("PersistentVolume", "StorageClass", "VolumeAttributesClass"), "node"),
    **dict.fromkeys(("CSIStorageCapacity", "Lease"), "node"),
    **dict.fromkeys(("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"), "rights"),
    **dict.fromkeys(("Namespace", "CustomResourceDefinition", "APIService"), "rights"),
    **dict.fromkeys(
        ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "FlowSchema"), "rights"
    ),
    **dict.fromkeys(("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"), "rights"),
    **dict.fromkeys(("PriorityLevelConfiguration", "CertificateSigningRequest"), "rights"),
}
"""Kinds that are a power themselves, whatever their fields say."""

PLAIN_ANNOTATIONS: Final = frozenset(
    {
        "kubernetes.io/description",
        "kubernetes.io/change-cause",
        "prometheus.io/scrape",
        "prometheus.io/port",
        "prometheus.io/path",
        "prometheus.io/scheme",
    }
)
"""Annotations that nothing in a cluster acts on but who measures it."""

PLAIN_SECRETS: Final = frozenset(
    {
        "",
        "Opaque",
        "kubernetes.io/tls",
        "kubernetes.io/basic-auth",
        "kubernetes.io/ssh-auth",
        "kubernetes.io/dockerconfigjson",
        "kubernetes.io/dockercfg",
    }
)
"""Types of Secrets that are nothing but data: `service-account-token` is an endless token."""
