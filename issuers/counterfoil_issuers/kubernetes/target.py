"""A credential in a cluster: an account that can do exactly the decided, for as long as that.

    make   policies in force ▸ account ▸ role ▸ its binding ▸ Secret ▸ token bound to it
           ▸ seen to hold at every API server ▸ the token leaves
    end    Secret (the token dies) ▸ binding ▸ seen powerless at every API server ▸ role
           ▸ account ▸ policies: what limits the account outlives what empowers it

An API server may take a token for up to ten seconds after its Secret is gone, because it keeps
what it verified; without a binding such a token can do nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from counterfoil.core.model import JsonValue
from counterfoil.core.renderings import NotRenderable
from counterfoil.errors import ConfigError
from counterfoil_issuers.contract import (
    CREDENTIAL_NAME,
    Ended,
    Finding,
    Job,
    Made,
    TargetError,
)
from counterfoil_issuers.kubernetes import objects
from counterfoil_issuers.kubernetes.api import Api, connect
from counterfoil_issuers.kubernetes.objects import CREDENTIAL, ISSUER, Plan, plan
from counterfoil_issuers.kubernetes.paths import core, rbac
from counterfoil_issuers.kubernetes.policies import Policies
from counterfoil_issuers.kubernetes.probing import (
    policy_bites,
    powerless,
    rights_in_force,
    wait_until,
)
from counterfoil_issuers.kubernetes.reaching import powers
from counterfoil_issuers.kubernetes.settings import Settings, read_settings

FLOOR_SECONDS: Final = 600
"""TokenRequest makes no shorter life; the Secret is deleted at the deadline."""


def build(settings: Mapping[str, JsonValue]) -> KubernetesTarget:
    """The cluster that a `[target]` table describes.

    Raises:
        ConfigError: the authority's file cannot be read.
    """
    return KubernetesTarget(read_settings(settings))


class KubernetesTarget:
    """`Target` at a cluster. Thread safe: it keeps nothing but its settings."""

    types = frozenset({"kubernetes"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._policies = Policies(settings)
        self._ca = ""
        if settings.ca_file is not None:
            try:
                self._ca = Path(settings.ca_file).read_text("ascii")
            except (OSError, ValueError) as error:
                raise ConfigError(f"target.ca_file {settings.ca_file} cannot be read") from error

    def check(self, job: Job) -> None:
        """See `Target.check`."""
        plan(job, self._settings)

    def make(self, job: Job) -> Made:
        """See `Target.make`."""
        made = plan(job, self._settings)
        with connect(self._settings, self._settings.server) as api:
            slots = self._policies.make(api, made)
            self._account(api, made)
            token, expires_at = self._token(api, made, job.deadline)
        for endpoint in self._settings.endpoints:
            with connect(self._settings, endpoint, token) as account:
                self._in_force(account, made, slots)
        return Made(
            secret={
                "server": self._settings.server,
                "ca": self._ca,
                "token": token,
                "namespace": made.namespace,
            },
            public={"account": made.account, "policies": [slot for slot, _ in slots]},
            expires_at=expires_at,
        )

    def _account(self, api: Api, made: Plan) -> None:
        account = objects.service_account(made, self._settings)
        api.call("POST", core(made.namespace, "serviceaccounts"), account)
        role = objects.role(made, self._settings)
        found = api.call("POST", rbac(made.namespace, "roles"), role)
        if found.get("rules") != role["rules"]:
            raise TargetError(f"the cluster changed the rules of {made.name}")
        binding = objects.role_binding(made, self._settings)
        found = api.call("POST", rbac(made.namespace, "rolebindings"), binding)
        if found.get("subjects") != binding["subjects"]:
            raise TargetError(f"the cluster changed who is bound to {made.name}")

    def _token(self, api: Api, made: Plan, deadline: int) -> tuple[str, int]:
        path = core(made.namespace, "secrets")
        metadata = api.call("POST", path, objects.secret(made)).get("metadata", {})
        now = _seconds(metadata.get("creationTimestamp"))  # by the clock that ends the token
        if now >= deadline:
            raise TargetError("the credential's deadline has passed by the cluster's clock")
        life = max(FLOOR_SECONDS, deadline - now)
        request = objects.token_request(made, str(metadata.get("uid")), life)
        account = core(made.namespace, f"serviceaccounts/{made.name}")
        status = api.call("POST", f"{account}/token", request).get("status", {})
        token = status.get("token")
        if not isinstance(token, str) or not token:
            raise TargetError("the cluster made no token")
        return token, _seconds(status.get("expirationTimestamp"))

    def _in_force(self, api: Api, made: Plan, slots: list[tuple[str, objects.Guard]]) -> None:
        seconds = self._settings.in_force_seconds
        wait_until(partial(rights_in_force, api, made, self._settings.beside), seconds)
        for slot, guard in slots:
            wait_until(partial(policy_bites, api, made, slot, guard, made.rules), seconds)

    def end(self, job: Job) -> Ended:
        """See `Target.end`."""
        try:
            made = plan(job, self._settings)
        except NotRenderable:  # the settings are others by now
            return self.end_name(job.name)
        with connect(self._settings, self._settings.server) as api:
            findings = self._strip(api, made.namespace, made.name, made.rules)
            self._policies.remove(api, made.name)
        return Ended(findings=findings)

    def end_name(self, name: str) -> Ended:
        """See `Target.end_name`."""
        if not CREDENTIAL_NAME.fullmatch(name):
            raise TargetError("that is no name of a credential")
        with connect(self._settings, self._settings.server) as api:
            for namespace in self._settings.namespaces:
                self._strip(api, namespace, name, None)
            self._policies.remove(api, name)
        return Ended()

    def _strip(
        self, api: Api, namespace: str, name: str, rules: Sequence[Any] | None
    ) -> tuple[Finding, ...]:
        """Remove what the account is and can do; it is powerless everywhere when this returns."""
        api.delete(core(namespace, f"secrets/{name}"))
        api.delete(rbac(namespace, f"rolebindings/{name}"))
        role = api.get(rbac(namespace, f"roles/{name}"))
        findings: tuple[Finding, ...] = ()
        if role is not None:
            held = role.get("rules") or ()
            self._powerless(namespace, name, [*held, *(rules or ())])
            if rules is not None and objects.singles(held) != objects.singles(rules):
                findings = (Finding(code="role_changed", object=f"{namespace}/{name}"),)
        api.delete(rbac(namespace, f"roles/{name}"))
        api.delete(core(namespace, f"serviceaccounts/{name}"))
        return findings

    def _powerless(self, namespace: str, name: str, rules: Sequence[Any]) -> None:
        for endpoint in self._settings.endpoints:
            with connect(self._settings, endpoint) as api:
                done = partial(powerless, api, namespace, name, rules)
                wait_until(done, self._settings.in_force_seconds)

    def reach(self) -> list[str]:
        """See `Reachable.reach`."""
        found: list[str] = []
        for endpoint in self._settings.endpoints:
            with connect(self._settings, endpoint) as api:
                found += powers(api, self._settings, self._policies.names)
        return found

    def names(self) -> Collection[str]:
        """See `Target.names`."""
        with connect(self._settings, self._settings.server) as api:
            found = {*self._labelled(api), *self._policies.credentials(api)}
        return {name for name in found if CREDENTIAL_NAME.fullmatch(name)}

    def _labelled(self, api: Api) -> Iterator[str]:
        selector = f"{ISSUER}={self._settings.name}"
        for namespace in self._settings.namespaces:
            for path in (
                core(namespace, "serviceaccounts"),
                rbac(namespace, "roles"),
                rbac(namespace, "rolebindings"),
            ):
                for item in api.list(path, selector):
                    yield str(item["metadata"]["labels"].get(CREDENTIAL, ""))


def _seconds(value: Any) -> int:
    """A time as Kubernetes writes it (RFC 3339, UTC), in Unix seconds."""
    try:
        return int(datetime.fromisoformat(str(value)).timestamp())
    except ValueError as error:
        raise TargetError("the cluster says no time") from error
