package counterfoil.actions.kubernetes_test

import data.counterfoil.actions.kubernetes
import data.counterfoil.lib.sample_test as sample

token := "/spec/template/spec/automountServiceAccountToken"

web := sample.deploy("registry.example.com", ["acme", "web"])

changed(patch) := object.union(web, patch)

allowed := {
	"an image of the repository": web,
	"an image deeper in it": sample.deploy("registry.example.com", ["acme", "team", "web"]),
	"the default account's token": sample.power("identity", [token]),
}

not_allowed := {
	"another registry": sample.deploy("registry.example.com.evil.example", ["acme", "web"]),
	"another port": sample.deploy("registry.example.com:5000", ["acme", "web"]),
	"another repository": sample.deploy("registry.example.com", ["acme-evil", "web"]),
	"the name is a later part": sample.deploy("registry.example.com", ["evil", "acme", "web"]),
	"the repository itself": sample.deploy("registry.example.com", ["acme"]),
	"no image": changed({"details": {"images": []}}),
	"one foreign image among ours": changed({"details": {"images": [
		{"registry": "registry.example.com", "path": ["acme", "web"]},
		{"registry": "docker.io", "path": ["library", "alpine"]},
	]}}),
	"a power that nobody named": sample.power("secret-read", ["/spec/template/spec/volumes/0/secret"]),
	"a named account": sample.power("identity", [token, "/spec/template/spec/serviceAccountName"]),
	"a power without a field": sample.power("identity", []),
	"two powers in one": changed({"details": {"powers": ["image", "identity"]}}),
	"no power": changed({"details": {"powers": []}}),
	"an act without a power that nobody named": changed({"verb": "delete", "details": {"powers": []}}),
	"an act without a power in another namespace": changed({
		"verb": "get",
		"object": {"namespace": "production"},
		"details": {"powers": []},
	}),
	"another namespace": changed({"object": {"namespace": "production"}}),
	"another cluster": changed({"object": {"cluster": "other"}}),
	"another kind": changed({"object": {"kind": "DaemonSet"}}),
	"another group": changed({"object": {"api_group": "apps.example.com"}}),
	"another verb": changed({"verb": "delete"}),
	"another family's operation": changed({"family": "database"}),
}

test_allowed[name] if {
	some name, op in allowed
	kubernetes.allow == {0} with input as sample.of("kubernetes", [op])
}

# An act that carries no power is found as `plain`, and a right for that allows no power.
test_an_act_without_a_power if {
	access := object.union(data.data.access, {"default": {"kubernetes": {"main": {"staging": {"apps": {"Deployment": {"get": {"plain": {"staging-deployer": {"effect": "allow"}}}}}}}}}})
	plain := changed({"verb": "get", "details": {"powers": [], "images": [], "fields": []}})
	kubernetes.allow == {0} with input as sample.of("kubernetes", [plain]) with data.data.access as access
	powerful := changed({"verb": "get", "details": {"powers": ["secret-read"], "images": [], "fields": ["/data"]}})
	kubernetes.allow == set() with input as sample.of("kubernetes", [powerful]) with data.data.access as access
}

handed(verbs) := changed({
	"verb": "hand-out",
	"object": {"kind": "Pod", "api_group": ""},
	"details": {"powers": ["rights"], "images": [], "fields": verbs},
})

# A right that a Role hands out is judged as an operation of its own, verb by verb.
test_rights_that_are_handed_out if {
	right := {"effect": "allow", "only_fields": {"/verbs/get": true, "/verbs/list": true}}
	access := object.union(data.data.access, {"default": {"kubernetes": {"main": {"staging": {"": {"Pod": {"hand-out": {"rights": {"staging-deployer": right}}}}}}}}})
	kubernetes.allow == {0} with input as sample.of("kubernetes", [handed(["/verbs/get"])]) with data.data.access as access
	kubernetes.allow == set() with input as sample.of("kubernetes", [handed(["/verbs/get", "/verbs/delete"])]) with data.data.access as access
	kubernetes.allow == set() with input as sample.of("kubernetes", [handed(["/verbs/*"])]) with data.data.access as access
}

test_not_allowed[name] if {
	some name, op in not_allowed
	kubernetes.allow == set() with input as sample.of("kubernetes", [op])
	kubernetes.needs_approval == {} with input as sample.of("kubernetes", [op])
}

test_needs_approval if {
	right := {"effect": "release", "images_below": {"registry.example.com/acme": true}}
	terms := {"approvers": ["release"], "quorum": 1, "expires_in_seconds": 60}
	access := object.union(data.data.access, {"default": {
		"kubernetes": {"main": {"staging": {"apps": {"Deployment": {"deploy": {"image": {"staging-deployer": right}}}}}}},
		"approvals": {"release": terms},
	}})
	request := sample.of("kubernetes", [web])
	kubernetes.allow == set() with input as request with data.data.access as access
	kubernetes.needs_approval == {0: {terms}} with input as request with data.data.access as access
}

closed := {name | some name, _ in data.data.limits.kubernetes.closed_namespaces}

test_closed_namespaces_are_denied[namespace] if {
	some namespace in closed
	found := kubernetes.deny with input as sample.of("kubernetes", [changed({"object": {"namespace": namespace}})])
	{reason.code | some reason in found} == {"kubernetes.closed_namespace"}
}

test_other_families_are_not_ours_to_deny if {
	foreign := changed({"family": "shell", "object": {"namespace": "kube-system"}})
	kubernetes.deny == set() with input as sample.of("shell", [foreign])
}
