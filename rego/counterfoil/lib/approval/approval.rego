# METADATA
# title: Approvals
# description: |
#   What people's answers are worth. The service verified that they are for exactly this
#   action, person, agent, run, prompt and policy; here they are held to the terms.
# schemas:
#   - input: schema.policy_input
package counterfoil.lib.approval

# METADATA
# title: An approval was given
# description: One approval has enough people of the groups that the terms name.
given(terms) if {
	some approval in input.approvals
	people := _people(approval, terms)
	count(people) >= terms.quorum
	_one_from_each(approval, people, object.get(terms, "each_from", []))
}

# METADATA
# title: One from each
# description: |
#   Each group that must send somebody has a person of its own: any k of the groups hold k of
#   the people together (P. Hall, 1935). Who is in two of them counts for one.
_one_from_each(approval, people, groups) if {
	every chosen in numbers.range(0, bits.lsh(1, count(groups)) - 1) {
		some_groups := {group | some n, group in groups; bits.and(chosen, bits.lsh(1, n)) > 0}
		members := {approver.sub |
			some approver in approval.approvers
			approver.sub in people
			some group in approver.groups
			group in some_groups
		}
		count(members) >= count(some_groups)
	}
}

# METADATA
# title: People that count
# description: |
#   Members of the groups, each once; nobody approves what they ask for themselves. Under
#   whatever issuer: a person who has two of the tenant's issuers is one person.
_people(approval, terms) := {approver.sub |
	some approver in approval.approvers
	some group in approver.groups
	group in terms.approvers
	not approver.sub in _askers
}

# METADATA
# title: Those who ask
# description: The person, and the agent that acts for them.
_askers contains input.subject.sub

_askers contains input.actor.sub
