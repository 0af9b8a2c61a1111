package counterfoil.lib.result_test

import data.counterfoil.lib.result
import data.counterfoil.lib.sample_test as sample

reasons := {
	"allow": result.granted,
	"approval": result.approval_required,
	"approved": result.approval_given,
	"uncertain": result.uncertain,
	"no operation": result.no_operation,
	"default deny": result.default_deny([0]),
	"mixed approvals": result.mixed_approvals,
}

test_every_reason_explains_itself[name] if {
	some name, reason in reasons
	count(reason.code) > 0
	count(reason.title) > 0
	count(reason.solution) > 0
}

test_a_refusal_carries_no_permission if {
	decision := result.deny({result.no_operation})
	decision.permissions == []
	decision.effect == "deny"
}

test_waiting_for_approval_carries_no_permission if {
	terms := {"approvers": ["a"], "quorum": 1, "expires_in_seconds": 1}
	decision := result.needs_approval({terms})
	decision.permissions == []
	decision.approval == terms
}

test_an_allow_lives_as_long_as_the_limits_say if {
	decision := result.allow(set()) with input as sample.of("database", [])
		with data.data.limits as {"ttl_seconds": 60}
	decision.ttl_seconds == 60
	json.marshal(decision.permissions) == json.marshal([{"type": "sample", "operations": [0]}])
}
