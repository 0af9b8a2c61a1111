"""A permission's images and powers as a ValidatingAdmissionPolicy, and read back from one.

RBAC knows neither: an account that may patch a Deployment may give it any image and any power.
The policy is for the job's account alone, in its namespace, on the rule's own resource and
names; it is made of the same tables that the reader judged by, so a field that carries a
power in the one is refused by the other. `{{account}}` and `{{name}}` are the issuer's to fill.

Whoever makes it must see it bite (a probe with `dryRun=All`) before the token leaves: a
policy takes half a second to come into force.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from counterfoil.core.kubernetes_api.kinds import POD_SPECS, RESOURCES, Kind
from counterfoil.core.kubernetes_api.powers import (
    OF_KIND,
    PLAIN_ANNOTATIONS,
    PLAIN_SECRETS,
    POWERS,
)
from counterfoil.core.kubernetes_api.shapes import SHAPES, Field
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.renderings.contract import NotRenderable, text, texts

API_VERSION: Final = "admissionregistration.k8s.io/v1"
ACCOUNT: Final = "{{account}}"
NAME: Final = "{{name}}"

_COMPONENT: Final = "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*"
_SUFFIX: Final = (
    "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}))?"
)
_LABEL: Final = (
    "^(app[.]kubernetes[.]io/|helm[.]sh/|batch[.]kubernetes[.]io/)?"
    "[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
)
_TOLD_BY_THE_CLUSTER: Final = (
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubectl.kubernetes.io/restartedAt",
    "deprecated.daemonset.template.generation",
)
"""Annotations that kubectl and controllers write for themselves."""
_GRACE: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_DEFAULTED: Final = {
    "serviceAccountName": '{0} == "default"',
    "serviceAccount": '{0} == "default"',
    "priority": "{0} == 0",
    "finalizers": '{0}.all(f, f in ["kubernetes.io/pvc-protection"])',
    "tolerations": f'{{0}}.all(t, has(t.key) && t.key in ["{_GRACE[0]}", "{_GRACE[1]}"])',
}
"""What the server itself writes into a pod that says nothing, before admission sees it."""
_WRITES: Final = frozenset({"create", "update", "patch"})
_OR: Final = " || "
_AND: Final = " && "


def admission_policies(entry: JsonObject) -> list[JsonObject]:
    """The policies of one entry of a rendering, one for each rule that writes objects.

    Args:
        entry: `role` and `admission` (`images`, `powers`), as `render` wrote them.

    Raises:
        NotRenderable: a resource has no known form, or an image's name none in the policy's
            language: without a policy the role would be wider than the permission.
    """
    role, limits = only_object(entry.get("role")), only_object(entry.get("admission", {}))
    namespace = text(only_object(role.get("metadata")).get("namespace"))
    images = texts(limits["images"]) if limits.get("images") else ()
    powers = texts(limits["powers"]) if limits.get("powers") else ()
    found = []
    for rule in _rules(role):
        resource, group = text(_only(rule["resources"])), _only(rule["apiGroups"])
        if "/" in resource or _WRITES.isdisjoint(texts(rule["verbs"])):
            continue
        kind = RESOURCES.get((str(group), resource))
        if kind is None:
            raise NotRenderable("what a custom kind may hold is not known")
        validations = list(_validations(kind, images, powers))
        if validations:
            found.append(_policy(kind, rule, namespace, validations))
    return found


def _policy(
    kind: Kind, rule: JsonObject, namespace: str, validations: list[JsonObject]
) -> JsonObject:
    rules: dict[str, JsonValue] = {
        "apiGroups": [kind.group],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [kind.plural],
        "scope": "Namespaced",
    }
    if "resourceNames" in rule:
        rules["resourceNames"] = rule["resourceNames"]
    user = f'request.userInfo.username == "{ACCOUNT}"'
    return {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [rules],
            },
            "matchConditions": [{"name": "account", "expression": user}],
            "variables": list(_variables(kind)),
            "validations": validations,
        },
    }


def _rules(role: JsonObject) -> list[JsonObject]:
    rules = role.get("rules")
    return [only_object(rule) for rule in rules] if isinstance(rules, list | tuple) else []


def _only(values: JsonValue) -> JsonValue:
    if not isinstance(values, list | tuple) or len(values) != 1:
        raise NotRenderable("a rule is on one resource")
    return values[0]


def only_object(value: JsonValue) -> JsonObject:
    """Return `value` if it is an object.

    Raises:
        NotRenderable: it is not.
    """
    if not isinstance(value, dict):
        raise NotRenderable("a member is missing or no object")
    return value


BINDING: Final[JsonObject] = {
    "apiVersion": API_VERSION,
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": NAME},
    "spec": {"policyName": NAME, "validationActions": ["Deny"]},
}


def read_limits(policy: JsonObject, kind: Kind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The images and the powers that a policy lets through, read from its expressions.

    Raises:
        NotRenderable: an expression is not the one that refuses what its message says.
    """
    spec = policy.get("spec")
    found = spec.get("validations") if isinstance(spec, dict) else None
    images: tuple[str, ...] = ()
    refused: set[str] = set()
    for one in found if isinstance(found, list) else ():
        message, expression = one["message"], one["expression"]
        if message == _IMAGES:
            images = _read_images(expression)
        elif message == _UNCHANGED:
            refused.add("image")
            if expression != _unchanged(kind):
                raise NotRenderable("an expression is not the one its message names")
        else:
            power = message.removeprefix(_POWER)
            refused.add(power)
            if expression != refusal(kind, power):
                raise NotRenderable("an expression is not the one its message names")
    needed = {power for power in POWERS if refusal(kind, power)} | (
        {"image"} if kind.kind in POD_SPECS else set()
    )
    return images, tuple(power for power in POWERS if power in needed - refused)


_POWER: Final = "not granted: "
_IMAGES: Final = "an image is not of a repository that was granted"
_UNCHANGED: Final = "the pod must stay as it is"


def _variables(kind: Kind) -> Iterator[JsonObject]:
    if kind.kind not in POD_SPECS:
        return
    pod = ".".join(("object", *POD_SPECS[kind.kind]))
    lists = [
        f"(has({pod}.{name}) ? {pod}.{name}.map(c, has(c.image) ? c.image : '') : [])"
        for name in ("containers", "initContainers", "ephemeralContainers")
    ]
    volumes = (
        f"(has({pod}.volumes) ? {pod}.volumes.filter(v, has(v.image))"
        ".map(v, has(v.image.reference) ? v.image.reference : '') : [])"
    )
    yield {"name": "images", "expression": " + ".join([*lists, volumes])}


def _validations(kind: Kind, images: Sequence[str], powers: Sequence[str]) -> Iterator[JsonObject]:
    if kind.kind in POD_SPECS and "image" not in powers:
        # Nothing was said of images: whoever restarts a workload leaves its pod as it is.
        yield {"expression": _unchanged(kind), "message": _UNCHANGED}
        return
    if kind.kind in POD_SPECS:
        yield {"expression": _of_images(images), "message": _IMAGES}
    for power in POWERS:
        if power not in powers and (expression := refusal(kind, power)):
            yield {"expression": expression, "message": f"{_POWER}{power}"}


def _of_images(images: Sequence[str]) -> str:
    if not images:
        return "variables.images.size() == 0"
    forms = []
    for image in sorted(images):
        if not re.fullmatch(r"[a-z0-9.:_/-]{1,255}", image):
            raise NotRenderable("an image's repository has no form in the policy's language")
        forms.append(image.replace(".", "[.]"))
    return f'variables.images.all(i, i.matches("^({"|".join(forms)}){_SUFFIX}$"))'


def _read_images(expression: str) -> tuple[str, ...]:
    if expression == "variables.images.size() == 0":
        return ()
    start, end = 'variables.images.all(i, i.matches("^(', f'){_SUFFIX}$"))'
    if not expression.startswith(start) or not expression.endswith(end):
        raise NotRenderable("the expression of images does not read back")
    inner = expression[len(start) : -len(end)]
    return tuple(sorted(form.replace("[.]", ".") for form in inner.split("|")))


def _unchanged(kind: Kind) -> str:
    pod = ".".join(POD_SPECS[kind.kind])
    same = [f"object.{pod} == oldObject.{pod}"]
    same += [
        f"has(object.metadata.{name}) == has(oldObject.metadata.{name})"
        f" && (!has(object.metadata.{name}) || object.metadata.{name} == oldObject.metadata.{name})"
        for name in ("labels", "finalizers", "ownerReferences")
    ]
    return f"oldObject != null && {_AND.join(same)}"


@lru_cache(maxsize=512)
def refusal(kind: Kind, power: str) -> str:
    """The expression that is false where an object carries a power; empty: it cannot.

    A kind that is a power itself was granted by its rule: no field adds to it.
    """
    if power == "image" or kind.shape not in SHAPES or OF_KIND.get(kind.kind) == power:
        return ""
    return _AND.join(_conditions(kind.shape, "object", power, 0))


def _conditions(shape: str, value: str, power: str, depth: int) -> Iterator[str]:
    for name, known in SHAPES[shape].items():
        place = f"{value}.{name}"
        own = _own(known, place, power)
        if own:
            yield f"({own})" if _OR in own else own
        if known.power == power and not known.when:
            continue
        if known.type in SHAPES and known.many != "{" and reaches(known.type, power):
            item = f"x{depth}" if known.many else place
            inner = _AND.join(_conditions(known.type, item, power, depth + bool(known.many)))
            within = f"{place}.all({item}, {inner})" if known.many else inner
            yield f"(!has({place}) || ({within}))"


def _own(known: Field, place: str, power: str) -> str:
    """What must hold of the field itself so that it does not carry the power."""
    absent = f"!has({place})"
    special = _special(known.type, place, power)
    if special:
        return f"{absent} || {special}"
    if known.power != power:
        return ""
    if known.when == "?":
        return f"{absent} || !{place}"
    if known.when == "^":
        return f"has({place}) && !{place}"
    if known.when:
        return f'{absent} || {place} == "{known.when}"'
    default = _DEFAULTED.get(place.rpartition(".")[2])
    return f"{absent} || {default.format(place)}" if default else absent


def _special(kind: str, place: str, power: str) -> str:
    if kind == "devices" and power == "node":
        return f'{place}.all(k, !k.contains("/"))'
    if kind == "labels" and power == "switch":
        return f'{place}.all(k, k.matches("{_LABEL}"))'
    if kind == "annotations" and power == "switch":
        names = [*sorted(PLAIN_ANNOTATIONS), *_TOLD_BY_THE_CLUSTER]
        return f"{place}.all(k, k in [{_list(names)}])"
    if kind == "secret-type" and power == "identity":
        return f"{place} in [{_list(sorted(PLAIN_SECRETS))}]"
    return ""


def _list(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@lru_cache(maxsize=1024)
def reaches(shape: str, power: str, within: frozenset[str] = frozenset()) -> bool:
    """Whether a field of the type, or of one that it holds, can carry the power."""
    if shape in within:
        return False
    return any(
        known.power == power
        or bool(_special(known.type, "x", power))
        or (known.type in SHAPES and reaches(known.type, power, within | {shape}))
        for known in SHAPES[shape].values()
    )
