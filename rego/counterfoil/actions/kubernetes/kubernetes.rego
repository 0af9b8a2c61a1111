# METADATA
# title: Kubernetes
# description: |
#   Objects of a cluster. There is one operation for each power that an object carries (its
#   images, its service account, …), so each is allowed by itself. A right is found by
#   cluster, namespace, kind, verb and power; an act that carries none is found as `plain`.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.kubernetes

import data.counterfoil.lib.match
import data.counterfoil.lib.result

# METADATA
# title: The cluster's own namespaces are closed
# description: Whatever a role says, nothing is deployed beside the cluster's own parts.
# custom:
#   code: kubernetes.closed_namespace
#   solution: Deploy to a namespace of the application.
deny contains result.reason(rego.metadata.rule(), {"operations": [i]}) if {
	some i, operation in input.operations
	operation.family == "kubernetes"
	data.data.limits.kubernetes.closed_namespaces[operation.object.namespace]
}

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both allow it, within their limits.
allow contains i if {
	some i, operation in input.operations
	operation.family == "kubernetes"
	rights := _rights(operation)
	some role, right in rights
	right.effect == "allow"
	match.subject(role)
	_within(right, operation)
	some ceiling, limit in rights
	limit.effect == "allow"
	match.actor(ceiling)
	_within(limit, operation)
}

# METADATA
# title: Operations that need approval
# description: Person and agent are covered, at least one under the terms listed.
needs_approval[i] contains terms if {
	some i, operation in input.operations
	operation.family == "kubernetes"
	rights := _rights(operation)
	some role, right in rights
	match.subject(role)
	_within(right, operation)
	some ceiling, limit in rights
	match.actor(ceiling)
	_within(limit, operation)
	some condition in {right.effect, limit.effect}
	terms := data.data.access[input.tenant].approvals[condition]
}

# METADATA
# title: Rights
# description: What each role may do with this power of this kind of object.
_rights(operation) := data.data.access[input.tenant].kubernetes[object.cluster][object.namespace][object.api_group][object.kind][operation.verb][_power(operation)] if {
	object := operation.object
}

# METADATA
# title: The power of an operation
# description: One, or `plain`; two in one operation are no operation of ours.
_power(operation) := power if [power] = operation.details.powers

_power(operation) := "plain" if operation.details.powers == []

# METADATA
# title: Within the limits of images
# description: Every image comes from below a repository that the right names.
_within(right, operation) if {
	operation.details.powers == ["image"]
	count(operation.details.images) > 0
	every image in operation.details.images { match.below(right.images_below, array.concat([image.registry], image.path)) }
}

# METADATA
# title: Within the limits of any other power
# description: Every field that carries the power is named by the right.
_within(right, operation) if {
	not operation.details.powers in {[], ["image"]}
	count(operation.details.fields) > 0
	every field in operation.details.fields { right.only_fields[field] }
}

# METADATA
# title: An act without a power has no further limit
# description: What it does is its verb, on its kind; a power beside it is another operation.
_within(_, operation) if operation.details.powers == []
