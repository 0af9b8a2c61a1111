# METADATA
# title: Samples
# description: Inputs that the tests of all packages begin with. Nothing here is a test.
package counterfoil.lib.sample_test

alice := {"iss": "urn:counterfoil:development", "sub": "alice", "groups": ["developers"]}

coder := {"iss": "urn:counterfoil:development", "sub": "coder"}

# An input of one family with these operations.
of(family, operations) := {
	"tenant": "default",
	"subject": alice,
	"actor": coder,
	"run": "run_1",
	"action": {"name": "a_tool", "family": family, "arguments": {}},
	"resource": null,
	"operations": operations,
	"uncertain": [],
	"required": [{"type": "sample", "operations": [0]}],
	"ambient": [],
	"action_digest": "digest",
	"context": {"time": "2026-11-24T03:10:00.000000Z"},
	"approvals": [],
}

# One operation on a table of the development database.
table(verb) := {
	"family": "database",
	"verb": verb,
	"object": {"kind": "table", "database": "orders", "schema": "public", "name": "invoices"},
}

# The deployment of one image, as the image power of a Deployment.
deploy(registry, path) := {
	"family": "kubernetes",
	"verb": "deploy",
	"object": {
		"kind": "Deployment",
		"api_group": "apps",
		"cluster": "main",
		"namespace": "staging",
		"name": "web",
	},
	"details": {
		"powers": ["image"],
		"images": [{"registry": registry, "path": path, "tag": "1.0"}],
		"fields": ["/spec/template/spec/containers/0/image"],
	},
}

# Another power of the same Deployment.
power(name, fields) := object.union(
	deploy("registry.example.com", ["acme", "web"]),
	{"details": {"powers": [name], "images": [], "fields": fields}},
)

# A push to a repository of the development registry.
push(path) := {
	"family": "registry",
	"verb": "push",
	"object": {"kind": "repository", "registry": "images", "name": concat("/", path), "components": path},
	"details": {"tag": "1.0"},
}

# One agent giving the work to another.
receive(agent) := {"family": "handoff", "verb": "receive", "object": {"kind": "agent", "name": agent}}

call(name) := {"family": "tool", "verb": "call", "object": {"kind": "tool", "name": name}}

codes(decision) := {reason.code | some reason in decision.reasons}
