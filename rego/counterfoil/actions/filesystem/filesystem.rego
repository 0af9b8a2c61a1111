# METADATA
# title: Files
# description: |
#   One file or folder beneath a registered root. A right names root, verb and the folders below
#   which it holds; paths are compared by their parts. Whoever runs it opens without following
#   a link, and an allow says so as an obligation.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.filesystem

import data.counterfoil.lib.match
import data.counterfoil.lib.result

# METADATA
# title: Files of credentials and of repositories are closed
# description: Whatever a role says, no part of the path has one of these names.
# custom:
#   code: filesystem.closed_name
#   solution: Keep credentials out of the root; change a repository by git commands.
deny contains result.reason(rego.metadata.rule(), {"operations": [i]}) if {
	some i, operation in input.operations
	operation.family == "filesystem"
	some part in operation.details.parts
	data.data.limits.filesystem.closed_names[lower(part)]
}

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both allow it, within their folders.
allow contains i if {
	some i, operation in input.operations
	operation.family == "filesystem"
	rights := data.data.access[input.tenant].filesystem[operation.object.root][operation.verb]
	some role, right in rights
	right.effect == "allow"
	match.subject(role)
	_below(right, operation)
	some ceiling, limit in rights
	limit.effect == "allow"
	match.actor(ceiling)
	_below(limit, operation)
}

# METADATA
# title: Operations that need approval
# description: Person and agent are covered, at least one under the terms listed.
needs_approval[i] contains terms if {
	some i, operation in input.operations
	operation.family == "filesystem"
	rights := data.data.access[input.tenant].filesystem[operation.object.root][operation.verb]
	some role, right in rights
	match.subject(role)
	_below(right, operation)
	some ceiling, limit in rights
	match.actor(ceiling)
	_below(limit, operation)
	some condition in {right.effect, limit.effect}
	terms := data.data.access[input.tenant].approvals[condition]
}

# METADATA
# title: Obligations
# description: No part of the path is a link when the file is opened, whatever it was before.
obligations contains {"type": "no_symlinks", "operations": indexes} if {
	indexes := [i | some i, operation in input.operations; operation.family == "filesystem"]
	count(indexes) > 0
}

# METADATA
# title: Below a folder
# description: |
#   The leading parts of the path are exactly a folder that the right names; `.` is the root.
#   The parts are joined after they were parsed, and none holds a slash.
_below(right, operation) if {
	parts := operation.details.parts
	some size in numbers.range(0, count(parts))
	right.below[_folder(parts, size)]
	_reaches(right, operation.object.kind)
}

# METADATA
# title: Reaches
# description: A whole tree may hold what is closed by name, so a right says that it means one.
_reaches(_, kind) if kind != "tree"

_reaches(right, "tree") if right.trees == true

# METADATA
# title: A folder of the path
# description: Its first parts; without any, the root.
_folder(_, 0) := "."

_folder(parts, size) := concat("/", array.slice(parts, 0, size)) if size > 0
