# METADATA
# title: The decision
# description: |
#   The one entrypoint. Deny overrides needs_approval overrides allow, and where nothing is
#   said the answer is deny. Families and tenants are reached by ground keys only: a thousand
#   more of them cost nothing, and adding one never edits this file.
# schemas:
#   - input: schema.policy_input
package counterfoil.main

import data.counterfoil.lib.approval
import data.counterfoil.lib.result

# METADATA
# title: Decision
# description: One decision on one action; always defined.
# entrypoint: true
# scope: document
decision := result.deny(_refusals) if {
	count(_refusals) > 0
} else := result.deny({result.uncertain}) if {
	count(input.uncertain) > 0
} else := result.deny({result.no_operation}) if {
	count(input.operations) == 0
} else := result.allow(_obligations) if {
	_all_allowed
	count(_tenant_approvals) == 0
} else := result.deny({result.default_deny(_uncovered)}) if {
	count(_uncovered) > 0
} else := result.approved(_obligations) if {
	count(_approvals) == 1
	every terms in _approvals { approval.given(terms) }
} else := result.needs_approval(_approvals) if {
	count(_approvals) == 1
} else := result.deny({result.mixed_approvals})

# METADATA
# title: Grouped decisions
# description: |
#   Many inputs of one tenant in one query. Each decision sees its own input only; the nonce
#   and the digest go back with it, so that no answer can reach another's question.
# schemas:
#   - input: schema.policy_inputs
# entrypoint: true
decisions[nonce] := {"action_digest": item.action_digest, "decision": answer} if {
	some nonce, item in input.items
	answer := decision with input as item
}

# METADATA
# title: Refusals
# description: Every reason to deny of the families, and of the tenant's packages for them.
_refusals contains reason if {
	some reason in data.counterfoil.actions[input.action.family].deny
}

_refusals contains reason if {
	some operation in input.operations
	some reason in data.counterfoil.actions[operation.family].deny
}

_refusals contains reason if {
	some reason in data.tenants[input.tenant][input.action.family].deny
}

_refusals contains reason if {
	some operation in input.operations
	some reason in data.tenants[input.tenant][operation.family].deny
}

# METADATA
# title: Every operation is allowed
# description: Each by its own family, without anybody's approval.
_all_allowed if {
	allowed := [i |
		some i, operation in input.operations
		data.counterfoil.actions[operation.family].allow[i]
	]
	count(allowed) == count(input.operations)
}

# METADATA
# title: Obligations
# description: What whoever runs the action must hold to, as each family says.
_obligations contains item if {
	some operation in input.operations
	some item in data.counterfoil.actions[operation.family].obligations
}

# METADATA
# title: Uncovered operations
# description: Operations that the person's and the agent's roles do not both cover.
_uncovered := [i |
	some i, operation in input.operations
	not data.counterfoil.actions[operation.family].allow[i]
	not data.counterfoil.actions[operation.family].needs_approval[i]
]

# METADATA
# title: Approvals
# description: Under which terms people must agree first, each once.
_approvals contains terms if {
	some i, operation in input.operations
	not data.counterfoil.actions[operation.family].allow[i]
	some terms in data.counterfoil.actions[operation.family].needs_approval[i]
}

_approvals contains terms if some terms in _tenant_approvals

# METADATA
# title: Approvals that the tenant adds
# description: A tenant's packages may ask for an approval where the roles would not.
_tenant_approvals contains terms if {
	some terms in data.tenants[input.tenant][input.action.family].needs_approval
}

_tenant_approvals contains terms if {
	some operation in input.operations
	some terms in data.tenants[input.tenant][operation.family].needs_approval
}
