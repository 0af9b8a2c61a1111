# METADATA
# title: Databases
# description: |
#   Operations on database objects. A right is found by the parts that the parser read
#   (database, schema, kind, verb), never by comparing text: a dot, a star or a quote inside
#   a name means nothing here.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.database

import data.counterfoil.lib.bounds
import data.counterfoil.lib.match
import data.counterfoil.lib.result
import data.counterfoil.lib.terms

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
# title: The task as it was told does not go so far
# description: Where data says which verbs a phrase of the prompt or the task leaves.
# custom:
#   code: database.beyond_task
#   solution: Do what the task says and no more, or have the person word it anew.
deny contains result.reason(rego.metadata.rule(), {"operations": [i], "phrase": phrase}) if {
	some phrase, verbs in data.data.access[input.tenant].tasks
	told := array.concat([text | text := input.context.prompt], [text | text := input.context.task])
	some text in told
	contains(lower(text), lower(phrase))
	some i, operation in input.operations
	operation.family == "database"
	not verbs[operation.verb]
}

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both allow the operation.
allow contains i if {
	some i, operation in input.operations
	operation.family == "database"
	rights := _rights(input.tenant, operation.object, operation.verb)
	some role, right in rights
	terms.effect(right, operation) == "allow"
	match.subject(role)
	some ceiling, limit in rights
	terms.effect(limit, operation) == "allow"
	match.actor(ceiling)
}

# METADATA
# title: Operations that need approval
# description: Person and agent are covered, at least one under the terms listed.
needs_approval[i] contains condition if {
	some i, operation in input.operations
	operation.family == "database"
	rights := _rights(input.tenant, operation.object, operation.verb)
	some role, right in rights
	match.subject(role)
	some ceiling, limit in rights
	match.actor(ceiling)
	effects := {terms.effect(right, operation), terms.effect(limit, operation)}
	some effect in effects
	condition := data.data.access[input.tenant].approvals[effect]
}

# METADATA
# title: Rows to hold to
# description: |
#   Where each pair of roles that covers the operation bounds the rows of its answer and the text
#   does not, whoever runs it must. The widest pair counts, of its two bounds the lower one.
obligations contains {"type": "max_rows", "rows": max(least), "operations": [i]} if {
	some i, operation in input.operations
	operation.family == "database"
	pairs := bounds.of(_rights(input.tenant, operation.object, operation.verb), operation, i in allow)
	count(pairs) > 0
	least := [min(rows) | some rows in pairs]
	count(least) == count(pairs) # a pair without a bound has no lowest one
}

# METADATA
# title: Rights
# description: |
#   What each role says about a verb on a kind of object of a schema. What stands in none (a
#   transaction, the database itself) has its rights under the empty name, which no schema can have.
_rights(tenant, target, verb) := data.data.access[tenant].database[target.database][schema][target.kind][verb] if {
	schema := object.get(target, "schema", "")
}
