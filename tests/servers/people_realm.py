"""A Keycloak realm as docs/identity/ says, with one person: by OpenID Connect, and by SAML."""

from __future__ import annotations

from typing import Any

REALM, PASSWORD = "acme", "wonderland"
ENTITY = "https://counterfoil.example.com"
CLIENT = "counterfoil-login"


def people_realm(acs_url: str, logout_url: str) -> dict[str, Any]:
    """A realm as docs/identity/generic-saml.md says, with alice in it."""
    groups = {
        "name": "groups",
        "protocol": "saml",
        "protocolMapper": "saml-group-membership-mapper",
        "config": {"attribute.name": "groups", "single": "true", "full.path": "false"},
    }
    uid = {
        "name": "uid",
        "protocol": "saml",
        "protocolMapper": "saml-user-property-mapper",
        "config": {"user.attribute": "id", "attribute.name": "uid"},
    }
    oidc_groups = {
        "name": "groups",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-group-membership-mapper",
        "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
    }
    return {
        "realm": REALM,
        "enabled": True,
        "groups": [{"name": "developers"}],
        "users": [
            {
                "username": "alice",
                "enabled": True,
                "email": "alice@example.test",
                "emailVerified": True,
                "firstName": "Alice",
                "lastName": "A",
                "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
                "groups": ["/developers"],
            }
        ],
        "clients": [
            {
                "clientId": CLIENT,
                "enabled": True,
                "publicClient": True,
                "standardFlowEnabled": True,
                "redirectUris": ["http://127.0.0.1/*"],
                # tests of tokens alone; people come by browser
                "directAccessGrantsEnabled": True,
                "attributes": {
                    "backchannel.logout.url": logout_url,
                    "backchannel.logout.session.required": "true",
                    "pkce.code.challenge.method": "S256",
                    "oauth2.device.authorization.grant.enabled": "true",
                },
                "protocolMappers": [oidc_groups],
            },
            {
                "clientId": ENTITY,
                "protocol": "saml",
                "enabled": True,
                "redirectUris": [acs_url],
                "attributes": {
                    "saml.authnstatement": "true",
                    "saml.server.signature": "true",
                    "saml.assertion.signature": "true",
                    "saml.client.signature": "false",
                    "saml.signature.algorithm": "RSA_SHA256",
                    "saml_name_id_format": "username",
                    "saml_force_name_id_format": "true",
                    "saml_assertion_consumer_url_post": acs_url,
                    "saml.force.post.binding": "true",
                },
                "protocolMappers": [groups, uid],
            },
        ],
    }
