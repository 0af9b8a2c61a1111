"""What a job is in a cluster, as objects; made of nothing but the job and the settings. Pure.

    namespace   ServiceAccount, Role, RoleBinding, Secret (which the token is bound to), all by
                the credential's name
    cluster     a ValidatingAdmissionPolicy and its binding for each rule that writes objects, by
                one of the names that the issuer may write

Every object but the Secret is found again by its labels; the Secret by its account's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from counterfoil.core.kubernetes_api.kinds import POD_SPECS, RESOURCES, Kind
from counterfoil.core.model import JsonObject
from counterfoil.core.renderings import NotRenderable, render_all
from counterfoil.core.renderings.kubernetes_admission import BINDING, admission_policies
from counterfoil_issuers.contract import Job
from counterfoil_issuers.kubernetes.samples import sample
from counterfoil_issuers.kubernetes.settings import Right, Settings

RBAC: Final = "rbac.authorization.k8s.io"
ISSUER: Final = "counterfoil/issuer"
CREDENTIAL: Final = "counterfoil/credential"
DECISION: Final = "counterfoil/decision"
PROBE: Final = "kubernetes.io/description"
"""A probe says what it is where no policy and no controller minds it."""
_NO_IMAGE: Final = "registry.invalid/probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One admission policy of a job, and the rule that it holds to what was decided."""

    kind: Kind
    names: tuple[str, ...]
    verbs: frozenset[str]
    image: str
    policy: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be made for one job."""

    name: str
    decision_id: str
    namespace: str
    rules: tuple[dict[str, Any], ...]
    guards: tuple[Guard, ...]

    @property
    def account(self) -> str:
        """As an API server names it."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"


def plan(job: Job, settings: Settings) -> Plan:
    """What a job needs, if this issuer can make exactly that.

    Raises:
        NotRenderable: it cannot.
    """
    wanted = [*job.permissions, *job.ambient]
    if not job.permissions or any(one.get("type") != "kubernetes" for one in wanted):
        raise NotRenderable("a permission is not on Kubernetes")
    rendering: Any = render_all(wanted)["kubernetes"]
    if rendering["location"] != settings.location:
        raise NotRenderable("the cluster is another than this issuer's")
    entries: list[Any] = rendering["roles"]
    spaces = {entry["role"]["metadata"]["namespace"] for entry in entries}
    if len(spaces) != 1:
        raise NotRenderable("a credential's account and its role live in one namespace")
    (namespace,) = spaces
    if namespace not in settings.namespaces:
        raise NotRenderable("the namespace is none of this issuer's")
    guards = tuple(guard for entry in entries for guard in _guards(entry))
    if len(guards) > settings.policies:
        raise NotRenderable("more admission policies are needed than this issuer may make")
    return Plan(
        name=job.name,
        decision_id=job.decision_id,
        namespace=namespace,
        rules=tuple(rule for entry in entries for rule in entry["role"]["rules"]),
        guards=guards,
    )


def _guards(entry: Mapping[str, Any]) -> Iterator[Guard]:
    images = entry.get("admission", {}).get("images") or [_NO_IMAGE]
    for rule in entry["role"]["rules"]:
        alone = {**entry, "role": {**entry["role"], "rules": [rule]}}
        for policy in admission_policies(alone):
            kind = RESOURCES[rule["apiGroups"][0], rule["resources"][0]]
            guard = Guard(
                kind=kind,
                names=tuple(rule.get("resourceNames", ())),
                verbs=frozenset(rule["verbs"]),
                image=f"{images[0]}:probe" if kind.kind in POD_SPECS else "",
                policy=policy,
            )
            _check_probe(guard)
            yield guard


def _check_probe(guard: Guard) -> None:
    """Whatever cannot be seen to bite is not made."""
    if sample(guard.kind, "probe", "probe", guard.image) is None:
        raise NotRenderable("no probe can show that admission limits this kind")
    if "create" not in guard.verbs and not (guard.names and "patch" in guard.verbs):
        raise NotRenderable("no probe can show that admission limits this verb")


def labels(name: str, settings: Settings) -> dict[str, str]:
    """What every object of a credential carries."""
    return {ISSUER: settings.name, CREDENTIAL: name}


def _metadata(made: Plan, settings: Settings, name: str | None = None) -> dict[str, Any]:
    return {
        "name": name or made.name,
        "labels": labels(made.name, settings),
        "annotations": {DECISION: made.decision_id},
    }


def service_account(made: Plan, settings: Settings) -> dict[str, Any]:
    """The job's account; a pod that runs as it gets no token by itself."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(made, settings),
        "automountServiceAccountToken": False,
    }


def role(made: Plan, settings: Settings) -> dict[str, Any]:
    """The decided rules, and nothing else."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": _metadata(made, settings),
        "rules": list(made.rules),
    }


def role_binding(made: Plan, settings: Settings) -> dict[str, Any]:
    """That role, to that account."""
    subject = {"kind": "ServiceAccount", "name": made.name, "namespace": made.namespace}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(made, settings),
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": made.name},
        "subjects": [subject],
    }


def secret(made: Plan) -> dict[str, Any]:
    """An empty Secret: the token lives no longer than it does."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": made.name},
        "type": "Opaque",
        "immutable": True,
    }


def token_request(made: Plan, uid: str, seconds: int) -> dict[str, Any]:
    """A token of the account, bound to the Secret (`TokenRequest`, 600 s at least)."""
    bound = {"apiVersion": "v1", "kind": "Secret", "name": made.name, "uid": uid}
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds, "boundObjectRef": bound},
    }


def probe_text(made: Plan, slot: str) -> str:
    """What a probe of one policy says, and what the policy then says of it."""
    return f"counterfoil probe of {made.name} in {slot}"


def policy(guard: Guard, made: Plan, slot: str, settings: Settings) -> dict[str, Any]:
    """The admission policy, with one validation more, which refuses the probe and says so.

    The whole policy comes into force at once: where its own probe is refused, all of it holds.
    """
    body = cast("dict[str, Any]", _filled(guard.policy, made.account, slot))
    text = probe_text(made, slot)
    place = "object.metadata.annotations"
    refuses = f'!has({place}) || !("{PROBE}" in {place}) || {place}["{PROBE}"] != "{text}"'
    spec = body["spec"]
    spec["validations"] = [{"expression": refuses, "message": text}, *spec["validations"]]
    body["metadata"] = _metadata(made, settings, slot)
    return body


def policy_binding(made: Plan, slot: str, settings: Settings) -> dict[str, Any]:
    """What puts the policy into force."""
    body = cast("dict[str, Any]", _filled(BINDING, made.account, slot))
    return {**body, "metadata": _metadata(made, settings, slot)}


def _filled(value: Any, account: str, slot: str) -> Any:
    """The policy with its two names in the place of `{{account}}` and `{{name}}`."""
    if isinstance(value, str):
        return value.replace("{{account}}", account).replace("{{name}}", slot)
    if isinstance(value, Mapping):
        return {key: _filled(item, account, slot) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, account, slot) for item in value]
    return value


def singles(rules: Sequence[Mapping[str, Any]]) -> frozenset[Right]:
    """The single rights of RBAC rules on resources."""
    return frozenset(
        (group, resource, name, verb)
        for rule in rules
        for group in rule.get("apiGroups") or ()
        for resource in rule.get("resources") or ()
        for name in rule.get("resourceNames") or (None,)
        for verb in rule.get("verbs") or ()
    )
