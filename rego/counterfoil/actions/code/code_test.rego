package counterfoil.actions.code_test

import data.counterfoil.actions.code
import data.counterfoil.lib.sample_test as sample

python := {
	"family": "code",
	"verb": "run",
	"object": {"kind": "code", "language": "python", "digest": "sha256:00"},
	"details": {"hints": {}},
}

terms := {"approvers": ["leads"], "quorum": 1, "expires_in_seconds": 60}

access(rights) := {"default": {
	"roles": object.union(data.data.access.default.roles, {
		"people": {"groups": {"developers": true}, "agents": {}},
		"agents": {"groups": {}, "agents": {sample.coder.iss: {"coder": true}}},
	}),
	"code": {"python": rights},
	"approvals": {"read-it": terms},
}}

sandboxed := {"type": "sandbox", "operations": [0]}

asked := sample.of("code", [python])

test_a_sandbox_is_the_condition if {
	code.allow == {0} with input as asked with data.data.access as access({"teammate": "sandbox"})
	code.obligations == {sandboxed} with input as asked with data.data.access as access({"teammate": "sandbox"})
	code.needs_approval == {} with input as asked with data.data.access as access({"teammate": "sandbox"})
}

test_or_a_person_who_read_it if {
	code.allow == set() with input as asked with data.data.access as access({"teammate": "read-it"})
	code.needs_approval == {0: {terms}} with input as asked with data.data.access as access({"teammate": "read-it"})
	code.obligations == set() with input as asked with data.data.access as access({"teammate": "read-it"})
}

both := {
	"the person's role wants the sandbox": {"people": "sandbox", "agents": "read-it"},
	"the agent's does": {"people": "read-it", "agents": "sandbox"},
}

test_after_an_approval_the_sandbox_stays[name] if {
	some name, rights in both
	code.allow == set() with input as asked with data.data.access as access(rights)
	code.needs_approval == {0: {terms}} with input as asked with data.data.access as access(rights)
	code.obligations == {sandboxed} with input as asked with data.data.access as access(rights)
}

refused := {
	"a bare allow": {"teammate": "allow"},
	"terms that nobody wrote": {"teammate": "unwritten"},
	"the person alone": {"people": "sandbox"},
	"the agent alone": {"agents": "sandbox"},
}

test_refused[name] if {
	some name, rights in refused
	code.allow == set() with input as asked with data.data.access as access(rights)
	code.needs_approval == {} with input as asked with data.data.access as access(rights)
}

others := {
	"another language": object.union(python, {"object": {"language": "ruby"}}),
	"another verb": object.union(python, {"verb": "compile"}),
	"another kind": object.union(python, {"object": {"kind": "file"}}),
	"another family's operation": object.union(python, {"family": "shell"}),
}

test_nothing_else_runs[name] if {
	some name, op in others
	other := sample.of("code", [op])
	code.allow == set() with input as other with data.data.access as access({"teammate": "sandbox"})
	code.obligations == set() with input as other with data.data.access as access({"teammate": "sandbox"})
}

test_hints_are_no_permission_and_no_denial if {
	named := object.union(python, {"details": {"hints": {"imports": ["os"], "calls": ["system"]}}})
	code.allow == {0} with input as sample.of("code", [named]) with data.data.access as access({"teammate": "sandbox"})
}

test_development_runs_none if {
	code.allow == set() with input as asked
	code.needs_approval == {} with input as asked
}
