# METADATA
# title: Databases
# description: |
#   Operations on database objects. A right is found by the parts that the parser read
#   (database, schema, kind, verb), never by comparing text: a dot, a star or a quote inside
#   a name means nothing here.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.database

import data.counterfoil.lib.match
import data.counterfoil.lib.result

# METADATA
# title: The database's own catalogues are closed
# description: Whatever a role says, nothing reads or changes the system's schemas.
# custom:
#   code: database.closed_schema
#   solution: Work in the schemas of the application.
deny contains result.reason(rego.metadata.rule(), {"operations": [i]}) if {
	some i, operation in input.operations
	operation.family == "database"
	data.data.limits.database.closed_schemas[operation.object.schema]
}

# METADATA
# title: A text of several statements holds one that people must approve
# description: |
#   Statements of one text run together or not at all, and people should judge one at a time:
#   a second statement is what an injection adds.
# custom:
#   code: database.approve_alone
#   solution: Send the statement that needs approval as an action of its own.
deny contains result.reason(rego.metadata.rule(), {"operations": waiting}) if {
	waiting := [i |
		some i, _ in needs_approval
		not allow[i]
	]
	count(waiting) > 0
	count({n | n := input.operations[_].details.statement}) > 1
}

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both allow the operation.
allow contains i if {
	some i, operation in input.operations
	operation.family == "database"
	object := operation.object
	some role, "allow" in data.data.access[input.tenant].database[object.database][object.schema][object.kind][operation.verb]
	match.subject(role)
	some ceiling, "allow" in data.data.access[input.tenant].database[object.database][object.schema][object.kind][operation.verb]
	match.actor(ceiling)
}

# METADATA
# title: Operations that need approval
# description: Person and agent are covered, at least one under the terms listed.
needs_approval[i] contains terms if {
	some i, operation in input.operations
	operation.family == "database"
	object := operation.object
	rights := data.data.access[input.tenant].database[object.database][object.schema][object.kind][operation.verb]
	some role, right in rights
	match.subject(role)
	some ceiling, limit in rights
	match.actor(ceiling)
	some condition in {right, limit}
	terms := data.data.access[input.tenant].approvals[condition]
}
