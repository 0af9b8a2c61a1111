package counterfoil.actions.http_test

import data.counterfoil.actions.http
import data.counterfoil.lib.sample_test as sample

origin := "https://orders.example.com"

endpoint(patch) := object.union(
	{
		"family": "http",
		"verb": "get",
		"object": {"kind": "endpoint", "origin": origin, "segments": ["v1", "orders"], "query": []},
	},
	patch,
)

power(verb, name) := {
	"family": "http",
	"verb": verb,
	"object": {"kind": "origin", "origin": origin},
	"details": {"powers": [name]},
}

may(effect) := {"orders-developer": {"effect": effect, "query": {"limit": true}}}

below(effect) := {"orders-developer": {"effect": effect, "below": true}}

access := {"default": {
	"roles": data.data.access["default"].roles,
	"approvals": {"release": terms},
	"http": {origin: {
		"operations": {"listOrders": may("allow"), "dropOrders": may("release")},
		"paths": {"get": {"/v1/orders": may("allow"), "/v1/items": below("allow")}},
		"powers": {"private": may("allow"), "credential": may("release"), "metadata": may("allow")},
	}},
}}

terms := {"approvers": ["release"], "quorum": 1, "expires_in_seconds": 60}

named(name) := endpoint({"object": {"kind": "operation", "name": name, "segments": ["elsewhere"]}})

allowed := {
	"the path": endpoint({}),
	"a named parameter": endpoint({"object": {"query": ["limit"]}}),
	"below a path": endpoint({"object": {"segments": ["v1", "items", "7", "notes"]}}),
	"that path itself": endpoint({"object": {"segments": ["v1", "items"]}}),
	"the API's own name": named("listOrders"),
	"the power to reach this network": power("reach", "private"),
}

not_allowed := {
	"below a path that is for itself": endpoint({"object": {"segments": ["v1", "orders", "7"]}}),
	"a path that begins alike": endpoint({"object": {"segments": ["v1", "items2"]}}),
	"a shorter path": endpoint({"object": {"segments": ["v1"]}}),
	"the root": endpoint({"object": {"segments": [""]}}),
	"a parameter that nobody named": endpoint({"object": {"query": ["limit", "as_user"]}}),
	"another method": endpoint({"verb": "delete"}),
	"another origin": endpoint({"object": {"origin": "http://orders.example.com"}}),
	"a name of another operation": named("getOrder"),
	"a power that nobody named": power("reach", "loopback"),
	"another verb on a power": power("enter", "private"),
	"two powers in one": object.union(power("reach", "private"), {"details": {"powers": ["private", "loopback"]}}),
	"another family's operation": endpoint({"family": "database"}),
}

test_allowed[name] if {
	some name, op in allowed
	http.allow == {0} with input as sample.of("http", [op]) with data.data.access as access
}

test_not_allowed[name] if {
	some name, op in not_allowed
	http.allow == set() with input as sample.of("http", [op]) with data.data.access as access
	http.needs_approval == {} with input as sample.of("http", [op]) with data.data.access as access
}

test_needs_approval[name] if {
	some name, op in {"by name": named("dropOrders"), "by power": power("authenticate", "credential")}
	http.allow == set() with input as sample.of("http", [op]) with data.data.access as access
	http.needs_approval == {0: {terms}} with input as sample.of("http", [op]) with data.data.access as access
}

test_the_metadata_service_is_closed_whatever_a_role_says if {
	found := http.deny with input as sample.of("http", [power("reach", "metadata")]) with data.data.access as access
	{reason.code | some reason in found} == {"http.closed_network"}
	http.deny == set() with input as sample.of("http", [power("reach", "private")]) with data.data.access as access
}

test_no_redirect_is_followed if {
	http.obligations == {{"type": "no_redirects"}} with input as sample.of("http", [endpoint({})])
	http.obligations == set() with input as sample.of("shell", [endpoint({"family": "shell"})])
}
