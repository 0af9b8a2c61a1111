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
# description: Found by issuer and name together; without a registered agent nobody does.
actor(role) if data.data.access[input.tenant].roles[role].agents[input.actor.iss][input.actor.sub]
