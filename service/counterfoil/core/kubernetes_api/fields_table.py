"""Made by tools/kubernetes_table.py from k8s.io/kubernetes v1.35.4. Do not edit."""

FIELDS = """\
APIService apiVersion:str kind:str metadata:ObjectMeta spec:APIServiceSpec
APIServiceSpec caBundle:str group:str groupPriorityMinimum:int insecureSkipTLSVerify:bool service:V1ServiceReference version:str versionPriority:int
AWSElasticBlockStoreVolumeSource fsType:str partition:int readOnly:bool volumeID:str
Affinity nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
AggregationRule clusterRoleSelectors:[LabelSelector]
AppArmorProfile localhostProfile:str type:str
AuditAnnotation key:str valueExpression:str
AzureDiskVolumeSource cachingMode:str diskName:str diskURI:str fsType:str kind:str readOnly:bool
AzureFilePersistentVolumeSource readOnly:bool secretName:str secretNamespace:str shareName:str
AzureFileVolumeSource readOnly:bool secretName:str shareName:str
CELDeviceSelector expression:str
CSIDriver apiVersion:str kind:str metadata:ObjectMeta spec:CSIDriverSpec
CSIDriverSpec attachRequired:bool fsGroupPolicy:str nodeAllocatableUpdatePeriodSeconds:int podInfoOnMount:bool requiresRepublish:bool seLinuxMount:bool serviceAccountTokenInSecrets:bool storageCapacity:bool tokenRequests:[TokenRequest] volumeLifecycleModes:[str]
CSIPersistentVolumeSource controllerExpandSecretRef:SecretReference controllerPublishSecretRef:SecretReference driver:str fsType:str nodeExpandSecretRef:SecretReference nodePublishSecretRef:SecretReference nodeStageSecretRef:SecretReference readOnly:bool volumeAttributes:{str} volumeHandle:str
CSIStorageCapacity apiVersion:str capacity:quantity kind:str maximumVolumeSize:quantity metadata:ObjectMeta nodeTopology:LabelSelector storageClassName:str
CSIVolumeSource driver:str fsType:str nodePublishSecretRef:LocalObjectReference readOnly:bool volumeAttributes:{str}
Capabilities add:[str] drop:[str]
CapacityRequestPolicy default:quantity validRange:CapacityRequestPolicyRange validValues:[quantity]
CapacityRequestPolicyRange max:quantity min:quantity step:quantity
CapacityRequirements requests:{quantity}
CephFSPersistentVolumeSource monitors:[str] path:str readOnly:bool secretFile:str secretRef:SecretReference user:str
CephFSVolumeSource monitors:[str] path:str readOnly:bool secretFile:str secretRef:LocalObjectReference user:str
CertificateSigningRequest apiVersion:str kind:str metadata:ObjectMeta spec:CertificateSigningRequestSpec
CertificateSigningRequestSpec expirationSeconds:int extra:{[str]} groups:[str] request:str signerName:str uid:str usages:[str] username:str
CinderPersistentVolumeSource fsType:str readOnly:bool secretRef:SecretReference volumeID:str
CinderVolumeSource fsType:str readOnly:bool secretRef:LocalObjectReference volumeID:str
ClientIPConfig timeoutSeconds:int
ClusterRole aggregationRule:AggregationRule apiVersion:str kind:str metadata:ObjectMeta rules:[PolicyRule]
ClusterRoleBinding apiVersion:str kind:str metadata:ObjectMeta roleRef:RoleRef subjects:[V1Subject]
ClusterTrustBundleProjection labelSelector:LabelSelector name:str optional:bool path:str signerName:str
ConfigMap apiVersion:str binaryData:{str} data:{str} immutable:bool kind:str metadata:ObjectMeta
ConfigMapEnvSource name:str optional:bool
ConfigMapKeySelector key:str name:str optional:bool
ConfigMapNodeConfigSource kubeletConfigKey:str name:str namespace:str resourceVersion:str uid:str
ConfigMapProjection items:[KeyToPath] name:str optional:bool
ConfigMapVolumeSource defaultMode:int items:[KeyToPath] name:str optional:bool
Container args:[str] command:[str] env:[EnvVar] envFrom:[EnvFromSource] image:str imagePullPolicy:str lifecycle:Lifecycle livenessProbe:Probe name:str ports:[ContainerPort] readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements restartPolicy:str restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe stdin:bool stdinOnce:bool terminationMessagePath:str terminationMessagePolicy:str tty:bool volumeDevices:[VolumeDevice] volumeMounts:[VolumeMount] workingDir:str
ContainerPort containerPort:int hostIP:str hostPort:int name:str protocol:str
ContainerResizePolicy resourceName:str restartPolicy:str
ContainerResourceMetricSource container:str name:str target:MetricTarget
ContainerRestartRule action:str exitCodes:ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes operator:str values:[int]
Counter value:quantity
CounterSet counters:{Counter} name:str
CronJob apiVersion:str kind:str metadata:ObjectMeta spec:CronJobSpec
CronJobSpec concurrencyPolicy:str failedJobsHistoryLimit:int jobTemplate:JobTemplateSpec schedule:str startingDeadlineSeconds:int successfulJobsHistoryLimit:int suspend:bool timeZone:str
CrossVersionObjectReference apiVersion:str kind:str name:str
CustomResourceColumnDefinition description:str format:str jsonPath:str name:str priority:int type:str
CustomResourceConversion strategy:str webhook:WebhookConversion
CustomResourceDefinition apiVersion:str kind:str metadata:ObjectMeta spec:CustomResourceDefinitionSpec
CustomResourceDefinitionNames categories:[str] kind:str listKind:str plural:str shortNames:[str] singular:str
CustomResourceDefinitionSpec conversion:CustomResourceConversion group:str names:CustomResourceDefinitionNames preserveUnknownFields:bool scope:str versions:[CustomResourceDefinitionVersion]
CustomResourceDefinitionVersion additionalPrinterColumns:[CustomResourceColumnDefinition] deprecated:bool deprecationWarning:str name:str schema:CustomResourceValidation selectableFields:[SelectableField] served:bool storage:bool subresources:CustomResourceSubresources
CustomResourceSubresourceScale labelSelectorPath:str specReplicasPath:str statusReplicasPath:str
CustomResourceSubresources scale:CustomResourceSubresourceScale status:any
CustomResourceValidation openAPIV3Schema:JSONSchemaProps
DaemonSet apiVersion:str kind:str metadata:ObjectMeta spec:DaemonSetSpec
DaemonSetSpec minReadySeconds:int revisionHistoryLimit:int selector:LabelSelector template:PodTemplateSpec updateStrategy:DaemonSetUpdateStrategy
DaemonSetUpdateStrategy rollingUpdate:RollingUpdateDaemonSet type:str
Deployment apiVersion:str kind:str metadata:ObjectMeta spec:DeploymentSpec
DeploymentSpec minReadySeconds:int paused:bool progressDeadlineSeconds:int replicas:int revisionHistoryLimit:int selector:LabelSelector strategy:DeploymentStrategy template:PodTemplateSpec
DeploymentStrategy rollingUpdate:RollingUpdateDeployment type:str
Device allNodes:bool allowMultipleAllocations:bool attributes:{DeviceAttribute} bindingConditions:[str] bindingFailureConditions:[str] bindsToNode:bool capacity:{DeviceCapacity} consumesCounters:[DeviceCounterConsumption] name:str nodeName:str nodeSelector:NodeSelector taints:[DeviceTaint]
DeviceAttribute bool:bool int:int string:str version:str
DeviceCapacity requestPolicy:CapacityRequestPolicy value:quantity
DeviceClaim config:[DeviceClaimConfiguration] constraints:[DeviceConstraint] requests:[DeviceRequest]
DeviceClaimConfiguration opaque:OpaqueDeviceConfiguration requests:[str]
DeviceClass apiVersion:str kind:str metadata:ObjectMeta spec:DeviceClassSpec
DeviceClassConfiguration opaque:OpaqueDeviceConfiguration
DeviceClassSpec config:[DeviceClassConfiguration] extendedResourceName:str selectors:[DeviceSelector]
DeviceConstraint distinctAttribute:str matchAttribute:str requests:[str]
DeviceCounterConsumption counterSet:str counters:{Counter}
DeviceRequest exactly:ExactDeviceRequest firstAvailable:[DeviceSubRequest] name:str
DeviceSelector cel:CELDeviceSelector
DeviceSubRequest allocationMode:str capacity:CapacityRequirements count:int deviceClassName:str name:str selectors:[DeviceSelector] tolerations:[DeviceToleration]
DeviceTaint effect:str key:str timeAdded:str value:str
DeviceToleration effect:str key:str operator:str tolerationSeconds:int value:str
DownwardAPIProjection items:[DownwardAPIVolumeFile]
DownwardAPIVolumeFile fieldRef:ObjectFieldSelector mode:int path:str resourceFieldRef:ResourceFieldSelector
DownwardAPIVolumeSource defaultMode:int items:[DownwardAPIVolumeFile]
EmptyDirVolumeSource medium:str sizeLimit:quantity
Endpoint addresses:[str] conditions:EndpointConditions deprecatedTopology:{str} hints:EndpointHints hostname:str nodeName:str targetRef:ObjectReference zone:str
EndpointAddress hostname:str ip:str nodeName:str targetRef:ObjectReference
EndpointConditions ready:bool serving:bool terminating:bool
EndpointHints forNodes:[ForNode] forZones:[ForZone]
EndpointPort appProtocol:str name:str port:int protocol:str
EndpointSlice addressType:str apiVersion:str endpoints:[Endpoint] kind:str metadata:ObjectMeta ports:[V1EndpointPort]
EndpointSubset addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress] ports:[EndpointPort]
Endpoints apiVersion:str kind:str metadata:ObjectMeta subsets:[EndpointSubset]
EnvFromSource configMapRef:ConfigMapEnvSource prefix:str secretRef:SecretEnvSource
EnvVar name:str value:str valueFrom:EnvVarSource
EnvVarSource configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector fileKeyRef:FileKeySelector resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector
EphemeralContainer args:[str] command:[str] env:[EnvVar] envFrom:[EnvFromSource] image:str imagePullPolicy:str lifecycle:Lifecycle livenessProbe:Probe name:str ports:[ContainerPort] readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements restartPolicy:str restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe stdin:bool stdinOnce:bool targetContainerName:str terminationMessagePath:str terminationMessagePolicy:str tty:bool volumeDevices:[VolumeDevice] volumeMounts:[VolumeMount] workingDir:str
EphemeralVolumeSource volumeClaimTemplate:PersistentVolumeClaimTemplate
ExactDeviceRequest adminAccess:bool allocationMode:str capacity:CapacityRequirements count:int deviceClassName:str selectors:[DeviceSelector] tolerations:[DeviceToleration]
ExecAction command:[str]
ExemptPriorityLevelConfiguration lendablePercent:int nominalConcurrencyShares:int
ExternalDocumentation description:str url:str
ExternalMetricSource metric:MetricIdentifier target:MetricTarget
FCVolumeSource fsType:str lun:int readOnly:bool targetWWNs:[str] wwids:[str]
FileKeySelector key:str optional:bool path:str volumeName:str
FlexPersistentVolumeSource driver:str fsType:str options:{str} readOnly:bool secretRef:SecretReference
FlexVolumeSource driver:str fsType:str options:{str} readOnly:bool secretRef:LocalObjectReference
FlockerVolumeSource datasetName:str datasetUUID:str
FlowDistinguisherMethod type:str
FlowSchema apiVersion:str kind:str metadata:ObjectMeta spec:FlowSchemaSpec
FlowSchemaSpec distinguisherMethod:FlowDistinguisherMethod matchingPrecedence:int priorityLevelConfiguration:PriorityLevelConfigurationReference rules:[PolicyRulesWithSubjects]
ForNode name:str
ForZone name:str
GCEPersistentDiskVolumeSource fsType:str partition:int pdName:str readOnly:bool
GRPCAction port:int service:str
GitRepoVolumeSource directory:str repository:str revision:str
GlusterfsPersistentVolumeSource endpoints:str endpointsNamespace:str path:str readOnly:bool
GlusterfsVolumeSource endpoints:str path:str readOnly:bool
GroupSubject name:str
HPAScalingPolicy periodSeconds:int type:str value:int
HPAScalingRules policies:[HPAScalingPolicy] selectPolicy:str stabilizationWindowSeconds:int tolerance:quantity
HTTPGetAction host:str httpHeaders:[HTTPHeader] path:str port:intstr scheme:str
HTTPHeader name:str value:str
HTTPIngressPath backend:IngressBackend path:str pathType:str
HTTPIngressRuleValue paths:[HTTPIngressPath]
HorizontalPodAutoscaler apiVersion:str kind:str metadata:ObjectMeta spec:HorizontalPodAutoscalerSpec
HorizontalPodAutoscalerBehavior scaleDown:HPAScalingRules scaleUp:HPAScalingRules
HorizontalPodAutoscalerSpec maxReplicas:int minReplicas:int scaleTargetRef:CrossVersionObjectReference targetCPUUtilizationPercentage:int
HostAlias hostnames:[str] ip:str
HostPathVolumeSource path:str type:str
IPAddress apiVersion:str kind:str metadata:ObjectMeta spec:IPAddressSpec
IPAddressSpec parentRef:ParentReference
IPBlock cidr:str except:[str]
ISCSIPersistentVolumeSource chapAuthDiscovery:bool chapAuthSession:bool fsType:str initiatorName:str iqn:str iscsiInterface:str lun:int portals:[str] readOnly:bool secretRef:SecretReference targetPortal:str
ISCSIVolumeSource chapAuthDiscovery:bool chapAuthSession:bool fsType:str initiatorName:str iqn:str iscsiInterface:str lun:int portals:[str] readOnly:bool secretRef:LocalObjectReference targetPortal:str
ImageVolumeSource pullPolicy:str reference:str
Ingress apiVersion:str kind:str metadata:ObjectMeta spec:IngressSpec
IngressBackend resource:TypedLocalObjectReference service:IngressServiceBackend
IngressClass apiVersion:str kind:str metadata:ObjectMeta spec:IngressClassSpec
IngressClassParametersReference apiGroup:str kind:str name:str namespace:str scope:str
IngressClassSpec controller:str parameters:IngressClassParametersReference
IngressRule host:str http:HTTPIngressRuleValue
IngressServiceBackend name:str port:ServiceBackendPort
IngressSpec defaultBackend:IngressBackend ingressClassName:str rules:[IngressRule] tls:[IngressTLS]
IngressTLS hosts:[str] secretName:str
JSONSchemaProps $ref:str $schema:str additionalItems:any additionalProperties:any allOf:[JSONSchemaProps] anyOf:[JSONSchemaProps] default:any definitions:{JSONSchemaProps} dependencies:{any} description:str enum:[any] example:any exclusiveMaximum:bool exclusiveMinimum:bool externalDocs:ExternalDocumentation format:str id:str items:any maxItems:int maxLength:int maxProperties:int maximum:number minItems:int minLength:int minProperties:int minimum:number multipleOf:number not:JSONSchemaProps nullable:bool oneOf:[JSONSchemaProps] pattern:str patternProperties:{JSONSchemaProps} properties:{JSONSchemaProps} required:[str] title:str type:str uniqueItems:bool x-kubernetes-embedded-resource:bool x-kubernetes-int-or-string:bool x-kubernetes-list-map-keys:[str] x-kubernetes-list-type:str x-kubernetes-map-type:str x-kubernetes-preserve-unknown-fields:bool x-kubernetes-validations:[ValidationRule]
Job apiVersion:str kind:str metadata:ObjectMeta spec:JobSpec
JobSpec activeDeadlineSeconds:int backoffLimit:int backoffLimitPerIndex:int completionMode:str completions:int managedBy:str manualSelector:bool maxFailedIndexes:int parallelism:int podFailurePolicy:PodFailurePolicy podReplacementPolicy:str selector:LabelSelector successPolicy:SuccessPolicy suspend:bool template:PodTemplateSpec ttlSecondsAfterFinished:int
JobTemplateSpec metadata:ObjectMeta spec:JobSpec
KeyToPath key:str mode:int path:str
LabelSelector matchExpressions:[LabelSelectorRequirement] matchLabels:{str}
LabelSelectorRequirement key:str operator:str values:[str]
Lease apiVersion:str kind:str metadata:ObjectMeta spec:LeaseSpec
LeaseSpec acquireTime:str holderIdentity:str leaseDurationSeconds:int leaseTransitions:int preferredHolder:str renewTime:str strategy:str
Lifecycle postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:str
LifecycleHandler exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction
LimitRange apiVersion:str kind:str metadata:ObjectMeta spec:LimitRangeSpec
LimitRangeItem default:{quantity} defaultRequest:{quantity} max:{quantity} maxLimitRequestRatio:{quantity} min:{quantity} type:str
LimitRangeSpec limits:[LimitRangeItem]
LimitResponse queuing:QueuingConfiguration type:str
LimitedPriorityLevelConfiguration borrowingLimitPercent:int lendablePercent:int limitResponse:LimitResponse nominalConcurrencyShares:int
LocalObjectReference name:str
LocalVolumeSource fsType:str path:str
MatchCondition expression:str name:str
MatchResources excludeResourceRules:[NamedRuleWithOperations] matchPolicy:str namespaceSelector:LabelSelector objectSelector:LabelSelector resourceRules:[NamedRuleWithOperations]
MetricIdentifier name:str selector:LabelSelector
MetricSpec containerResource:ContainerResourceMetricSource external:ExternalMetricSource object:ObjectMetricSource pods:PodsMetricSource resource:ResourceMetricSource type:str
MetricTarget averageUtilization:int averageValue:quantity type:str value:quantity
MutatingWebhook admissionReviewVersions:[str] clientConfig:WebhookClientConfig failurePolicy:str matchConditions:[MatchCondition] matchPolicy:str name:str namespaceSelector:LabelSelector objectSelector:LabelSelector reinvocationPolicy:str rules:[RuleWithOperations] sideEffects:str timeoutSeconds:int
MutatingWebhookConfiguration apiVersion:str kind:str metadata:ObjectMeta webhooks:[MutatingWebhook]
NFSVolumeSource path:str readOnly:bool server:str
NamedRuleWithOperations apiGroups:[str] apiVersions:[str] operations:[str] resourceNames:[str] resources:[str] scope:str
Namespace apiVersion:str kind:str metadata:ObjectMeta spec:NamespaceSpec
NamespaceSpec finalizers:[str]
NetworkPolicy apiVersion:str kind:str metadata:ObjectMeta spec:NetworkPolicySpec
NetworkPolicyEgressRule ports:[NetworkPolicyPort] to:[NetworkPolicyPeer]
NetworkPolicyIngressRule from:[NetworkPolicyPeer] ports:[NetworkPolicyPort]
NetworkPolicyPeer ipBlock:IPBlock namespaceSelector:LabelSelector podSelector:LabelSelector
NetworkPolicyPort endPort:int port:intstr protocol:str
NetworkPolicySpec egress:[NetworkPolicyEgressRule] ingress:[NetworkPolicyIngressRule] podSelector:LabelSelector policyTypes:[str]
Node apiVersion:str kind:str metadata:ObjectMeta spec:NodeSpec
NodeAffinity preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm] requiredDuringSchedulingIgnoredDuringExecution:NodeSelector
NodeConfigSource configMap:ConfigMapNodeConfigSource
NodeSelector nodeSelectorTerms:[NodeSelectorTerm]
NodeSelectorRequirement key:str operator:str values:[str]
NodeSelectorTerm matchExpressions:[NodeSelectorRequirement] matchFields:[NodeSelectorRequirement]
NodeSpec configSource:NodeConfigSource externalID:str podCIDR:str podCIDRs:[str] providerID:str taints:[Taint] unschedulable:bool
NonResourcePolicyRule nonResourceURLs:[str] verbs:[str]
ObjectFieldSelector apiVersion:str fieldPath:str
ObjectMeta annotations:{str} creationTimestamp:str deletionGracePeriodSeconds:int deletionTimestamp:str finalizers:[str] generateName:str generation:int labels:{str} name:str namespace:str ownerReferences:[OwnerReference] resourceVersion:str uid:str
ObjectMetricSource describedObject:V2CrossVersionObjectReference metric:MetricIdentifier target:MetricTarget
ObjectReference apiVersion:str fieldPath:str kind:str name:str namespace:str resourceVersion:str uid:str
OpaqueDeviceConfiguration driver:str parameters:any
Overhead podFixed:{quantity}
OwnerReference apiVersion:str blockOwnerDeletion:bool controller:bool kind:str name:str uid:str
ParamKind apiVersion:str kind:str
ParamRef name:str namespace:str parameterNotFoundAction:str selector:LabelSelector
ParentReference group:str name:str namespace:str resource:str
PersistentVolume apiVersion:str kind:str metadata:ObjectMeta spec:PersistentVolumeSpec
PersistentVolumeClaim apiVersion:str kind:str metadata:ObjectMeta spec:PersistentVolumeClaimSpec
PersistentVolumeClaimSpec accessModes:[str] dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference resources:VolumeResourceRequirements selector:LabelSelector storageClassName:str volumeAttributesClassName:str volumeMode:str volumeName:str
PersistentVolumeClaimTemplate metadata:ObjectMeta spec:PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource claimName:str readOnly:bool
PersistentVolumeSpec accessModes:[str] awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource azureFile:AzureFilePersistentVolumeSource capacity:{quantity} cephfs:CephFSPersistentVolumeSource cinder:CinderPersistentVolumeSource claimRef:ObjectReference csi:CSIPersistentVolumeSource fc:FCVolumeSource flexVolume:FlexPersistentVolumeSource flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource glusterfs:GlusterfsPersistentVolumeSource hostPath:HostPathVolumeSource iscsi:ISCSIPersistentVolumeSource local:LocalVolumeSource mountOptions:[str] nfs:NFSVolumeSource nodeAffinity:VolumeNodeAffinity persistentVolumeReclaimPolicy:str photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource quobyte:QuobyteVolumeSource rbd:RBDPersistentVolumeSource scaleIO:ScaleIOPersistentVolumeSource storageClassName:str storageos:StorageOSPersistentVolumeSource volumeAttributesClassName:str volumeMode:str vsphereVolume:VsphereVirtualDiskVolumeSource
PhotonPersistentDiskVolumeSource fsType:str pdID:str
Pod apiVersion:str kind:str metadata:ObjectMeta spec:PodSpec
PodAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
PodAffinityTerm labelSelector:LabelSelector matchLabelKeys:[str] mismatchLabelKeys:[str] namespaceSelector:LabelSelector namespaces:[str] topologyKey:str
PodAntiAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
PodCertificateProjection certificateChainPath:str credentialBundlePath:str keyPath:str keyType:str maxExpirationSeconds:int signerName:str userAnnotations:{str}
PodDNSConfig nameservers:[str] options:[PodDNSConfigOption] searches:[str]
PodDNSConfigOption name:str value:str
PodDisruptionBudget apiVersion:str kind:str metadata:ObjectMeta spec:PodDisruptionBudgetSpec
PodDisruptionBudgetSpec maxUnavailable:intstr minAvailable:intstr selector:LabelSelector unhealthyPodEvictionPolicy:str
PodFailurePolicy rules:[PodFailurePolicyRule]
PodFailurePolicyOnExitCodesRequirement containerName:str operator:str values:[int]
PodFailurePolicyOnPodConditionsPattern status:str type:str
PodFailurePolicyRule action:str onExitCodes:PodFailurePolicyOnExitCodesRequirement onPodConditions:[PodFailurePolicyOnPodConditionsPattern]
PodOS name:str
PodReadinessGate conditionType:str
PodResourceClaim name:str resourceClaimName:str resourceClaimTemplateName:str
PodSchedulingGate name:str
PodSecurityContext appArmorProfile:AppArmorProfile fsGroup:int fsGroupChangePolicy:str runAsGroup:int runAsNonRoot:bool runAsUser:int seLinuxChangePolicy:str seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile supplementalGroups:[int] supplementalGroupsPolicy:str sysctls:[Sysctl] windowsOptions:WindowsSecurityContextOptions
PodSpec activeDeadlineSeconds:int affinity:Affinity automountServiceAccountToken:bool containers:[Container] dnsConfig:PodDNSConfig dnsPolicy:str enableServiceLinks:bool ephemeralContainers:[EphemeralContainer] hostAliases:[HostAlias] hostIPC:bool hostNetwork:bool hostPID:bool hostUsers:bool hostname:str hostnameOverride:str imagePullSecrets:[LocalObjectReference] initContainers:[Container] nodeName:str nodeSelector:{str} os:PodOS overhead:{quantity} preemptionPolicy:str priority:int priorityClassName:str readinessGates:[PodReadinessGate] resourceClaims:[PodResourceClaim] resources:ResourceRequirements restartPolicy:str runtimeClassName:str schedulerName:str schedulingGates:[PodSchedulingGate] securityContext:PodSecurityContext serviceAccount:str serviceAccountName:str setHostnameAsFQDN:bool shareProcessNamespace:bool subdomain:str terminationGracePeriodSeconds:int tolerations:[Toleration] topologySpreadConstraints:[TopologySpreadConstraint] volumes:[Volume] workloadRef:WorkloadReference
PodTemplate apiVersion:str kind:str metadata:ObjectMeta template:PodTemplateSpec
PodTemplateSpec metadata:ObjectMeta spec:PodSpec
PodsMetricSource metric:MetricIdentifier target:MetricTarget
PolicyRule apiGroups:[str] nonResourceURLs:[str] resourceNames:[str] resources:[str] verbs:[str]
PolicyRulesWithSubjects nonResourceRules:[NonResourcePolicyRule] resourceRules:[ResourcePolicyRule] subjects:[Subject]
PortworxVolumeSource fsType:str readOnly:bool volumeID:str
PreferredSchedulingTerm preference:NodeSelectorTerm weight:int
PriorityClass apiVersion:str description:str globalDefault:bool kind:str metadata:ObjectMeta preemptionPolicy:str value:int
PriorityLevelConfiguration apiVersion:str kind:str metadata:ObjectMeta spec:PriorityLevelConfigurationSpec
PriorityLevelConfigurationReference name:str
PriorityLevelConfigurationSpec exempt:ExemptPriorityLevelConfiguration limited:LimitedPriorityLevelConfiguration type:str
Probe exec:ExecAction failureThreshold:int grpc:GRPCAction httpGet:HTTPGetAction initialDelaySeconds:int periodSeconds:int successThreshold:int tcpSocket:TCPSocketAction terminationGracePeriodSeconds:int timeoutSeconds:int
ProjectedVolumeSource defaultMode:int sources:[VolumeProjection]
QueuingConfiguration handSize:int queueLengthLimit:int queues:int
QuobyteVolumeSource group:str readOnly:bool registry:str tenant:str user:str volume:str
RBDPersistentVolumeSource fsType:str image:str keyring:str monitors:[str] pool:str readOnly:bool secretRef:SecretReference user:str
RBDVolumeSource fsType:str image:str keyring:str monitors:[str] pool:str readOnly:bool secretRef:LocalObjectReference user:str
ReplicaSet apiVersion:str kind:str metadata:ObjectMeta spec:ReplicaSetSpec
ReplicaSetSpec minReadySeconds:int replicas:int selector:LabelSelector template:PodTemplateSpec
ReplicationController apiVersion:str kind:str metadata:ObjectMeta spec:ReplicationControllerSpec
ReplicationControllerSpec minReadySeconds:int replicas:int selector:{str} template:PodTemplateSpec
ResourceClaim name:str request:str
ResourceClaimSpec devices:DeviceClaim
ResourceClaimTemplate apiVersion:str kind:str metadata:ObjectMeta spec:ResourceClaimTemplateSpec
ResourceClaimTemplateSpec metadata:ObjectMeta spec:ResourceClaimSpec
ResourceFieldSelector containerName:str divisor:quantity resource:str
ResourceMetricSource name:str target:MetricTarget
ResourcePolicyRule apiGroups:[str] clusterScope:bool namespaces:[str] resources:[str] verbs:[str]
ResourcePool generation:int name:str resourceSliceCount:int
ResourceQuota apiVersion:str kind:str metadata:ObjectMeta spec:ResourceQuotaSpec
ResourceQuotaSpec hard:{quantity} scopeSelector:ScopeSelector scopes:[str]
ResourceRequirements claims:[ResourceClaim] limits:{quantity} requests:{quantity}
ResourceSlice apiVersion:str kind:str metadata:ObjectMeta spec:ResourceSliceSpec
ResourceSliceSpec allNodes:bool devices:[Device] driver:str nodeName:str nodeSelector:NodeSelector perDeviceNodeSelection:bool pool:ResourcePool sharedCounters:[CounterSet]
Role apiVersion:str kind:str metadata:ObjectMeta rules:[PolicyRule]
RoleBinding apiVersion:str kind:str metadata:ObjectMeta roleRef:RoleRef subjects:[V1Subject]
RoleRef apiGroup:str kind:str name:str
RollingUpdateDaemonSet maxSurge:intstr maxUnavailable:intstr
RollingUpdateDeployment maxSurge:intstr maxUnavailable:intstr
RollingUpdateStatefulSetStrategy maxUnavailable:intstr partition:int
RuleWithOperations apiGroups:[str] apiVersions:[str] operations:[str] resources:[str] scope:str
RuntimeClass apiVersion:str handler:str kind:str metadata:ObjectMeta overhead:Overhead scheduling:Scheduling
SELinuxOptions level:str role:str type:str user:str
ScaleIOPersistentVolumeSource fsType:str gateway:str protectionDomain:str readOnly:bool secretRef:SecretReference sslEnabled:bool storageMode:str storagePool:str system:str volumeName:str
ScaleIOVolumeSource fsType:str gateway:str protectionDomain:str readOnly:bool secretRef:LocalObjectReference sslEnabled:bool storageMode:str storagePool:str system:str volumeName:str
Scheduling nodeSelector:{str} tolerations:[Toleration]
ScopeSelector matchExpressions:[ScopedResourceSelectorRequirement]
ScopedResourceSelectorRequirement operator:str scopeName:str values:[str]
SeccompProfile localhostProfile:str type:str
Secret apiVersion:str data:{str} immutable:bool kind:str metadata:ObjectMeta stringData:{str} type:str
SecretEnvSource name:str optional:bool
SecretKeySelector key:str name:str optional:bool
SecretProjection items:[KeyToPath] name:str optional:bool
SecretReference name:str namespace:str
SecretVolumeSource defaultMode:int items:[KeyToPath] optional:bool secretName:str
SecurityContext allowPrivilegeEscalation:bool appArmorProfile:AppArmorProfile capabilities:Capabilities privileged:bool procMount:str readOnlyRootFilesystem:bool runAsGroup:int runAsNonRoot:bool runAsUser:int seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile windowsOptions:WindowsSecurityContextOptions
SelectableField jsonPath:str
Service apiVersion:str kind:str metadata:ObjectMeta spec:ServiceSpec
ServiceAccount apiVersion:str automountServiceAccountToken:bool imagePullSecrets:[LocalObjectReference] kind:str metadata:ObjectMeta secrets:[ObjectReference]
ServiceAccountSubject name:str namespace:str
ServiceAccountTokenProjection audience:str expirationSeconds:int path:str
ServiceBackendPort name:str number:int
ServiceCIDR apiVersion:str kind:str metadata:ObjectMeta spec:ServiceCIDRSpec
ServiceCIDRSpec cidrs:[str]
ServicePort appProtocol:str name:str nodePort:int port:int protocol:str targetPort:intstr
ServiceReference name:str namespace:str path:str port:int
ServiceSpec allocateLoadBalancerNodePorts:bool clusterIP:str clusterIPs:[str] externalIPs:[str] externalName:str externalTrafficPolicy:str healthCheckNodePort:int internalTrafficPolicy:str ipFamilies:[str] ipFamilyPolicy:str loadBalancerClass:str loadBalancerIP:str loadBalancerSourceRanges:[str] ports:[ServicePort] publishNotReadyAddresses:bool selector:{str} sessionAffinity:str sessionAffinityConfig:SessionAffinityConfig trafficDistribution:str type:str
SessionAffinityConfig clientIP:ClientIPConfig
SleepAction seconds:int
StatefulSet apiVersion:str kind:str metadata:ObjectMeta spec:StatefulSetSpec
StatefulSetOrdinals start:int
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted:str whenScaled:str
StatefulSetSpec minReadySeconds:int ordinals:StatefulSetOrdinals persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy podManagementPolicy:str replicas:int revisionHistoryLimit:int selector:LabelSelector serviceName:str template:PodTemplateSpec updateStrategy:StatefulSetUpdateStrategy volumeClaimTemplates:[PersistentVolumeClaim]
StatefulSetUpdateStrategy rollingUpdate:RollingUpdateStatefulSetStrategy type:str
StorageClass allowVolumeExpansion:bool allowedTopologies:[TopologySelectorTerm] apiVersion:str kind:str metadata:ObjectMeta mountOptions:[str] parameters:{str} provisioner:str reclaimPolicy:str volumeBindingMode:str
StorageOSPersistentVolumeSource fsType:str readOnly:bool secretRef:ObjectReference volumeName:str volumeNamespace:str
StorageOSVolumeSource fsType:str readOnly:bool secretRef:LocalObjectReference volumeName:str volumeNamespace:str
Subject group:GroupSubject kind:str serviceAccount:ServiceAccountSubject user:UserSubject
SuccessPolicy rules:[SuccessPolicyRule]
SuccessPolicyRule succeededCount:int succeededIndexes:str
Sysctl name:str value:str
TCPSocketAction host:str port:intstr
Taint effect:str key:str timeAdded:str value:str
TokenRequest audience:str expirationSeconds:int
Toleration effect:str key:str operator:str tolerationSeconds:int value:str
TopologySelectorLabelRequirement key:str values:[str]
TopologySelectorTerm matchLabelExpressions:[TopologySelectorLabelRequirement]
TopologySpreadConstraint labelSelector:LabelSelector matchLabelKeys:[str] maxSkew:int minDomains:int nodeAffinityPolicy:str nodeTaintsPolicy:str topologyKey:str whenUnsatisfiable:str
TypedLocalObjectReference apiGroup:str kind:str name:str
TypedObjectReference apiGroup:str kind:str name:str namespace:str
UserSubject name:str
V1EndpointPort appProtocol:str name:str port:int protocol:str
V1ResourceClaim apiVersion:str kind:str metadata:ObjectMeta spec:ResourceClaimSpec
V1ServiceReference name:str namespace:str port:int
V1Subject apiGroup:str kind:str name:str namespace:str
V1WebhookClientConfig caBundle:str service:V1ServiceReference url:str
V2CrossVersionObjectReference apiVersion:str kind:str name:str
V2HorizontalPodAutoscaler apiVersion:str kind:str metadata:ObjectMeta spec:V2HorizontalPodAutoscalerSpec
V2HorizontalPodAutoscalerSpec behavior:HorizontalPodAutoscalerBehavior maxReplicas:int metrics:[MetricSpec] minReplicas:int scaleTargetRef:V2CrossVersionObjectReference
ValidatingAdmissionPolicy apiVersion:str kind:str metadata:ObjectMeta spec:ValidatingAdmissionPolicySpec
ValidatingAdmissionPolicyBinding apiVersion:str kind:str metadata:ObjectMeta spec:ValidatingAdmissionPolicyBindingSpec
ValidatingAdmissionPolicyBindingSpec matchResources:MatchResources paramRef:ParamRef policyName:str validationActions:[str]
ValidatingAdmissionPolicySpec auditAnnotations:[AuditAnnotation] failurePolicy:str matchConditions:[MatchCondition] matchConstraints:MatchResources paramKind:ParamKind validations:[Validation] variables:[Variable]
ValidatingWebhook admissionReviewVersions:[str] clientConfig:WebhookClientConfig failurePolicy:str matchConditions:[MatchCondition] matchPolicy:str name:str namespaceSelector:LabelSelector objectSelector:LabelSelector rules:[RuleWithOperations] sideEffects:str timeoutSeconds:int
ValidatingWebhookConfiguration apiVersion:str kind:str metadata:ObjectMeta webhooks:[ValidatingWebhook]
Validation expression:str message:str messageExpression:str reason:str
ValidationRule fieldPath:str message:str messageExpression:str optionalOldSelf:bool reason:str rule:str
Variable expression:str name:str
Volume awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource azureFile:AzureFileVolumeSource cephfs:CephFSVolumeSource cinder:CinderVolumeSource configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource emptyDir:EmptyDirVolumeSource ephemeral:EphemeralVolumeSource fc:FCVolumeSource flexVolume:FlexVolumeSource flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource gitRepo:GitRepoVolumeSource glusterfs:GlusterfsVolumeSource hostPath:HostPathVolumeSource image:ImageVolumeSource iscsi:ISCSIVolumeSource name:str nfs:NFSVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource projected:ProjectedVolumeSource quobyte:QuobyteVolumeSource rbd:RBDVolumeSource scaleIO:ScaleIOVolumeSource secret:SecretVolumeSource storageos:StorageOSVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource
VolumeAttributesClass apiVersion:str driverName:str kind:str metadata:ObjectMeta parameters:{str}
VolumeDevice devicePath:str name:str
VolumeMount mountPath:str mountPropagation:str name:str readOnly:bool recursiveReadOnly:str subPath:str subPathExpr:str
VolumeNodeAffinity required:NodeSelector
VolumeProjection clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection downwardAPI:DownwardAPIProjection podCertificate:PodCertificateProjection secret:SecretProjection serviceAccountToken:ServiceAccountTokenProjection
VolumeResourceRequirements limits:{quantity} requests:{quantity}
VsphereVirtualDiskVolumeSource fsType:str storagePolicyID:str storagePolicyName:str volumePath:str
WebhookClientConfig caBundle:str service:ServiceReference url:str
WebhookConversion clientConfig:V1WebhookClientConfig conversionReviewVersions:[str]
WeightedPodAffinityTerm podAffinityTerm:PodAffinityTerm weight:int
WindowsSecurityContextOptions gmsaCredentialSpec:str gmsaCredentialSpecName:str hostProcess:bool runAsUserName:str
WorkloadReference name:str podGroup:str podGroupReplicaKey:str
"""
