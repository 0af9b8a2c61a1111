package counterfoil.actions.filesystem_test

import data.counterfoil.actions.filesystem
import data.counterfoil.lib.sample_test as sample

file(verb, parts) := {
	"family": "filesystem",
	"verb": verb,
	"object": {"kind": "file", "root": "workspace", "path": concat("/", parts)},
	"details": {"parts": parts, "assumes": ["no-symlink"]},
}

terms := {"approvers": ["leads"], "quorum": 1, "expires_in_seconds": 60}

access := {"default": {
	"roles": data.data.access.default.roles,
	"filesystem": {"workspace": {
		"read": {"teammate": {"effect": "allow", "below": {".": true}}},
		"write": {"teammate": {"effect": "allow", "below": {"src": true, "docs/api": true}}},
		"delete": {"teammate": {"effect": "release", "below": {"src": true}}},
	}},
	"approvals": {"release": terms},
}}

allowed := {
	"reading anywhere in the root": file("read", ["a", "b.txt"]),
	"reading the root itself": file("read", []),
	"writing below a folder": file("write", ["src", "a.py"]),
	"writing the folder itself": file("write", ["src"]),
	"writing below a deeper one": file("write", ["docs", "api", "x.md"]),
}

test_allowed[name] if {
	some name, op in allowed
	filesystem.allow == {0} with input as sample.of("filesystem", [op]) with data.data.access as access
}

not_allowed := {
	"a folder that begins alike": file("write", ["src2", "a.py"]),
	"above the deeper folder": file("write", ["docs", "index.md"]),
	"another verb": file("create", ["src"]),
	"another root": object.union(file("read", ["a"]), {"object": {"root": "other"}}),
	"another family's operation": object.union(file("read", ["a"]), {"family": "shell"}),
}

tree := object.union(file("read", ["src"]), {"object": {"kind": "tree"}})

test_a_tree_needs_a_right_that_says_so if {
	asked := sample.of("filesystem", [tree])
	filesystem.allow == set() with input as asked with data.data.access as access
	whole := object.union(access, {"default": {"filesystem": {"workspace": {"read": {"teammate": {"trees": true}}}}}})
	filesystem.allow == {0} with input as asked with data.data.access as whole
}

test_not_allowed[name] if {
	some name, op in not_allowed
	asked := sample.of("filesystem", [op])
	filesystem.allow == set() with input as asked with data.data.access as access
	filesystem.needs_approval == {} with input as asked with data.data.access as access
}

test_a_stranger_reads_nothing if {
	asked := object.union(sample.of("filesystem", [file("read", ["a"])]), {"actor": object.union(sample.coder, {"sub": "stranger"})})
	filesystem.allow == set() with input as asked with data.data.access as access
}

test_needs_approval if {
	asked := sample.of("filesystem", [file("delete", ["src", "a.py"])])
	filesystem.allow == set() with input as asked with data.data.access as access
	filesystem.needs_approval == {0: {terms}} with input as asked with data.data.access as access
}

closed := {".ssh", ".GIT", ".aws"}

test_closed_names_are_denied[name] if {
	some name in closed
	found := filesystem.deny with input as sample.of("filesystem", [file("read", ["a", name, "x"])])
	{reason.code | some reason in found} == {"filesystem.closed_name"}
}

test_other_families_are_not_ours_to_deny if {
	foreign := object.union(file("read", [".ssh"]), {"family": "shell"})
	filesystem.deny == set() with input as sample.of("shell", [foreign])
	filesystem.obligations == set() with input as sample.of("shell", [foreign])
}

test_who_opens_follows_no_link if {
	found := filesystem.obligations with input as sample.of("filesystem", [file("read", ["a"])])
	found == {{"type": "no_symlinks", "operations": [0]}}
}

test_development_gives_no_file if {
	filesystem.allow == set() with input as sample.of("filesystem", [file("read", ["a"])])
}
