package counterfoil.lib.approval_test

import data.counterfoil.lib.approval
import data.counterfoil.lib.sample_test as sample

terms := {"approvers": ["admins", "leads"], "quorum": 2, "expires_in_seconds": 60}

one := object.union(terms, {"quorum": 1})

bob := {"iss": "https://idp", "sub": "bob", "groups": ["guests", "admins"]}

carol := {"iss": "https://idp", "sub": "carol", "groups": ["leads"]}

# An input that carries one approval by these people.
by(people) := object.union(
	sample.of("database", [sample.table("drop")]),
	{"approvals": [{"id": "apr_1", "approvers": people, "answered_at": "2026-11-24T03:10:00.000000Z"}]},
)

both := object.union(terms, {"each_from": ["admins", "leads"]})

eve := {"iss": "https://idp", "sub": "eve", "groups": ["admins"]}

dora := {"iss": "https://idp", "sub": "dora", "groups": ["admins", "leads"]}

enough := {
	"two people, of one group each": {"terms": both, "people": [bob, carol]},
	"who is in both groups for the one": {"terms": both, "people": [dora, carol]},
	"who is in both groups for the other": {"terms": both, "people": [bob, dora]},
	"two who are both in both groups": {"terms": both, "people": [dora, object.union(dora, {"sub": "fay"})]},
	"a third beside them": {"terms": both, "people": [eve, bob, carol]},
	"one of one": {"terms": one, "people": [bob]},
	"two of two, from two groups": {"terms": terms, "people": [bob, carol]},
}

test_enough[name] if {
	some name, case in enough
	approval.given(case.terms) with input as by(case.people)
}

too_few := {
	"two of one group where two groups must send one": {"terms": both, "people": [bob, eve]},
	"one person of both groups": {"terms": both, "people": [dora]},
	"one person of both groups, from two issuers": {
		"terms": both,
		"people": [dora, object.union(dora, {"iss": "https://other"})],
	},
	"who asks, as the second group": {
		"terms": both,
		"people": [bob, object.union(sample.alice, {"groups": ["leads"]})],
	},
	"one person for two groups, beside two of the third": {
		"terms": object.union(terms, {
			"quorum": 3,
			"approvers": ["admins", "leads", "owners"],
			"each_from": ["admins", "leads", "owners"],
		}),
		"people": [bob, eve, object.union(carol, {"groups": ["leads", "owners"]})],
	},
	"nobody": {"terms": one, "people": []},
	"one of two": {"terms": terms, "people": [bob]},
	"the same person twice": {"terms": terms, "people": [bob, bob]},
	"the same person with two groups": {
		"terms": terms,
		"people": [bob, object.union(bob, {"groups": ["leads"]})],
	},
	"the same person from two issuers": {
		"terms": terms,
		"people": [bob, object.union(bob, {"iss": "https://other"})],
	},
	"the asker from another issuer": {
		"terms": one,
		"people": [object.union(bob, {"iss": "https://other", "sub": sample.alice.sub})],
	},
	"a person of the agent's name": {
		"terms": one,
		"people": [object.union(bob, {"iss": "https://other", "sub": sample.coder.sub})],
	},
	"another group": {"terms": one, "people": [object.union(bob, {"groups": ["guests"]})]},
	"a group in other letters": {"terms": one, "people": [object.union(bob, {"groups": ["Admins"]})]},
	"the one who asks": {"terms": one, "people": [object.union(sample.alice, {"groups": ["admins"]})]},
	"the agent that asks": {"terms": one, "people": [object.union(sample.coder, {"groups": ["admins"]})]},
	"the one who asks beside another": {
		"terms": terms,
		"people": [bob, object.union(sample.alice, {"groups": ["admins"]})],
	},
}

test_too_few[name] if {
	some name, case in too_few
	not approval.given(case.terms) with input as by(case.people)
}

test_two_approvals_are_not_added_up if {
	first := by([bob])
	second := by([carol])
	both := array.concat(first.approvals, second.approvals)
	not approval.given(terms) with input as object.union(first, {"approvals": both})
}

test_without_an_approval_none_is_given if {
	not approval.given(one) with input as sample.of("database", [sample.table("drop")])
}

test_without_an_agent_the_person_still_cannot_approve if {
	alone := object.union(by([object.union(sample.alice, {"groups": ["admins"]})]), {"actor": null})
	not approval.given(one) with input as alone
}
