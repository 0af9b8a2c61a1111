package counterfoil.actions.tool_test

import data.counterfoil.actions.tool
import data.counterfoil.lib.sample_test as sample

access := object.union(data.data.access, {"default": {"tool": {"get_time": {"orders-developer": "allow"}}}})

test_a_named_tool_is_allowed if {
	request := sample.of("tool", [sample.call("get_time")])
	tool.allow == {0} with input as request with data.data.access as access
}

others := {
	"another tool": sample.call("get_secret"),
	"its name in other letters": sample.call("GET_TIME"),
	"another family": object.union(sample.call("get_time"), {"family": "shell"}),
}

test_any_other_is_not[name] if {
	some name, op in others
	tool.allow == set() with input as sample.of("tool", [op]) with data.data.access as access
}

test_development_names_none if {
	tool.allow == set() with input as sample.of("tool", [sample.call("get_time")])
}
