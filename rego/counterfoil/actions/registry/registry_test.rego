package counterfoil.actions.registry_test

import data.counterfoil.actions.registry
import data.counterfoil.lib.sample_test as sample

push := sample.push(["acme", "web"])

changed(patch) := object.union(push, patch)

allowed := {
	"pushing below the name": push,
	"pushing deeper": sample.push(["acme", "team", "web"]),
	"pulling": changed({"verb": "pull"}),
}

not_allowed := {
	"another repository": sample.push(["acme-evil", "web"]),
	"the name as a later part": sample.push(["evil", "acme", "web"]),
	"the name itself": sample.push(["acme"]),
	"no name": sample.push([]),
	"another verb": changed({"verb": "delete"}),
	"another registry": changed({"object": {"registry": "other"}}),
	"another family's operation": changed({"family": "database"}),
}

test_allowed[name] if {
	some name, op in allowed
	registry.allow == {0} with input as sample.of("registry", [op])
}

test_not_allowed[name] if {
	some name, op in not_allowed
	registry.allow == set() with input as sample.of("registry", [op])
	registry.needs_approval == {} with input as sample.of("registry", [op])
}

test_needs_approval if {
	right := {"effect": "release", "below": {"acme": true}}
	terms := {"approvers": ["release"], "quorum": 1, "expires_in_seconds": 60}
	access := object.union(data.data.access, {"default": {
		"registry": {"images": {"push": {"staging-deployer": right}}},
		"approvals": {"release": terms},
	}})
	request := sample.of("registry", [push])
	registry.allow == set() with input as request with data.data.access as access
	registry.needs_approval == {0: {terms}} with input as request with data.data.access as access
}
