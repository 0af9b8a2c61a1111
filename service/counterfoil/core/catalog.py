"""Step 3, first half: what a tool's name means, from the server's own data (DESIGN §2.3).

The caller names a tool and gives arguments. Family, command and resource come from
`[[action]]` and `[[resource]]` entries; what does not fit them is a finding, not a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from counterfoil.core.canonical import has_float
from counterfoil.core.model import (
    ActionMapping,
    AuthorizationRequest,
    Command,
    Enforcement,
    JsonObject,
    Resource,
    Uncertainty,
)
from counterfoil.errors import ResourceMismatch

ArgumentsCheck = Callable[[JsonObject], str | None]
"""Returns None for arguments of the tool's closed schema, else what is wrong."""

UNMAPPED_FAMILY = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A request joined with what the server knows: a command to read, or why not."""

    command: Command
    enforcement: Enforcement
    uncertain: tuple[Uncertainty, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Registered tools, resources and argument schemas, read once at the start.

    `fractions` are the tools whose schema declares numbers that are not integers.
    """

    mappings: Mapping[str, ActionMapping]
    resources: Mapping[str, Resource]
    checks: Mapping[str, ArgumentsCheck]
    fractions: frozenset[str]

    def locate(self, request: AuthorizationRequest) -> Located:
        """Find family, command and resource of a request.

        Raises:
            ResourceMismatch: the body states a type, id or location that is not the
                registered one; nothing in the body moves an action elsewhere.
        """
        mapping = self.mappings.get(request.action_name)
        if mapping is None:
            return self._unmapped(request)
        wrong = self.checks[mapping.tool](request.arguments)
        if wrong is None and mapping.tool not in self.fractions:
            wrong = _fraction_in(request.arguments)
        resource = None if wrong else self._resource(mapping, request.arguments)
        _refuse_foreign_resource(request.resource, resource)
        findings = []
        if wrong:
            findings.append(Uncertainty(code="uncertain.arguments", detail=wrong))
        elif resource is None and (mapping.resource_argument or mapping.resource_id):
            findings.append(Uncertainty(code="uncertain.resource_unknown"))
        return Located(
            command=Command(
                family=mapping.family,
                tool=mapping.tool,
                arguments=request.arguments,
                command_argument=mapping.command_argument,
                resource=resource,
            ),
            enforcement=mapping.enforcement,
            uncertain=tuple(findings),
        )

    def _unmapped(self, request: AuthorizationRequest) -> Located:
        _refuse_foreign_resource(request.resource, None)
        wrong = _fraction_in(request.arguments)
        return Located(
            command=Command(
                family=UNMAPPED_FAMILY,
                tool=request.action_name,
                arguments=request.arguments,
                command_argument=None,
                resource=None,
            ),
            enforcement=Enforcement.ENFORCE,
            uncertain=(Uncertainty(code="uncertain.arguments", detail=wrong),) if wrong else (),
        )

    def _resource(self, mapping: ActionMapping, arguments: JsonObject) -> Resource | None:
        if mapping.resource_argument is None:
            return self.resources.get(mapping.resource_id or "")
        named = arguments.get(mapping.resource_argument)
        return self.resources.get(named) if isinstance(named, str) else None


def _fraction_in(arguments: JsonObject) -> str | None:
    """Only a schema can declare a fraction; elsewhere it has no canonical form."""
    return (
        "a number has a fraction, which the tool does not declare" if has_float(arguments) else None
    )


def _refuse_foreign_resource(stated: JsonObject | None, registered: Resource | None) -> None:
    """A resource in the body may repeat the registered one; it never moves the action."""
    if stated is None:
        return
    if registered is None:
        raise ResourceMismatch("the tool has no such registered resource", pointer="#/resource")
    properties = stated.get("properties")
    location = properties.get("location") if isinstance(properties, Mapping) else None
    for name, value, expected in (
        ("type", stated.get("type"), registered.type),
        ("id", stated.get("id"), registered.id),
        ("properties/location", location, registered.location),
    ):
        if value is not None and value != expected:
            raise ResourceMismatch(
                "the value differs from the registered resource", pointer=f"#/resource/{name}"
            )
