"""Where objects are, in the API's paths."""

from __future__ import annotations

from typing import Final

from counterfoil.core.kubernetes_api.kinds import Kind

CLUSTER: Final = "/apis/admissionregistration.k8s.io/v1"
POLICIES: Final = f"{CLUSTER}/validatingadmissionpolicies"
BINDINGS: Final = f"{CLUSTER}/validatingadmissionpolicybindings"
OWN_RULES: Final = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def core(namespace: str, resource: str) -> str:
    """A resource of the core group."""
    return f"/api/v1/namespaces/{namespace}/{resource}"


def rbac(namespace: str, resource: str) -> str:
    """Roles, or role bindings."""
    return f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{resource}"


def access_reviews(namespace: str) -> str:
    """Where may be asked what another account may do in the namespace."""
    return f"/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"


def of_kind(kind: Kind, namespace: str) -> str:
    """All objects of a kind in a namespace."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    return f"{root}/namespaces/{namespace}/{kind.plural}"
