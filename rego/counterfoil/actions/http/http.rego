# METADATA
# title: Requests
# description: |
#   Requests to registered origins. A right is found by origin and by the API's own name of the
#   operation, or by method and path; where a request goes and whose credential it carries are
#   operations of their own, found by power. Whatever a role says, no redirect is followed.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.http

import data.counterfoil.lib.match
import data.counterfoil.lib.result

# METADATA
# title: A closed part of the network is asked
# description: The metadata service hands out the machine's own credentials to whoever asks.
# custom:
#   code: http.closed_network
#   solution: Call an API of the application; nothing is asked of the machine's own services.
deny contains result.reason(rego.metadata.rule(), {"operations": [i]}) if {
	some i, operation in input.operations
	operation.family == "http"
	operation.verb == "reach"
	some power in operation.details.powers
	data.data.limits.http.closed_powers[power]
}

# METADATA
# title: Allowed operations
# description: A role of the person and one of the agent both allow it, within their limits.
allow contains i if {
	some i, operation in input.operations
	operation.family == "http"
	rights := _rights[i]
	some [role, right] in rights
	right.effect == "allow"
	match.subject(role)
	some [ceiling, limit] in rights
	limit.effect == "allow"
	match.actor(ceiling)
}

# METADATA
# title: Operations that need approval
# description: Person and agent are covered, at least one under the terms listed.
needs_approval[i] contains terms if {
	some i, operation in input.operations
	operation.family == "http"
	rights := _rights[i]
	some [role, right] in rights
	match.subject(role)
	some [ceiling, limit] in rights
	match.actor(ceiling)
	some condition in {right.effect, limit.effect}
	terms := data.data.access[input.tenant].approvals[condition]
}

# METADATA
# title: Redirects stay unfollowed
# description: Each hop is a request of its own, and only the first was judged.
obligations contains {"type": "no_redirects"} if {
	some operation in input.operations
	operation.family == "http"
}

# METADATA
# title: Rights
# description: Which role may do it under which effect; each stands at one of three places.
_rights[i] contains [role, right] if {
	some i, operation in input.operations
	operation.object.kind == "operation"
	some role, right in _origin(operation).operations[operation.object.name]
	_within(right, operation)
}

_rights[i] contains [role, right] if {
	some i, operation in input.operations
	operation.object.kind in {"endpoint", "operation"}
	paths := _origin(operation).paths[operation.verb]
	some size in numbers.range(0, count(operation.object.segments))
	some role, right in paths[concat("/", array.concat([""], array.slice(operation.object.segments, 0, size)))]
	_reaches(right, operation, size)
	_within(right, operation)
}

_rights[i] contains [role, right] if {
	some i, operation in input.operations
	operation.verb in {"reach", "authenticate"}
	[power] = operation.details.powers
	some role, right in _origin(operation).powers[power]
}

# METADATA
# title: Origin
# description: What the data says of the origin that the request goes to.
_origin(operation) := data.data.access[input.tenant].http[operation.object.origin]

# METADATA
# title: Reaches
# description: The path of the right is the request's own, or the right holds for all below it.
_reaches(_, operation, size) if size == count(operation.object.segments)

_reaches(right, operation, size) if {
	size < count(operation.object.segments)
	right.below == true
}

# METADATA
# title: Within the right
# description: Each parameter of the query is one that the right names.
_within(right, operation) if {
	every name in operation.object.query { right.query[name] }
}
