package counterfoil.main_test

import data.counterfoil.lib.sample_test as sample
import data.counterfoil.main

create := sample.of("database", [sample.table("create")])

drop := sample.of("database", [sample.table("drop")])

database_change := {
	"approvers": ["database-admins"],
	"quorum": 1,
	"expires_in_seconds": 3600,
}

cases := {
	"a covered operation is allowed": {
		"input": create,
		"effect": "allow",
		"codes": {"rbac.granted"},
	},
	"two covered operations are allowed": {
		"input": sample.of("database", [sample.table("create"), sample.table("select")]),
		"effect": "allow",
		"codes": {"rbac.granted"},
	},
	"one uncovered operation denies all": {
		"input": sample.of("database", [sample.table("create"), sample.table("delete")]),
		"effect": "deny",
		"codes": {"policy.default_deny"},
	},
	"a family that nobody wrote is denied": {
		"input": sample.of("teleport", [object.union(sample.table("create"), {"family": "teleport"})]),
		"effect": "deny",
		"codes": {"policy.default_deny"},
	},
	"no operation is denied": {
		"input": sample.of("database", []),
		"effect": "deny",
		"codes": {"policy.no_operation"},
	},
	"an uncertain action is denied": {
		"input": object.union(create, {"uncertain": [{"code": "uncertain.too_long"}]}),
		"effect": "deny",
		"codes": {"policy.uncertain"},
	},
	"dropping needs approval": {
		"input": drop,
		"effect": "needs_approval",
		"codes": {"policy.approval_required"},
	},
	"an allowed part beside one that needs approval needs approval": {
		"input": sample.of("database", [sample.table("create"), sample.table("alter")]),
		"effect": "needs_approval",
		"codes": {"policy.approval_required"},
	},
	"an uncovered part beside one that needs approval is denied": {
		"input": sample.of("database", [sample.table("drop"), sample.table("delete")]),
		"effect": "deny",
		"codes": {"policy.default_deny"},
	},
	"another tenant has no roles here": {
		"input": object.union(create, {"tenant": "other"}),
		"effect": "deny",
		"codes": {"policy.default_deny"},
	},
}

test_decision[name] if {
	some name, case in cases
	decision := main.decision with input as case.input
	decision.effect == case.effect
	sample.codes(decision) == case.codes
}

test_only_an_allow_carries_permissions[name] if {
	some name, case in cases
	decision := main.decision with input as case.input
	expected := {"allow": case.input.required, "deny": [], "needs_approval": []}
	decision.permissions == expected[case.effect]
}

bob := {"iss": "https://idp", "sub": "bob", "groups": ["database-admins"]}

approved_by_bob := {"approvals": [{"id": "apr_1", "approvers": [bob], "answered_at": "2026-11-24T03:10:00.000000Z"}]}

approved_cases := {
	"an approved action is allowed": {"operations": ["drop"], "effect": "allow", "codes": {"policy.approved"}},
	"an approval does not cover an uncovered part": {
		"operations": ["drop", "delete"],
		"effect": "deny",
		"codes": {"policy.default_deny"},
	},
	"an action that needs no approval is allowed as ever": {
		"operations": ["create"],
		"effect": "allow",
		"codes": {"rbac.granted"},
	},
}

test_approved[name] if {
	some name, case in approved_cases
	request := sample.of("database", [sample.table(verb) | some verb in case.operations])
	decision := main.decision with input as object.union(request, approved_by_bob)
	decision.effect == case.effect
	sample.codes(decision) == case.codes
}

test_an_approval_lifts_no_deny if {
	closed := object.union(sample.table("drop"), {"object": {"schema": "pg_catalog"}})
	request := object.union(sample.of("database", [closed]), approved_by_bob)
	decision := main.decision with input as request
	decision.effect == "deny"
}

test_a_families_deny_wins if {
	closed := object.union(sample.table("create"), {"object": {"schema": "pg_catalog"}})
	decision := main.decision with input as sample.of("database", [closed])
	sample.codes(decision) == {"database.closed_schema"}
}

test_approval_terms_are_those_of_the_role if {
	decision := main.decision with input as drop
	decision.approval == database_change
}

test_uncovered_operations_are_listed if {
	two := sample.of("database", [sample.table("create"), sample.table("delete")])
	decision := main.decision with input as two
	some reason in decision.reasons
	reason.details == {"operations": [1]}
}

test_grouped_decisions_are_each_their_own if {
	bob := object.union(create, {
		"subject": object.union(sample.alice, {"sub": "bob", "groups": ["guests"]}),
		"action_digest": "of bob",
	})
	decisions := main.decisions with input as {"items": {"n1": create, "n2": bob}}
	decisions.n1.action_digest == "digest"
	decisions.n1.decision.effect == "allow"
	decisions.n2.action_digest == "of bob"
	decisions.n2.decision.effect == "deny"
	count(decisions) == 2
}

test_an_allow_carries_what_must_be_held_to_and_a_refusal_nothing if {
	rights := {"orders-developer": {"effect": "allow", "bound_rows": 5}}
	access := object.union(data.data.access, {"default": {"database": {"orders": {"public": {"table": {"select": rights}}}}}})
	reading := main.decision with input as sample.of("database", [sample.table("select")]) with data.data.access as access
	reading.effect == "allow"
	reading.obligations == {{"type": "max_rows", "rows": 5, "operations": [0]}}
	both := sample.of("database", [sample.table("select"), sample.table("delete")])
	refused := main.decision with input as both with data.data.access as access
	refused.effect == "deny"
	refused.obligations == []
}

test_what_people_approved_is_held_to_as_well if {
	rights := {"orders-developer": {"effect": "database-change", "bound_rows": 5}}
	access := object.union(data.data.access, {"default": {"database": {"orders": {"public": {"table": {"select": rights}}}}}})
	request := object.union(sample.of("database", [sample.table("select")]), approved_by_bob)
	decision := main.decision with input as request with data.data.access as access
	decision.effect == "allow"
	decision.obligations == {{"type": "max_rows", "rows": 5, "operations": [0]}}
}
