# METADATA
# title: Terms of a right
# description: |
#   What a role says about an operation of a database: `allow`, the name of approval terms, or
#   an object that allows within limits. Where a limit is not met `otherwise` counts, and
#   without that the role says nothing. So does a right with a member that is not known here.
package counterfoil.lib.terms

# METADATA
# title: Effect
# description: Undefined where the right does not reach the operation.
effect(right, _) := right if is_string(right)

effect(right, operation) := right.effect if within(right, operation)

effect(right, operation) := right.otherwise if {
	_known(right)
	not within(right, operation)
}

# METADATA
# title: Within
# description: All limits of the right are met.
within(right, operation) if {
	_known(right)
	_names_met(right, operation)
	_columns_met(right, operation)
	_keys_met(right, operation)
	_rows_met(right, operation)
	_bound_known(right)
}

# METADATA
# title: Known
# description: A misspelt limit must not be a limit less.
_known(right) if {
	is_object(right)
	every name, _ in right { name in {"effect", "otherwise", "names", "not_columns", "keys", "max_rows", "bound_rows"} }
}

# METADATA
# title: Names
# description: Only these objects of the schema.
_names_met(right, _) if not "names" in object.keys(right)

_names_met(right, operation) if right.names[operation.object.name] == true

# METADATA
# title: Columns
# description: |
#   Of a table with closed columns the text names its columns, and none of those. Who reads a
#   table as a whole reads them all.
_columns_met(right, _) if not "not_columns" in object.keys(right)

_columns_met(right, operation) if {
	is_object(right.not_columns)
	not operation.object.name in object.keys(right.not_columns)
}

_columns_met(right, operation) if {
	closed := right.not_columns[operation.object.name]
	is_object(closed)
	count(operation.columns) > 0
	every column in operation.columns { not closed[column] }
}

# METADATA
# title: Keys
# description: The condition pins a whole key, as the catalogue or the policy's data knows it.
_keys_met(right, _) if not "keys" in object.keys(right)

_keys_met(right, operation) if {
	is_object(right.keys)
	operation.details.key == true
}

_keys_met(right, operation) if {
	some key in right.keys[operation.object.name]
	count(key) > 0
	every column in key { column in operation.details.equal }
}

# METADATA
# title: Bound
# description: |
#   How many rows whoever runs the text may give, where the text itself does not say as few.
#   Undefined where the right bounds nothing.
bound(right, operation) := right.bound_rows if {
	within(right, operation)
	not _says_as_few(operation, right.bound_rows)
}

# METADATA
# title: The text itself says as few
# description: A rule of its own, because an operand that is missing would undo a `not` around it.
_says_as_few(operation, rows) if operation.details.limit <= rows

# METADATA
# title: Known bound
# description: A bound that is no number bounds nothing, so it allows nothing.
_bound_known(right) if not "bound_rows" in object.keys(right)

_bound_known(right) if is_number(right.bound_rows)

# METADATA
# title: Rows
# description: The text itself says in a number how many rows its answer may have.
_rows_met(right, _) if not "max_rows" in object.keys(right)

_rows_met(right, operation) if {
	is_number(right.max_rows) # a number is less than any text
	operation.details.limit <= right.max_rows
}
