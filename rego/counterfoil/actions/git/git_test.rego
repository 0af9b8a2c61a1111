package counterfoil.actions.git_test

import data.counterfoil.actions.git
import data.counterfoil.lib.sample_test as sample

pushed(verb, ref) := {
	"family": "git",
	"verb": verb,
	"object": {"kind": "ref", "repository": "api", "host": "git.example.com", "path": "/acme/api.git", "ref": ref},
	"details": {"assumes": ["clean-git-configuration"]},
}

read := {
	"family": "git",
	"verb": "read",
	"object": {"kind": "repository", "repository": "api", "host": "git.example.com", "path": "/acme/api.git"},
}

folder(verb) := {
	"family": "git",
	"verb": verb,
	"object": {"kind": "worktree", "root": "workspace", "path": "api"},
}

terms := {"approvers": ["leads"], "quorum": 1, "expires_in_seconds": 60}

access := {"default": {
	"roles": data.data.access.default.roles,
	"git": {
		"repositories": {"api": {
			"read": {"teammate": {"effect": "allow"}},
			"update": {"teammate": {"effect": "allow", "refs_below": {"refs/heads/agent": true}, "refs": {"refs/heads/next": true}}},
			"force": {"teammate": {"effect": "release", "refs_below": {"refs/heads": true}}},
			"delete": {"teammate": {"effect": "allow", "refs_below": {"refs/heads": true}}},
		}},
		"folders": {"workspace": {"commit": {"teammate": {"effect": "allow"}}}},
	},
	"approvals": {"release": terms},
}}

allowed := {
	"a branch of its own": pushed("update", "refs/heads/agent/topic"),
	"a branch deeper": pushed("update", "refs/heads/agent/a/b"),
	"a branch named whole": pushed("update", "refs/heads/next"),
	"reading": read,
	"deleting a branch": pushed("delete", "refs/heads/topic"),
	"committing in a folder": folder("commit"),
}

test_allowed[name] if {
	some name, op in allowed
	git.allow == {0} with input as sample.of("git", [op]) with data.data.access as access
}

not_allowed := {
	"another branch": pushed("update", "refs/heads/main"),
	"a branch that begins alike": pushed("update", "refs/heads/agent2/x"),
	"the folder of names itself": pushed("update", "refs/heads/agent"),
	"a tag below the same words": pushed("update", "refs/tags/agent/x"),
	"another repository": object.union(read, {"object": {"repository": "web"}}),
	"another verb in the folder": folder("discard"),
	"another root": object.union(folder("commit"), {"object": {"root": "other"}}),
	"a kind that is none": object.union(read, {"object": {"kind": "host"}}),
	"another family's operation": object.union(read, {"family": "shell"}),
}

test_not_allowed[name] if {
	some name, op in not_allowed
	asked := sample.of("git", [op])
	git.allow == set() with input as asked with data.data.access as access
	git.needs_approval == {} with input as asked with data.data.access as access
}

test_a_right_on_refs_gives_no_reading if {
	limited := {"default": {
		"roles": data.data.access.default.roles,
		"git": {"repositories": {"api": {"read": {"teammate": {"effect": "allow", "refs": {"refs/heads/x": true}}}}}},
	}}
	git.allow == set() with input as sample.of("git", [read]) with data.data.access as limited
}

test_forcing_needs_approval if {
	asked := sample.of("git", [pushed("force", "refs/heads/topic")])
	git.allow == set() with input as asked with data.data.access as access
	git.needs_approval == {0: {terms}} with input as asked with data.data.access as access
}

test_protected_refs_are_never_forced_or_deleted[verb] if {
	some verb in {"force", "delete"}
	found := git.deny with input as sample.of("git", [pushed(verb, "refs/heads/main")])
	{reason.code | some reason in found} == {"git.protected_ref"}
}

test_updating_them_is_a_right_like_others if {
	git.deny == set() with input as sample.of("git", [pushed("update", "refs/heads/main")])
	foreign := object.union(pushed("force", "refs/heads/main"), {"family": "shell"})
	git.deny == set() with input as sample.of("shell", [foreign])
}

test_development_pushes_nothing if {
	git.allow == set() with input as sample.of("git", [pushed("update", "refs/heads/agent/x")])
}
