"""Admission policies belong to the whole cluster: made and removed under a few fixed names.

RBAC limits no name by its beginning, and admission policies are not subject to admission. So
an issuer that could make a policy of any name could remove everybody's. It may write `POLICIES`
names and no other; by server-side apply, where RBAC limits `create` by name as well. Two jobs
that reach for one name are told apart by the server: the second one's apply is a conflict.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from counterfoil_issuers.contract import TargetError
from counterfoil_issuers.kubernetes.api import APPLY, Api, Refused
from counterfoil_issuers.kubernetes.objects import (
    CREDENTIAL,
    ISSUER,
    Guard,
    Plan,
    policy,
    policy_binding,
)
from counterfoil_issuers.kubernetes.paths import BINDINGS, POLICIES
from counterfoil_issuers.kubernetes.settings import Settings

CONFLICT = 409


class Policies:
    """The names of one issuer, and who has them. Thread safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reserved: set[str] = set()
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """All names, as the issuer's own role lists them."""
        return tuple(f"{self._settings.name}-{n}" for n in range(self._settings.policies))

    def make(self, api: Api, made: Plan) -> list[tuple[str, Guard]]:
        """Put the job's policies into force, each under a name of its own.

        Raises:
            TargetError: it did not work; what there is carries the job's labels.
        """
        return [(self._make_one(api, made, guard), guard) for guard in made.guards]

    def _make_one(self, api: Api, made: Plan, guard: Guard) -> str:
        taken = {_name(item) for item in self._all(api, f"{ISSUER}={self._settings.name}")}
        for slot in self._free(taken):
            try:
                body = policy(guard, made, slot, self._settings)
                found = _apply(api, f"{POLICIES}/{slot}", body, made.name)
                _check_same(found, body, "validations", "matchConditions")
                binding = policy_binding(made, slot, self._settings)
                found = _apply(api, f"{BINDINGS}/{slot}", binding, made.name)
                _check_same(found, binding, "policyName", "validationActions")
            except Refused as error:
                if error.status != CONFLICT:
                    raise
            else:
                return slot
            finally:
                with self._lock:
                    self._reserved.discard(slot)
        raise TargetError(
            f"all {self._settings.policies} admission policies are in use: wait for a job's end, "
            "or give the issuer more names (target.policies, and its role)"
        )

    def _free(self, taken: set[str]) -> Iterator[str]:
        for slot in self.names:
            with self._lock:
                if slot in taken or slot in self._reserved:
                    continue
                self._reserved.add(slot)
            yield slot

    def remove(self, api: Api, name: str) -> None:
        """Remove every policy of a credential; its account must have no right any more.

        Raises:
            TargetError: one may still be there.
        """
        selector = f"{ISSUER}={self._settings.name},{CREDENTIAL}={name}"
        for path in (BINDINGS, POLICIES):
            for item in api.list(path, selector):
                api.delete(f"{path}/{_name(item)}", item["metadata"]["uid"])

    def credentials(self, api: Api) -> Iterator[str]:
        """Whose policies there are.

        Raises:
            TargetError: it cannot be told.
        """
        for item in self._all(api, f"{ISSUER}={self._settings.name}"):
            yield str(item["metadata"].get("labels", {}).get(CREDENTIAL, ""))

    @staticmethod
    def _all(api: Api, selector: str) -> Iterator[dict[str, Any]]:
        for path in (POLICIES, BINDINGS):
            yield from api.list(path, selector)


def _name(item: dict[str, Any]) -> str:
    return str(item["metadata"]["name"])


def _apply(api: Api, path: str, body: dict[str, Any], manager: str) -> dict[str, Any]:
    # Each job is a field manager of its own: without force, what another has made conflicts.
    return api.call(
        "PATCH", path, body, media=APPLY, fieldManager=manager, fieldValidation="Strict"
    )


def _check_same(found: dict[str, Any], sent: dict[str, Any], *members: str) -> None:
    """What came back is what was sent, else somebody's webhook changed it."""
    for member in members:
        if found.get("spec", {}).get(member) != sent["spec"][member]:
            raise TargetError(f"the cluster changed {member} of {_name(sent)}")
