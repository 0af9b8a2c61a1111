# METADATA
# title: OPA alone, doing the service's job
# description: >-
#   The rival of `make bench`. One query verifies the caller's token (ES256), decides with
#   the product's own policy and signs the scoped token request (ES256). The caller has
#   already read the command into operations, permissions and digest, and nothing is
#   recorded but OPA's console decision log.
# scope: package
package opa_alone

default response := {"effect": "deny", "reasons": [{"code": "identity.invalid_token"}]}

response := answer(data.counterfoil.main.decision) if caller_is_verified

settings := data.opa_alone_settings

# Signature, issuer, audience, expiry and not-before in one call.
verified := io.jwt.decode_verify(input.token, {
	"cert": settings.token_key,
	"alg": "ES256",
	"iss": settings.token_issuer,
	"aud": settings.token_audience,
})

claims := verified[2]

# The policy's input says who asks; it counts only where the token says the same.
caller_is_verified if {
	verified[0]
	input.subject == {"iss": claims.iss, "sub": claims.sub, "groups": claims.groups}
	input.actor == claims.act
	input.run == claims.run
}

answer(decision) := object.remove(decision, ["permissions"]) if decision.effect != "allow"

answer(decision) := {
	"decision_id": decision_id,
	"effect": decision.effect,
	"reasons": decision.reasons,
	"permissions": decision.permissions,
	"ambient": input.ambient,
	"obligations": decision.obligations,
	"scoped_token_request": {
		"id": concat("_", ["str", uuid.rfc4122("request")]),
		"decision_id": decision_id,
		"expires_at": now_seconds + 300,
		"max_lifetime_seconds": 300,
		"single_use": true,
		"authorization_details": decision.permissions,
		"signed_request": signed(decision),
	},
} if {
	decision.effect == "allow"
}

decision_id := concat("_", ["dec", uuid.rfc4122("decision")])

now_seconds := floor(time.now_ns() / 1000000000)

# The claims of the service's own scoped token request.
signed(decision) := io.jwt.encode_sign(
	{"alg": "ES256", "kid": settings.signing_key.kid, "typ": "scoped-token-request+jwt"},
	{
		"iss": settings.issuer,
		"aud": settings.grant_audience,
		"sub": claims.sub,
		"sub_iss": claims.iss,
		"act": object.union(claims.act, {"sub_profile": "ai_agent"}),
		"client_id": claims.act.sub,
		"txn": decision_id,
		"jti": uuid.rfc4122("jti"),
		"iat": now_seconds,
		"nbf": now_seconds,
		"exp": now_seconds + 300,
		"authorization_details": decision.permissions,
		"ambient_details": input.ambient,
		"action_digest": input.action_digest,
		"policy": {"revision": settings.revision},
		"credential_deadline": now_seconds + 300,
	},
	settings.signing_key,
)
