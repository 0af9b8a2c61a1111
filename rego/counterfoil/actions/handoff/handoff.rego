# METADATA
# title: Handoffs
# description: |
#   One agent gives the work to another. The receiving agent is a registered one, found by its
#   name; who gives it is the verified actor, never the name that a request claims. A handoff
#   gets no permission: what the receiver then does is judged for itself.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.handoff

import data.counterfoil.lib.match

# METADATA
# title: Allowed operations
# description: A role of the person and one of the giving agent both name the receiver.
allow contains i if {
	some i, operation in input.operations
	_receives(operation)
	rights := data.data.access[input.tenant].handoff[operation.object.name]
	some role, "allow" in rights
	match.subject(role)
	some ceiling, "allow" in rights
	match.actor(ceiling)
}

# METADATA
# title: Operations that need approval
# description: Person and agent are covered, at least one under the terms listed.
needs_approval[i] contains terms if {
	some i, operation in input.operations
	_receives(operation)
	rights := data.data.access[input.tenant].handoff[operation.object.name]
	some role, right in rights
	match.subject(role)
	some ceiling, limit in rights
	match.actor(ceiling)
	some condition in {right, limit}
	terms := data.data.access[input.tenant].approvals[condition]
}

# METADATA
# title: Receiving
# description: The one operation of the family, on an agent.
_receives(operation) if {
	operation.family == "handoff"
	operation.verb == "receive"
	operation.object.kind == "agent"
}
