# METADATA
# title: Cloud
# description: |
#   IAM actions on whole ARNs of a registered account, and changes of a Terraform plan. A right
#   on ARNs names them whole, or a part of the path below which they lie; ARNs are compared by
#   their parts, and no pattern is read.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.cloud

import data.counterfoil.lib.match
import data.counterfoil.lib.result

# METADATA
# title: Standing credentials are not made
# description: Whatever a role says; a key that is made would outlive the decision.
# custom:
#   code: cloud.closed_action
#   solution: Use the credential of the decision; a person makes standing ones.
deny contains result.reason(rego.metadata.rule(), {"operations": [i]}) if {
	some i, operation in input.operations
	operation.family == "cloud"
	data.data.limits.cloud.closed_actions[operation.verb]
}

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both allow it, within their ARNs.
allow contains i if {
	some i, operation in input.operations
	operation.family == "cloud"
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
	operation.family == "cloud"
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
# title: Obligations
# description: What is applied is the plan of this digest, never the configuration.
obligations contains {"type": "plan_digest", "sha256": operation.details.plan, "operations": [i]} if {
	some i, operation in input.operations
	operation.family == "cloud"
	operation.object.kind == "terraform"
}

# METADATA
# title: Rights
# description: What each role may do in an account, or to a type of resource in a workspace.
_rights(operation) := data.data.access[input.tenant].cloud.accounts[operation.object.account][operation.verb] if {
	operation.object.kind == "aws"
}

_rights(operation) := data.data.access[input.tenant].cloud.workspaces[operation.object.workspace][operation.object.resource_type][operation.verb] if {
	operation.object.kind == "terraform"
}

# METADATA
# title: Within the limits of ARNs
# description: Named whole, or below a part of the path; a change of a plan has no such limit.
_within(right, operation) if right.arns[operation.object.arn]

_within(right, operation) if {
	parts := operation.details.parts
	count(parts) > 1
	some size in numbers.range(1, count(parts) - 1)
	right.below[concat("/", array.slice(parts, 0, size))]
}

_within(right, operation) if {
	operation.object.kind == "terraform"
	object.keys(right) == {"effect"}
}
