# METADATA
# title: Registries
# description: |
#   Repositories of a registry of images. A right is found by registry and verb, and holds for
#   the repositories below the names that it lists.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.registry

import data.counterfoil.lib.match

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both allow it for the repository.
allow contains i if {
	some i, operation in input.operations
	operation.family == "registry"
	rights := _rights(operation)
	some role, right in rights
	right.effect == "allow"
	match.subject(role)
	match.below(right.below, operation.object.components)
	some ceiling, limit in rights
	limit.effect == "allow"
	match.actor(ceiling)
	match.below(limit.below, operation.object.components)
}

# METADATA
# title: Operations that need approval
# description: Person and agent are covered, at least one under the terms listed.
needs_approval[i] contains terms if {
	some i, operation in input.operations
	operation.family == "registry"
	rights := _rights(operation)
	some role, right in rights
	match.subject(role)
	match.below(right.below, operation.object.components)
	some ceiling, limit in rights
	match.actor(ceiling)
	match.below(limit.below, operation.object.components)
	some condition in {right.effect, limit.effect}
	terms := data.data.access[input.tenant].approvals[condition]
}

# METADATA
# title: Rights
# description: What each role may do with this verb in this registry.
_rights(operation) := data.data.access[input.tenant].registry[operation.object.registry][operation.verb]
