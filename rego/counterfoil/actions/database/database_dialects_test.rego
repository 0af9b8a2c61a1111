package counterfoil.actions.database_dialects_test

import data.counterfoil.actions.database
import data.counterfoil.lib.sample_test as sample

# What MySQL calls a schema is the database; SQLite's is main.
access := {"default": {
	"roles": {"shop": {"groups": {"developers": true}, "agents": {sample.coder.iss: {sample.coder.sub: true}}}},
	"database": {
		"shop": {"shop": {"table": {"select": {"shop": "allow"}}}},
		"notes": {"main": {"table": {"select": {"shop": "allow"}}}},
	},
}}

operation(base, schema, verb) := {
	"family": "database",
	"verb": verb,
	"object": {"kind": "table", "database": base, "schema": schema, "name": "items"},
}

allowed := {
	"a table of MySQL": operation("shop", "shop", "select"),
	"a table of SQLite": operation("notes", "main", "select"),
}

not_allowed := {
	"another verb on MySQL": operation("shop", "shop", "delete"),
	"another verb on SQLite": operation("notes", "main", "insert"),
	"PostgreSQL's schema on MySQL": operation("shop", "public", "select"),
	"another schema on SQLite": operation("notes", "temp", "select"),
}

test_allowed[name] if {
	some name, op in allowed
	database.allow == {0} with input as sample.of("database", [op]) with data.data.access as access
}

test_not_allowed[name] if {
	some name, op in not_allowed
	database.allow == set() with input as sample.of("database", [op]) with data.data.access as access
}

closed := {"mysql", "performance_schema", "sys", "information_schema"}

test_the_servers_own_schemas_are_closed[schema] if {
	some schema in closed
	found := database.deny with input as sample.of("database", [operation("shop", schema, "select")])
	{reason.code | some reason in found} == {"database.closed_schema"}
}
