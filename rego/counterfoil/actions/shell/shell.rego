# METADATA
# title: Programs of a command line
# description: |
#   What a line does to files, repositories, APIs and databases is judged by their own families.
#   Here are the programs that reach nothing of it: they compute, or show the machine. Running
#   one needs no permission at a target.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.shell

import data.counterfoil.lib.match

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both name the program.
allow contains i if {
	some i, operation in input.operations
	rights := _rights(operation)
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
	rights := _rights(operation)
	some role, right in rights
	match.subject(role)
	some ceiling, limit in rights
	match.actor(ceiling)
	some condition in {right, limit}
	terms := data.data.access[input.tenant].approvals[condition]
}

# METADATA
# title: Rights
# description: What each role may do with the program; `*` stands for each that is read.
_rights(operation) := object.union(
	object.get(programs, "*", {}),
	object.get(programs, operation.object.name, {}),
) if {
	operation.family == "shell"
	operation.verb == "run"
	operation.object.kind == "program"
	programs := data.data.access[input.tenant].shell
}
