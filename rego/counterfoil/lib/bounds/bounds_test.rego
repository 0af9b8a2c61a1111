package counterfoil.lib.bounds_test

import data.counterfoil.lib.bounds
import data.counterfoil.lib.sample_test as sample

roles := {"default": {"roles": {
	"analyst": {"groups": {"developers": true}, "agents": {}},
	"machine": {"groups": {}, "agents": {sample.coder.iss: {sample.coder.sub: true}}},
}}}

few := {"effect": "allow", "bound_rows": 10}

cases := {
	"a pair of which one is bound": {"rights": {"analyst": few, "machine": "allow"}, "allowed": true, "found": [{10}]},
	"a pair without a bound": {"rights": {"analyst": "allow", "machine": "allow"}, "allowed": true, "found": [set()]},
	"a pair that asks where another allows": {"rights": {"analyst": few, "machine": "ask"}, "allowed": true, "found": []},
	"a pair that asks where none allows": {"rights": {"analyst": few, "machine": "ask"}, "allowed": false, "found": [{10}]},
	"no pair": {"rights": {"analyst": few}, "allowed": true, "found": []},
}

test_bounds_of_each_pair[name] if {
	some name, case in cases
	request := sample.of("database", [sample.table("select")])
	found := bounds.of(case.rights, sample.table("select"), case.allowed) with input as request with data.data.access as roles
	found == case.found
}
