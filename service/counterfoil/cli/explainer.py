"""Reads calls as the service would, and explains them; what cannot be judged stays a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from counterfoil.config import Config
from counterfoil.core.model import AuthorizationRequest, Caller, JsonObject
from counterfoil.core.strict_json import parse
from counterfoil.core.wire import authorization_request
from counterfoil.errors import RequestError
from counterfoil.flows.explain import Explained, ExplainFlow
from counterfoil.resources import packaged
from counterfoil.schemas_registry import SchemaRegistry


@dataclass(frozen=True, slots=True)
class Explainer:
    """Reads calls as the service would, and explains them for one caller."""

    flow: ExplainFlow
    schemas: SchemaRegistry
    max_bytes: int
    caller: Caller

    @classmethod
    def of(cls, flow: ExplainFlow, config: Config, caller: Caller) -> Explainer:
        """Read by the published schema, within the service's own bound."""
        schemas = SchemaRegistry.load(packaged("schemas"))
        return cls(flow, schemas, config.server.max_body_bytes, caller)

    def request(self, line: bytes) -> AuthorizationRequest:
        """One `{tool, arguments}` as the request that the service would get.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        value = parse(line, max_bytes=self.max_bytes)
        if value.keys() - {"tool", "arguments"}:
            raise RequestError("a line holds tool and arguments alone", pointer="#")
        body: JsonObject = {
            "action": {
                "name": value.get("tool"),
                "properties": {"arguments": value.get("arguments")},
            }
        }
        self.schemas.validator("authorization_request")(body)
        return authorization_request(body)

    def explained(self, lines: Iterable[bytes]) -> Iterator[Explained | RequestError]:
        """Each line explained, in order; what the service would refuse to judge stays a refusal."""
        answers: list[AuthorizationRequest | RequestError] = []
        for line in lines:
            try:
                answers.append(self.request(line))
            except RequestError as error:
                answers.append(error)
        found = self._run([item for item in answers if isinstance(item, AuthorizationRequest)])
        for item in answers:
            yield item if isinstance(item, RequestError) else next(found)

    def _run(self, requests: list[AuthorizationRequest]) -> Iterator[Explained | RequestError]:
        if not requests:
            return
        try:
            yield from self.flow.run(requests, self.caller)
        except RequestError as error:
            if len(requests) == 1:
                yield error
                return
            for request in requests:  # one of them: the others must not pay for it
                yield from self._run([request])
