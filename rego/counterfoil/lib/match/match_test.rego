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

# An input with another actor.
_acting(changes) := object.union(request, {"actor": object.union(sample.coder, changes)})

test_a_ceiling_with_the_role_lets_the_agent_use_it if {
	match.actor("orders-developer") with input as _acting({"ceiling": ["a", "orders-developer"]})
}

test_a_ceiling_without_the_role_takes_it_away if {
	not match.actor("orders-developer") with input as _acting({"ceiling": ["staging-deployer"]})
}

test_an_empty_ceiling_takes_every_role_away if {
	not match.actor("orders-developer") with input as _acting({"ceiling": []})
}

test_a_ceiling_gives_no_role_that_the_data_does_not if {
	not match.actor("owner") with input as _acting({"ceiling": ["owner"]})
}

test_an_agent_that_was_handed_on_to_has_what_all_of_the_chain_have if {
	match.actor("orders-developer") with input as _acting({"via": [sample.coder]})
}

# An agent that holds no role.
_planner := {"iss": sample.coder.iss, "sub": "planner"}

test_an_agent_without_the_role_hands_none_on if {
	not match.actor("orders-developer") with input as _acting({"via": [_planner]})
}

test_one_agent_without_the_role_is_enough_in_a_chain if {
	not match.actor("orders-developer") with input as _acting({"via": [sample.coder, _planner]})
}

test_below_a_name if {
	match.below({"a/b": true}, ["a", "b", "c"])
	match.below({"a": true}, ["a", "b", "c"])
}

test_not_below_a_name if {
	not match.below({"a/b": true}, ["a", "b"])
	not match.below({"a/b": true}, ["a", "bc", "d"])
	not match.below({"a/b": true}, ["x", "a", "b", "c"])
	not match.below({"a": false}, ["a", "b"])
	not match.below({"a": true}, [])
	not match.below({"a": true}, ["a"])
}
