"""What `--check` of this kind tells: rights that lack, and rights that nobody should have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from counterfoil_issuers.kubernetes.api import Api
from counterfoil_issuers.kubernetes.objects import RBAC
from counterfoil_issuers.kubernetes.probing import own_rights
from counterfoil_issuers.kubernetes.settings import Right, Settings

PAGE: Final = "docs/issuers/kubernetes.md"
_ADMISSION: Final = "admissionregistration.k8s.io"
_POLICIES: Final = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
NEEDED: Final[frozenset[Right]] = frozenset(
    {
        *(("", "serviceaccounts", None, verb) for verb in ("create", "delete", "list")),
        ("", "serviceaccounts/token", None, "create"),
        *(("", "secrets", None, verb) for verb in ("create", "delete")),
        *((RBAC, "roles", None, verb) for verb in ("create", "delete", "get", "list")),
        *((RBAC, "rolebindings", None, verb) for verb in ("create", "delete", "list")),
        ("authorization.k8s.io", "localsubjectaccessreviews", None, "create"),
        *((_ADMISSION, resource, None, "list") for resource in _POLICIES),
    }
)
"""In each namespace; the policies by their names come to it."""
_NEVER: Final = frozenset({"*", "escalate", "bind", "impersonate"})
_READS: Final = frozenset({"get", "list", "watch"})


def powers(api: Api, settings: Settings, names: Sequence[str]) -> list[str]:
    """One sentence each, with where the remedy stands.

    Raises:
        TargetError: the server does not say what the issuer may do.
    """
    found: list[str] = []
    for namespace in settings.namespaces:
        held = own_rights(api, namespace)
        lacking = sorted(str(right) for right in needed(names) - held)
        if lacking:
            found.append(
                f"in {namespace}, {api.url} does not let it {lacking[0]} and {len(lacking) - 1}"
                f" more. Apply the roles of {PAGE} there."
            )
        found += [f"in {namespace} {what}. See {PAGE}." for what in _too_much(held)]
    return found


def needed(names: Sequence[str]) -> frozenset[Right]:
    """All that the issuer must hold in a namespace."""
    return NEEDED | {
        (_ADMISSION, resource, name, verb)
        for resource in _POLICIES
        for name in names
        for verb in ("create", "delete", "patch")
    }


def _too_much(held: frozenset[Right]) -> Iterator[str]:
    if any(verb in _NEVER for _, _, _, verb in held):
        yield "it may give itself any right (*, escalate, bind or impersonate)"
    if any((group, what) == ("", "secrets") and verb in _READS for group, what, _, verb in held):
        yield "it may read Secrets, and so may its ceiling's holders"
    if any(
        group == _ADMISSION and name is None and verb not in _READS for group, _, name, verb in held
    ):
        yield "it may change admission policies that are not its own"
