package counterfoil.lib.permissions_test

import data.counterfoil.lib.permissions
import data.counterfoil.lib.sample_test as sample

test_required_is_passed_on_unchanged if {
	wanted := [{"type": "b"}, {"type": "a", "actions": ["y", "x"]}]
	request := object.union(sample.of("database", []), {"required": wanted})
	found := permissions.required with input as request
	json.marshal(found) == json.marshal(wanted)
}
