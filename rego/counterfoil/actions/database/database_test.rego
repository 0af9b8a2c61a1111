package counterfoil.actions.database_test

import data.counterfoil.actions.database
import data.counterfoil.lib.sample_test as sample

operation(patch) := object.union(sample.table("create"), patch)

allowed := {
	"create in public": sample.table("create"),
	"select in public": sample.table("select"),
}

not_allowed := {
	"another verb": sample.table("insert"),
	"a verb in other letters": sample.table("CREATE"),
	"a verb that needs approval": sample.table("drop"),
	"another schema": operation({"object": {"schema": "audit"}}),
	"a schema with a star": operation({"object": {"schema": "*"}}),
	"a schema with a dot": operation({"object": {"schema": "public.invoices"}}),
	"a schema in other letters": operation({"object": {"schema": "Public"}}),
	"another database": operation({"object": {"database": "payments"}}),
	"another kind": operation({"object": {"kind": "function"}}),
	"another family's operation": operation({"family": "kubernetes"}),
	"no schema": {"family": "database", "verb": "create", "object": {"kind": "table", "database": "orders"}},
}

test_allowed[name] if {
	some name, op in allowed
	database.allow == {0} with input as sample.of("database", [op])
}

test_not_allowed[name] if {
	some name, op in not_allowed
	database.allow == set() with input as sample.of("database", [op])
}

transaction(verb) := {"family": "database", "verb": verb, "object": {"kind": "transaction", "database": "orders"}}

# What stands in no schema has its rights under the empty name.
test_a_transaction_is_allowed_where_data_says_so if {
	access := {"default": {
		"roles": data.data.access["default"].roles,
		"database": {"orders": {"": {"transaction": {"begin": {"orders-developer": "allow"}}}}},
	}}
	asked := [transaction("begin"), transaction("rollback"), sample.table("create")]
	database.allow == {0} with input as sample.of("database", asked) with data.data.access as access
	database.allow == {2} with input as sample.of("database", asked)
}

strangers := {
	"a person without the group": {"subject": object.union(sample.alice, {"groups": []})},
	"a group in other letters": {"subject": object.union(sample.alice, {"groups": ["Developers"]})},
	"no agent": {"actor": null},
	"an unknown agent": {"actor": object.union(sample.coder, {"sub": "other"})},
	"the agent's name from another issuer": {"actor": object.union(sample.coder, {"iss": "https://evil.example"})},
	"another tenant": {"tenant": "other"},
}

test_person_and_agent_must_both_hold_a_role[name] if {
	some name, patch in strangers
	request := object.union(sample.of("database", [sample.table("create"), sample.table("drop")]), patch)
	database.allow == set() with input as request
	database.needs_approval == {} with input as request
}

approval_needed := {"drop": sample.table("drop"), "alter": sample.table("alter")}

test_needs_approval[name] if {
	some name, op in approval_needed
	found := database.needs_approval with input as sample.of("database", [op])
	found == {0: {data.data.access["default"].approvals["database-change"]}}
}

no_approval := {
	"an allowed verb": sample.table("create"),
	"an uncovered verb": sample.table("delete"),
	"another family's operation": object.union(sample.table("drop"), {"family": "shell"}),
}

test_no_approval[name] if {
	some name, op in no_approval
	database.needs_approval == {} with input as sample.of("database", [op])
}

# The agent's ceiling asks for an approval where the person's role would allow.
test_the_stricter_of_the_two_counts if {
	rights := {"clerk": "allow", "machine": "database-change"}
	roles := {
		"clerk": {"groups": {"developers": true}, "agents": {}},
		"machine": {"groups": {}, "agents": {sample.coder.iss: {sample.coder.sub: true}}},
	}
	terms := {"approvers": ["a"], "quorum": 1, "expires_in_seconds": 60}
	access := {"default": {
		"roles": roles,
		"database": {"orders": {"public": {"table": {"create": rights}}}},
		"approvals": {"database-change": terms},
	}}
	request := sample.of("database", [sample.table("create")])
	database.allow == set() with input as request with data.data.access as access
	database.needs_approval == {0: {terms}} with input as request with data.data.access as access
}

# The person deletes by key, else asks; the agent's ceiling has no limit.
test_a_limit_that_is_not_met_asks_where_its_terms_say_so if {
	terms := {"approvers": ["a"], "quorum": 1, "expires_in_seconds": 60}
	rights := {
		"orders-developer": "allow",
		"clerk": {"effect": "allow", "keys": {"invoices": [["id"]]}, "otherwise": "database-change"},
	}
	access := {"default": {
		"roles": {
			"clerk": {"groups": {"developers": true}, "agents": {}},
			"orders-developer": {"groups": {}, "agents": {sample.coder.iss: {sample.coder.sub: true}}},
		},
		"database": {"orders": {"public": {"table": {"delete": rights}}}},
		"approvals": {"database-change": terms},
	}}
	one := sample.of("database", [object.union(sample.table("delete"), {"details": {"equal": ["id"]}})])
	database.allow == {0} with input as one with data.data.access as access
	database.needs_approval == {} with input as one with data.data.access as access
	all := sample.of("database", [object.union(sample.table("delete"), {"details": {"rows": "all"}})])
	database.allow == set() with input as all with data.data.access as access
	database.needs_approval == {0: {terms}} with input as all with data.data.access as access
}

# Two statements of one text.
text(first, second) := sample.of("database", [
	object.union(first, {"details": {"statement": 1}}),
	object.union(second, {"details": {"statement": 2}}),
])

test_a_statement_that_needs_approval_comes_alone if {
	mixed := text(sample.table("create"), sample.table("drop"))
	found := database.deny with input as mixed
	{[reason.code, reason.details] | some reason in found} == {["database.approve_alone", {"operations": [1]}]}
}

test_all_that_wait_are_named_together if {
	found := database.deny with input as text(sample.table("alter"), sample.table("drop"))
	{reason.details | some reason in found} == {{"operations": [0, 1]}}
}

alone := {
	"one statement, two operations": sample.of("database", [sample.table("create"), sample.table("drop")]),
	"two statements that are allowed": text(sample.table("create"), sample.table("select")),
	"two statements that nobody could approve": text(sample.table("create"), sample.table("delete")),
}

test_other_texts_are_not_ours_to_deny[name] if {
	some name, request in alone
	database.deny == set() with input as request
}

closed := {name | some name, _ in data.data.limits.database.closed_schemas}

test_closed_schemas_are_denied[schema] if {
	some schema in closed
	found := database.deny with input as sample.of("database", [operation({"object": {"schema": schema}})])
	{reason.code | some reason in found} == {"database.closed_schema"}
}

test_other_families_are_not_ours_to_deny if {
	foreign := operation({"family": "shell", "object": {"schema": "pg_catalog"}})
	database.deny == set() with input as sample.of("shell", [foreign])
}

# A right of the person's that bounds rows, and what an operation's text says of them.
bounded(right, details) := {
	"request": sample.of("database", [object.union(sample.table("select"), {"details": details})]),
	"access": {"default": {
		"roles": {
			"analyst": {"groups": {"developers": true}, "agents": {}},
			"reader": {"groups": {"developers": true}, "agents": {}},
			"machine": {"groups": {}, "agents": {sample.coder.iss: {sample.coder.sub: true}}},
			"stranger": {"groups": {"guests": true}, "agents": {}},
		},
		"database": {"orders": {"public": {"table": {"select": object.union(
			{"machine": "allow", "stranger": {"effect": "allow", "bound_rows": 1}},
			right,
		)}}}},
	}},
}

analyst := {"analyst": {"effect": "allow", "bound_rows": 100}}

bounds := {
	"a text without a limit": {"right": analyst, "details": {}, "rows": {100}},
	"a text with a higher limit": {"right": analyst, "details": {"limit": 101}, "rows": {100}},
	"a text that says as few": {"right": analyst, "details": {"limit": 100}, "rows": set()},
	"the agent's bound is the lower one": {
		"right": object.union(analyst, {"machine": {"effect": "allow", "bound_rows": 10}}),
		"details": {},
		"rows": {10},
	},
	"a second role without a bound": {
		"right": object.union(analyst, {"reader": "allow"}),
		"details": {},
		"rows": set(),
	},
	"a second role that asks people bounds as before": {
		"right": object.union(analyst, {"reader": "database-change"}),
		"details": {},
		"rows": {100},
	},
	"a right without a bound": {"right": {"analyst": "allow"}, "details": {}, "rows": set()},
}

test_rows_are_bound_where_the_text_does_not_say_as_few[name] if {
	some name, case in bounds
	world := bounded(case.right, case.details)
	database.allow == {0} with input as world.request with data.data.access as world.access
	found := database.obligations with input as world.request with data.data.access as world.access
	found == {{"type": "max_rows", "rows": rows, "operations": [0]} | some rows in case.rows}
}

test_a_bound_that_is_no_number_allows_nothing if {
	world := bounded({"analyst": {"effect": "allow", "bound_rows": "100"}}, {})
	database.allow == set() with input as world.request with data.data.access as world.access
}

test_other_families_have_their_own_obligations if {
	world := bounded(analyst, {})
	foreign := sample.of("shell", [object.union(sample.table("select"), {"family": "shell"})])
	database.obligations == set() with input as foreign with data.data.access as world.access
}
