package counterfoil.actions.handoff_test

import data.counterfoil.actions.handoff
import data.counterfoil.lib.sample_test as sample

request(op) := sample.of("handoff", [op])

by(agent, op) := object.union(request(op), {"actor": object.union(sample.coder, {"sub": agent})})

received := {
	"a teammate": request(sample.receive("reviewer")),
	"back to where it came from": by("reviewer", sample.receive("coder")),
	"on to oneself, as a team with one token does": request(sample.receive("coder")),
}

test_received[name] if {
	some name, asked in received
	handoff.allow == {0} with input as asked
	handoff.needs_approval == {} with input as asked
}

refused := {
	"somebody without a rule": request(sample.receive("deployer")),
	"a name that begins alike": request(sample.receive("reviewer2")),
	"a name in other letters": request(sample.receive("Reviewer")),
	"nobody": request(sample.receive("")),
	"from an agent without a role": by("stranger", sample.receive("reviewer")),
	"from an agent of another issuer": object.union(
		request(sample.receive("reviewer")),
		{"actor": {"iss": "https://elsewhere", "sub": "coder"}},
	),
	"from no registered agent": object.union(request(sample.receive("reviewer")), {"actor": null}),
	"for a person of another group": object.union(
		request(sample.receive("reviewer")),
		{"subject": object.union(sample.alice, {"groups": ["guests"]})},
	),
	"in another tenant": object.union(request(sample.receive("reviewer")), {"tenant": "other"}),
	"another verb": request(object.union(sample.receive("reviewer"), {"verb": "dismiss"})),
	"another kind": request(object.union(sample.receive("reviewer"), {"object": {"kind": "team"}})),
	"another family's operation": request(object.union(sample.receive("reviewer"), {"family": "tool"})),
}

test_refused[name] if {
	some name, asked in refused
	handoff.allow == set() with input as asked
	handoff.needs_approval == {} with input as asked
}

terms := {"approvers": ["leads"], "quorum": 1, "expires_in_seconds": 60}

test_a_condition_asks_people_and_is_no_allow if {
	asked := request(sample.receive("reviewer"))
	allowed := handoff.allow with input as asked
		with data.data.access.default.handoff as {"reviewer": {"teammate": "release"}}
		with data.data.access.default.approvals as {"release": terms}
	allowed == set()
	needed := handoff.needs_approval with input as asked
		with data.data.access.default.handoff as {"reviewer": {"teammate": "release"}}
		with data.data.access.default.approvals as {"release": terms}
	needed == {0: {terms}}
}
