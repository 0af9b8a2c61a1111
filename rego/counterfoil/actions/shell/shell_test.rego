package counterfoil.actions.shell_test

import data.counterfoil.actions.shell
import data.counterfoil.lib.sample_test as sample

program(name) := {"family": "shell", "verb": "run", "object": {"kind": "program", "name": name}}

terms := {"approvers": ["leads"], "quorum": 1, "expires_in_seconds": 60}

access := {"default": {
	"roles": data.data.access["default"].roles,
	"shell": {"date": {"teammate": "allow"}, "ps": {"teammate": "release"}},
	"approvals": {"release": terms},
}}

every_one := {"default": {"roles": data.data.access["default"].roles, "shell": {"*": {"teammate": "allow"}}}}

test_a_named_program_is_allowed if {
	shell.allow == {0} with input as sample.of("shell", [program("date")]) with data.data.access as access
}

test_a_star_names_each_that_is_read if {
	shell.allow == {0} with input as sample.of("shell", [program("wc")]) with data.data.access as every_one
}

test_a_condition_asks_people if {
	asked := sample.of("shell", [program("ps")])
	shell.allow == set() with input as asked with data.data.access as access
	shell.needs_approval == {0: {terms}} with input as asked with data.data.access as access
}

not_allowed := {
	"another program": program("wc"),
	"a name that begins alike": program("dates"),
	"another verb": object.union(program("date"), {"verb": "install"}),
	"another kind": object.union(program("date"), {"object": {"kind": "script"}}),
	"another family's operation": object.union(program("date"), {"family": "code"}),
}

test_not_allowed[name] if {
	some name, op in not_allowed
	asked := sample.of("shell", [op])
	shell.allow == set() with input as asked with data.data.access as access
	shell.needs_approval == {} with input as asked with data.data.access as access
}
