"""A Keycloak realm as docs/identity/ says, with its people: by OpenID Connect, and by SAML."""

from __future__ import annotations

from typing import Any

REALM, PASSWORD = "acme", "wonderland"
URL = "https://counterfoil.example.com"
ENTITY = URL
CLIENT = "counterfoil-login"
CONSOLE, CONSOLE_SECRET = "counterfoil-console", "console-secret-of-the-tests"
GROUPS = ("developers", "database-admins", "compliance")
PEOPLE = {
    "alice": ("developers",),
    "bob": ("database-admins",),
    "carol": ("compliance",),
    "root": ("database-admins", "compliance"),
}


def people_realm(acs_url: str, logout_url: str, console_url: str = URL) -> dict[str, Any]:
    """A realm as docs/identity/generic-saml.md and docs/console.md say."""
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
        "groups": [{"name": name} for name in GROUPS],
        "users": [_person(name, groups) for name, groups in PEOPLE.items()],
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
                "clientId": CONSOLE,
                "enabled": True,
                "publicClient": False,
                "secret": CONSOLE_SECRET,
                "standardFlowEnabled": True,
                "redirectUris": [f"{console_url}/console/signin/callback"],
                "attributes": {
                    "backchannel.logout.url": logout_url,
                    "backchannel.logout.session.required": "true",
                    "pkce.code.challenge.method": "S256",
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


def _person(name: str, groups: tuple[str, ...]) -> dict[str, Any]:
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@example.test",
        "emailVerified": True,
        "firstName": name.capitalize(),
        "lastName": "A",
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        "groups": [f"/{group}" for group in groups],
    }
