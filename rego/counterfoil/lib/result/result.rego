# METADATA
# title: Results
# description: Builds results of schemas/policy_result.json; reasons come from annotations.
package counterfoil.lib.result

import data.counterfoil.lib.permissions

# METADATA
# title: Reason
# description: The reason that the annotations of a rule describe.
reason(annotations, details) := {
	"code": annotations.custom.code,
	"title": annotations.title,
	"solution": annotations.custom.solution,
	"details": details,
}

# METADATA
# title: Allow
# description: Exactly the required permissions, for as long as the limits say, under these obligations.
allow(obligations) := {
	"effect": "allow",
	"reasons": [granted],
	"permissions": permissions.required,
	"obligations": obligations,
	"ttl_seconds": data.data.limits.ttl_seconds,
}

# METADATA
# title: Allow what was approved
# description: The same as any allow; its reason says on what it rests.
approved(obligations) := object.union(allow(obligations), {"reasons": [approval_given]})

# METADATA
# title: Deny
# description: A refusal with its reasons. It never carries a permission.
deny(reasons) := {
	"effect": "deny",
	"reasons": reasons,
	"permissions": [],
	"obligations": [],
}

# METADATA
# title: Needs approval
# description: Nothing is permitted yet; the one set of terms says who may agree.
needs_approval(approvals) := {
	"effect": "needs_approval",
	"reasons": [approval_required],
	"permissions": [],
	"obligations": [],
	"approval": terms,
} if {
	some terms in approvals
}

# METADATA
# title: The roles of person and agent cover every operation
# description: The reason of every allow.
# custom:
#   code: rbac.granted
#   solution: Nothing needs to be done.
granted := {
	"code": annotations.custom.code,
	"title": annotations.title,
	"solution": annotations.custom.solution,
} if {
	annotations := rego.metadata.rule()
}

# METADATA
# title: A person must approve this action first
# description: The roles cover the action on the condition that somebody agrees.
# custom:
#   code: policy.approval_required
#   solution: Wait for the answer of an approver, or ask for less.
approval_required := reason(rego.metadata.rule(), {})

# METADATA
# title: People approved exactly this action
# description: The roles cover the action under a condition, and the condition is met.
# custom:
#   code: policy.approved
#   solution: Nothing needs to be done.
approval_given := reason(rego.metadata.rule(), {})

# METADATA
# title: The action could not be read with certainty
# description: The interpreter names what it could not read. Nothing uncertain is permitted.
# custom:
#   code: policy.uncertain
#   solution: Write the action as plainly as the listed findings say.
uncertain := reason(rego.metadata.rule(), {})

# METADATA
# title: The action has no operation that could be permitted
# description: No operation was derived from the action, so no role can cover it.
# custom:
#   code: policy.no_operation
#   solution: Ask the operator to map the tool to a family that reads its commands.
no_operation := reason(rego.metadata.rule(), {})

# METADATA
# title: No role of this person through this agent covers the action
# description: Default deny. The details list the operations that are not covered.
# custom:
#   code: policy.default_deny
#   solution: Ask for less, or ask the operator for a role that covers the operations.
default_deny(operations) := reason(rego.metadata.rule(), {"operations": operations})

# METADATA
# title: Different people would have to approve parts of this action
# description: One action has one approval; merging the terms would weaken one of them.
# custom:
#   code: policy.mixed_approvals
#   solution: Ask for the parts one by one.
mixed_approvals := reason(rego.metadata.rule(), {})
