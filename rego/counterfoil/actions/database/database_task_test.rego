package counterfoil.actions.database_task_test

import data.counterfoil.actions.database
import data.counterfoil.lib.sample_test as sample

access := {"default": object.union(data.data.access["default"], {"tasks": {
	"Read Only": {"select": true, "connect": true},
	"nothing at all": {"select": false},
	"written wrongly": "select",
}})}

told(context) := object.union(
	sample.of("database", [sample.table("select"), sample.table("create")]),
	{"context": object.union({"time": "2026-11-24T03:10:00.000000Z"}, context)},
)

beyond := {
	"the task": {"context": {"task": "look, read only please"}, "found": {1}},
	"the prompt": {"context": {"prompt": "READ ONLY: count them"}, "found": {1}},
	"the task beside a prompt without a phrase": {"context": {"prompt": "x", "task": "read only"}, "found": {1}},
	"a verb that data says false of": {"context": {"task": "nothing at all"}, "found": {0, 1}},
	"verbs that are no object": {"context": {"task": "written wrongly"}, "found": {0, 1}},
}

test_a_task_leaves_what_data_says_of_its_phrase[name] if {
	some name, case in beyond
	found := database.deny with input as told(case.context) with data.data.access as access
	{i | some reason in found; reason.code == "database.beyond_task"; some i in reason.details.operations} == case.found
}

within := {
	"other words": {"task": "read and write"},
	"no words": {},
	"the phrase in another place": {"call_id": "read only"},
}

test_other_tasks_are_not_ours_to_deny[name] if {
	some name, context in within
	database.deny == set() with input as told(context) with data.data.access as access
}

test_a_phrase_that_data_does_not_know_says_nothing if {
	database.deny == set() with input as told({"task": "read only"})
}

test_other_families_are_not_ours_to_deny if {
	foreign := sample.of("shell", [object.union(sample.table("create"), {"family": "shell"})])
	request := object.union(foreign, {"context": {"time": "x", "task": "read only"}})
	database.deny == set() with input as request with data.data.access as access
}
