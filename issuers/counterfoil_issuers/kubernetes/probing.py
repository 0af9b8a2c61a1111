"""Sees a job's limits hold at every API server before its token leaves.

Each server learns of roles and policies by a watch of its own, half a second late. So each is
asked, as the job's account: does it hold exactly the decided rights, and is a probe of each
policy refused by that very policy? All probes are dry runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from counterfoil_issuers.contract import TargetError
from counterfoil_issuers.kubernetes.api import APPLY, MERGE, Api, Refused
from counterfoil_issuers.kubernetes.objects import PROBE, Guard, Plan, probe_text, singles
from counterfoil_issuers.kubernetes.paths import OWN_RULES, access_reviews, of_kind
from counterfoil_issuers.kubernetes.samples import sample
from counterfoil_issuers.kubernetes.settings import Right

PAUSE_SECONDS: Final = 0.1
_UNKNOWN, _FORBIDDEN = 401, 403
_NOT_YET: Final = frozenset({_UNKNOWN, _FORBIDDEN, 404, 409, 422})
"""Not known there yet, or not the probe for an object that is (not) there."""
_AUTHORIZATION: Final = "authorization.k8s.io"
EVERYONE: Final[frozenset[Right]] = frozenset(
    {
        (_AUTHORIZATION, "selfsubjectaccessreviews", None, "create"),
        (_AUTHORIZATION, "selfsubjectrulesreviews", None, "create"),
        ("authentication.k8s.io", "selfsubjectreviews", None, "create"),
        *(
            ("certificates.k8s.io", "clustertrustbundles", None, v)
            for v in ("get", "list", "watch")
        ),
    }
)
"""What every account of a cluster holds: it may ask about itself, and read trust anchors."""


def wait_until(done: Callable[[], str], seconds: float) -> None:
    """Ask until nothing is missing.

    Raises:
        TargetError: after `seconds` something still is; the text says what.
    """
    deadline = time.monotonic() + seconds
    while missing := done():
        if time.monotonic() > deadline:
            raise TargetError(f"after {seconds:g} s: {missing}")
        time.sleep(PAUSE_SECONDS)


def own_rights(api: Api, namespace: str) -> frozenset[Right]:
    """All rights on resources that the connection's account holds in a namespace.

    Raises:
        TargetError: the server does not say.
    """
    asked = {
        "apiVersion": f"{_AUTHORIZATION}/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    status = api.call("POST", OWN_RULES, asked).get("status", {})
    return singles(status.get("resourceRules") or ())


def rights_in_force(api: Api, made: Plan, beside: frozenset[Right]) -> str:
    """Whether the account holds the decided rights; empty: exactly these, else what is missing.

    Raises:
        TargetError: it holds more, or the server does not say.
    """
    try:
        held, wanted = own_rights(api, made.namespace), singles(made.rules)
    except Refused as error:
        if error.status in {_UNKNOWN, _FORBIDDEN}:  # not known there yet
            return f"{api.url} does not know the account"
        raise
    more = sorted(str(right) for right in held - wanted - EVERYONE - beside)
    if more:
        raise TargetError(
            f"every account of {made.namespace} holds more than was decided, at {api.url}: "
            f"{', '.join(more[:4])}; remove that binding, or name the right in target.beside"
        )
    return "" if wanted <= held else f"{api.url} does not know the role"


def policy_bites(api: Api, made: Plan, slot: str, guard: Guard, rules: Sequence[Any]) -> str:
    """Whether a policy refuses its probe; empty: it does.

    Raises:
        TargetError: the probe fails for another reason, so nothing shows that it does.
    """
    text = probe_text(made, slot)
    refusal = f"ValidatingAdmissionPolicy '{slot}' with binding '{slot}' denied request: {text}"
    said: list[str] = []
    for method, path, body, media in _probes(guard, made, text, rules):
        try:
            api.call(method, path, body, media=media, dryRun="All", **_query(media))
        except Refused as error:
            if refusal in error.said:
                return ""
            if error.status not in _NOT_YET:
                raise
            said.append(f"{error.status} {error.said}")
        else:
            said = ["it was let through"]
            break
    return f"{slot} does not refuse its probe at {api.url}: {'; '.join(said)[:400]}"


def _query(media: str) -> dict[str, str]:
    return {"fieldManager": "counterfoil-probe", "force": "true"} if media == APPLY else {}


def _probes(
    guard: Guard, made: Plan, text: str, rules: Sequence[Any]
) -> list[tuple[str, str, dict[str, Any], str]]:
    """Requests that reach admission: one for an object that is there, one for none."""
    name = guard.names[0] if guard.names else made.name
    whole = sample(guard.kind, name, made.namespace, guard.image)
    assert whole is not None  # noqa: S101 -- plan() refused what has none
    marked = {"metadata": {"name": name, "annotations": {PROBE: text}}}
    head = {"apiVersion": whole["apiVersion"], "kind": whole["kind"]}
    full = {**whole, "metadata": {**whole["metadata"], "annotations": {PROBE: text}}}
    at = of_kind(guard.kind, made.namespace)
    found = []
    if {"patch", "create"} <= guard.verbs and guard.names:
        found += [("PATCH", f"{at}/{name}", {**head, **marked}, APPLY)]
        found += [("PATCH", f"{at}/{name}", full, APPLY)]
    elif guard.names:
        found += [("PATCH", f"{at}/{name}", marked, MERGE)]
    anywhere = (guard.kind.group, guard.kind.plural, None, "create")
    if anywhere in singles(rules):
        found += [("POST", at, full, "application/json")]
    return found


def powerless(api: Api, namespace: str, name: str, rules: Sequence[Any]) -> str:
    """Whether an account holds none of the rights any more; empty: none.

    Raises:
        TargetError: the server does not say.
    """
    for group, resource, only, verb in sorted(singles(rules), key=str):
        kind, _, part = resource.partition("/")
        asked = {"namespace": namespace, "verb": verb, "group": group, "resource": kind}
        asked |= {"subresource": part} if part else {}
        asked |= {"name": only} if only else {}
        review = {
            "apiVersion": f"{_AUTHORIZATION}/v1",
            "kind": "LocalSubjectAccessReview",
            "metadata": {"namespace": namespace},
            "spec": {
                "user": f"system:serviceaccount:{namespace}:{name}",
                "resourceAttributes": asked,
            },
        }
        status = api.call("POST", access_reviews(namespace), review).get("status", {})
        if status.get("allowed") is not False:
            return f"{name} may still {verb} {resource} at {api.url}"
    return ""
