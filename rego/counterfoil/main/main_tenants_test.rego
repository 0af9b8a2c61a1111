package counterfoil.main_test

import data.counterfoil.lib.sample_test as sample
import data.counterfoil.main

refusal := {"code": "acme.no", "title": "No", "solution": "Stop."}

terms := {"approvers": ["acme-leads"], "quorum": 2, "expires_in_seconds": 60}

tenant_cases := {
	"a tenant's deny of the operation's family wins": {
		"input": object.union(create, {"action": {"family": "shell"}}),
		"tenants": {"default": {"database": {"deny": [refusal]}}},
		"effect": "deny",
		"codes": {"acme.no"},
	},
	"a tenant's deny of the action's family wins": {
		"input": object.union(create, {"action": {"family": "shell"}}),
		"tenants": {"default": {"shell": {"deny": [refusal]}}},
		"effect": "deny",
		"codes": {"acme.no"},
	},
	"a tenant's deny wins over an approval": {
		"input": drop,
		"tenants": {"default": {"database": {"deny": [refusal]}}},
		"effect": "deny",
		"codes": {"acme.no"},
	},
	"another tenant's deny changes nothing": {
		"input": create,
		"tenants": {"other": {"database": {"deny": [refusal]}}},
		"effect": "allow",
		"codes": {"rbac.granted"},
	},
	"a tenant's allow permits nothing": {
		"input": sample.of("database", [sample.table("delete")]),
		"tenants": {"default": {"database": {"allow": [0]}}},
		"effect": "deny",
		"codes": {"policy.default_deny"},
	},
	"a tenant may ask for an approval of an operation's family": {
		"input": object.union(create, {"action": {"family": "shell"}}),
		"tenants": {"default": {"database": {"needs_approval": [terms]}}},
		"effect": "needs_approval",
		"codes": {"policy.approval_required"},
	},
	"a tenant may ask for an approval of an action's family": {
		"input": object.union(create, {"action": {"family": "shell"}}),
		"tenants": {"default": {"shell": {"needs_approval": [terms]}}},
		"effect": "needs_approval",
		"codes": {"policy.approval_required"},
	},
	"approvals of two kinds are never merged": {
		"input": drop,
		"tenants": {"default": {"database": {"needs_approval": [terms]}}},
		"effect": "deny",
		"codes": {"policy.mixed_approvals"},
	},
}

test_tenants[name] if {
	some name, case in tenant_cases
	decision := main.decision with input as case.input with data.tenants as case.tenants
	decision.effect == case.effect
	sample.codes(decision) == case.codes
}

test_a_deny_of_the_actions_own_family_wins if {
	decision := main.decision with input as create with data.counterfoil.actions.database.deny as {refusal}
	decision.reasons == {refusal}
}

test_approval_terms_are_those_of_the_tenant if {
	decision := main.decision with input as create
		with data.tenants as {"default": {"database": {"needs_approval": [terms]}}}
	decision.approval == terms
}
