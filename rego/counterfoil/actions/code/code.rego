# METADATA
# title: Code
# description: |
#   Running code. Its text proves nothing about what it does, so a right says under which
#   condition it runs: `sandbox`, which whoever runs it must have, or the name of approval terms.
#   `allow` is no condition here, and what the text names (`hints`) is read by no rule.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.code

import data.counterfoil.lib.match

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both let the language run in a sandbox.
allow contains i if {
	some i, operation in input.operations
	_runs(operation)
	rights := data.data.access[input.tenant].code[operation.object.language]
	some role, "sandbox" in rights
	match.subject(role)
	some ceiling, "sandbox" in rights
	match.actor(ceiling)
}

# METADATA
# title: Operations that need approval
# description: Person and agent are covered, at least one under the terms listed.
needs_approval[i] contains terms if {
	some i, operation in input.operations
	_runs(operation)
	rights := data.data.access[input.tenant].code[operation.object.language]
	some role, right in rights
	match.subject(role)
	some ceiling, limit in rights
	match.actor(ceiling)
	some condition in {right, limit}
	terms := data.data.access[input.tenant].approvals[condition]
}

# METADATA
# title: Obligations
# description: |
#   It runs in a sandbox, unless approval is the condition for person and agent alike: a role
#   that asks for a sandbox keeps asking for it after an approval.
obligations contains {"type": "sandbox", "operations": [i]} if {
	some i, operation in input.operations
	_runs(operation)
	some role, "sandbox" in data.data.access[input.tenant].code[operation.object.language]
	_holds(role)
}

# METADATA
# title: Person or agent holds the role
# description: A condition of either counts.
_holds(role) if match.subject(role)

_holds(role) if match.actor(role)

# METADATA
# title: Running
# description: The one operation of the family.
_runs(operation) if {
	operation.family == "code"
	operation.verb == "run"
	operation.object.kind == "code"
}
