# METADATA
# title: git
# description: |
#   Refs of registered repositories, and the folders beneath registered roots that git works in.
#   Updating, forcing and deleting a ref are three rights, each for the refs that it names.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.git

import data.counterfoil.lib.match
import data.counterfoil.lib.result

# METADATA
# title: A protected ref is never forced or deleted
# description: Whatever a role says; what was there would be lost.
# custom:
#   code: git.protected_ref
#   solution: Push to a branch of your own, or update the ref without force.
deny contains result.reason(rego.metadata.rule(), {"operations": [i]}) if {
	some i, operation in input.operations
	operation.family == "git"
	operation.verb in {"force", "delete"}
	data.data.limits.git.protected_refs[operation.object.ref]
}

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both allow it, within their refs.
allow contains i if {
	some i, operation in input.operations
	operation.family == "git"
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
	operation.family == "git"
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
# description: What each role may do with a repository, or in the folders of a root.
_rights(operation) := data.data.access[input.tenant].git.repositories[operation.object.repository][operation.verb] if {
	operation.object.kind in {"repository", "ref"}
}

_rights(operation) := data.data.access[input.tenant].git.folders[operation.object.root][operation.verb] if {
	operation.object.kind == "worktree"
}

# METADATA
# title: Within the limits of refs
# description: |
#   A ref is named whole by the right, or lies below a part of names that it gives. What is not
#   about a ref has no such limit.
_within(right, operation) if right.refs[operation.object.ref]

_within(right, operation) if {
	operation.object.kind == "ref"
	parts := split(operation.object.ref, "/")
	some size in numbers.range(2, count(parts) - 1)
	right.refs_below[concat("/", array.slice(parts, 0, size))]
}

_within(right, operation) if {
	operation.object.kind != "ref"
	not "refs" in object.keys(right)
	not "refs_below" in object.keys(right)
}
