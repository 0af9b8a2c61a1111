# METADATA
# title: Matching
# description: |
#   Who holds a role. A person's come from groups, an agent's are its ceiling, and both must
#   cover an operation: permissions lie inside subject and actor.
# schemas:
#   - input: schema.policy_input
package counterfoil.lib.match

# METADATA
# title: The person holds the role
# description: One of the verified groups has it in this tenant.
subject(role) if {
	some group in input.subject.groups
	data.data.access[input.tenant].roles[role].groups[group]
}

# METADATA
# title: The agent holds the role
# description: |
#   Found by issuer and name together; without a registered agent nobody does. Each agent that
#   handed on to it holds the role as well, and the registration allows it.
actor(role) if {
	agents := data.data.access[input.tenant].roles[role].agents
	agents[input.actor.iss][input.actor.sub]
	every agent in object.get(input.actor, "via", []) { agents[agent.iss][agent.sub] }
	role in object.get(input.actor, "ceiling", [role])
}

# METADATA
# title: Below a name
# description: |
#   The leading parts are exactly those of a name that is listed, and at least one more follows.
#   The parts are joined after they were parsed, and none holds a slash.
below(names, parts) if {
	count(parts) > 1 # the range below would count down
	some size in numbers.range(1, count(parts) - 1)
	names[concat("/", array.slice(parts, 0, size))]
}
