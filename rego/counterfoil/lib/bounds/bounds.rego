# METADATA
# title: Bounds of rows
# description: How many rows each pair of roles that covers an operation of a database leaves.
# schemas:
#   - input: schema.policy_input
package counterfoil.lib.bounds

import data.counterfoil.lib.match
import data.counterfoil.lib.terms

# METADATA
# title: Of an operation
# description: |
#   One set for each pair of roles that allows, or that asks people where none allows: the bounds of
#   the person's and the agent's, empty where neither bounds anything.
of(rights, operation, allowed) := [rows |
	some role, right in rights
	match.subject(role)
	some ceiling, limit in rights
	match.actor(ceiling)
	effects := {terms.effect(right, operation), terms.effect(limit, operation)}
	_in_force(allowed, effects)
	rows := {bound | some one in [right, limit]; bound := terms.bound(one, operation)}
]

# METADATA
# title: In force
# description: What merely asks people says nothing where another pair allows.
_in_force(true, {"allow"})

_in_force(false, effects) if effects != {"allow"}
