# METADATA
# title: Tools without a mapping
# description: |
#   Nothing is known of such a tool but its name, so it is denied unless a role names it. It
#   gets no permission: there is no target that a scoped credential could be made for.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.tool

import data.counterfoil.lib.match

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both name the tool.
allow contains i if {
	some i, operation in input.operations
	operation.family == "tool"
	some role, "allow" in data.data.access[input.tenant].tool[operation.object.name]
	match.subject(role)
	some ceiling, "allow" in data.data.access[input.tenant].tool[operation.object.name]
	match.actor(ceiling)
}
