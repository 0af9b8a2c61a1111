"""What is done to which object, as operations and as exact RBAC rules.

Each rule was found necessary, and all of an act together sufficient, on a real API server
(tests/e2e/test_kubernetes_exact.py). A resource and its subresource are separate rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from counterfoil.core.actions.images import ImageReference
from counterfoil.core.actions.kubernetes.manifest import Findings
from counterfoil.core.actions.kubernetes.objects import Object
from counterfoil.core.actions.kubernetes.rights import Right, handed_out, rights_in, rules_of
from counterfoil.core.kubernetes_api.kinds import POD_SPECS, Kind
from counterfoil.core.kubernetes_api.powers import POWERS
from counterfoil.core.model import JsonObject, JsonValue, Operation, Permission, Resource

DISCOVERY: Final = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version")
"""What `system:discovery` gives to every authenticated account."""

NAMED: Final = "named"
ALL: Final = "all"
RULES: Final[dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]]] = {
    # Server-side apply carries the name, so here `create` honours `resourceNames`.
    "apply": (("", NAMED, ("create", "patch")),),
    # What kubectl's own apply needs depends on whether the object is there: the union.
    "client-apply": (("", NAMED, ("get", "patch")), ("", ALL, ("create",))),
    "create": (("", ALL, ("create",)),),
    "change": (("", NAMED, ("get", "patch")),),
    "scale": (("", NAMED, ("get",)), ("/scale", NAMED, ("patch",))),
    "delete": (("", NAMED, ("delete",)),),
    "delete-all": (("", ALL, ("delete", "list")),),
    "get": (("", NAMED, ("get",)),),
    "list": (("", ALL, ("list",)),),
    "watch": (("", ALL, ("list", "watch")),),
    "follow": (("", NAMED, ("get", "list", "watch")),),
    "logs": (("", NAMED, ("get",)), ("/log", NAMED, ("get",))),
    # A websocket is opened by GET, which 1.34 lets execute alone: `get` is never rendered.
    "exec": (("", NAMED, ("get",)), ("/exec", NAMED, ("create",))),
}
"""Act → (subresource, with resourceNames, verbs)."""


class Act(NamedTuple):
    """One thing done to one object, or to all of a kind where `name` is None."""

    rule: str
    verb: str
    kind: Kind
    namespace: str
    name: str | None
    findings: Findings
    span: tuple[int, int] | None
    details: JsonObject
    hands_out: tuple[JsonObject, ...] = ()
    """RBAC rules that making the object gives to others."""


class Answer(NamedTuple):
    """Operations and the permissions that they need."""

    operations: tuple[Operation, ...]
    required: tuple[Permission, ...]


def acts_on(items: Sequence[Object], rule: str) -> list[Act]:
    """Applying or creating the objects of a manifest.

    Raises:
        Unreadable: a Role among them is not sure.
    """
    return [_act_on(item, rule, rules_of(item, items)) for item in items]


def _act_on(item: Object, rule: str, hands_out: tuple[JsonObject, ...]) -> Act:
    """`deploy` where the object holds a pod template."""
    verb = "deploy" if item.kind.kind in POD_SPECS else "apply"
    name = item.name or None
    details = {"generate_name": item.generate_name} if item.generate_name else {}
    return Act(
        rule=rule,
        verb="create" if rule == "create" else verb,
        kind=item.kind,
        namespace=item.namespace,
        name=name,
        findings=item.findings,
        span=item.span,
        details=details,
        hands_out=hands_out,
    )


def answer(acts: Sequence[Act], resource: Resource) -> Answer:
    """Each act's operations, one for each power, and one permission for each act."""
    operations: list[Operation] = []
    required: list[Permission] = []
    for act in acts:
        mine = _operations(act, resource)
        first = len(operations)
        operations += mine
        indexes = list(range(first, len(operations)))
        required.append({**_permission(act, resource), "operations": indexes})
    return Answer(tuple(operations), tuple(required))


def discovery(resource: Resource) -> Permission:
    """What a client asks a cluster before it asks anything else."""
    return {
        "type": "kubernetes",
        "locations": [resource.location],
        "identifier": "",
        "rules": [{"nonResourceURLs": list(DISCOVERY), "verbs": ["get"]}],
        "powers": [],
    }


def _operations(act: Act, resource: Resource) -> list[Operation]:
    """The act itself, then once more for each further power that the object carries.

    Each power is judged on its own: whoever may deploy may not therefore read Secrets. With
    images the first operation is that of power `image`; else it names no power.
    """
    target: dict[str, JsonValue] = {
        "kind": act.kind.kind,
        "api_group": act.kind.group,
        "cluster": resource.id,
        "namespace": act.namespace,
    }
    if act.name is not None:
        target["name"] = act.name
    images = {image.pulled: image for image in act.findings.images}
    parts: list[JsonValue] = [image_parts(images[pulled]) for pulled in sorted(images)]
    powers = _powers(act.findings)
    return [
        Operation(
            family="kubernetes",
            verb=act.verb,
            object=target,
            span=act.span,
            details={
                "powers": [power] if power else [],
                "images": parts if power == "image" else [],
                "fields": sorted(act.findings.powers.get(power, ())),
                **act.details,
            },
        )
        for power in (powers if "image" in powers else ["", *powers])
    ] + [_handing_out(act, right, resource) for right in rights_in(act.hands_out)]


def _handing_out(act: Act, right: Right, resource: Resource) -> Operation:
    """A right that others will have, judged on its own as if it were used."""
    target, fields = handed_out(right)
    return Operation(
        family="kubernetes",
        verb="hand-out",
        object={**target, "cluster": resource.id, "namespace": act.namespace},
        span=act.span,
        details={"powers": ["rights"], "images": [], "fields": [*fields]},
    )


def image_parts(image: ImageReference) -> JsonObject:
    """An image as parts, so that policy never compares a prefix of its text."""
    parts: dict[str, JsonValue] = {"registry": image.host, "path": image.path.split("/")}
    if image.tag is not None:
        parts["tag"] = image.tag
    if image.digest is not None:
        parts["digest"] = image.digest
    return parts


def _powers(findings: Findings) -> list[str]:
    return [power for power in POWERS if power in findings.powers]


def _permission(act: Act, resource: Resource) -> dict[str, JsonValue]:
    permission: dict[str, JsonValue] = {
        "type": "kubernetes",
        "locations": [resource.location],
        "identifier": act.namespace,
        "rules": [
            *(_rule(act, *parts) for parts in RULES[act.rule]),
            # Who hands a right out must hold it: else the server refuses the role.
            *(_handed_rule(right) for right in rights_in(act.hands_out)),
        ],
    }
    if act.findings.images:
        permission["images"] = sorted({image.repository for image in act.findings.images})
    permission["powers"] = _powers(act.findings)
    return permission


def _handed_rule(right: Right) -> JsonObject:
    group, resource, name, verbs = right
    names: dict[str, JsonValue] = {} if name is None else {"resourceNames": [name]}
    return {"apiGroups": [group], "resources": [resource], **names, "verbs": [*verbs]}


def _rule(act: Act, subresource: str, reach: str, verbs: tuple[str, ...]) -> JsonObject:
    rule: dict[str, JsonValue] = {
        "apiGroups": [act.kind.group],
        "resources": [f"{act.kind.plural}{subresource}"],
    }
    if reach == NAMED and act.name is not None:
        rule["resourceNames"] = [act.name]
    rule["verbs"] = list(verbs)
    return rule
