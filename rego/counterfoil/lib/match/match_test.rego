package counterfoil.lib.match_test

import data.counterfoil.lib.match
import data.counterfoil.lib.sample_test as sample

request := sample.of("database", [])

test_a_group_holds_its_role if match.subject("orders-developer") with input as request

test_a_group_holds_no_other_role if not match.subject("owner") with input as request

test_any_of_many_groups_will_do if {
	subject := object.union(sample.alice, {"groups": ["a", "b", "developers"]})
	match.subject("orders-developer") with input as object.union(request, {"subject": subject})
}

test_an_agent_has_its_ceiling if match.actor("orders-developer") with input as request

test_a_role_that_says_false_is_not_held if {
	roles := {"default": {"roles": {"r": {"groups": {"developers": false}}}}}
	not match.subject("r") with input as request with data.data.access as roles
}

test_without_an_agent_there_is_no_ceiling if {
	not match.actor("orders-developer") with input as object.union(request, {"actor": null})
}
