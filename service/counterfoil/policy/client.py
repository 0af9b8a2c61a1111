"""`opa_client.OpaClient` as we use it: one constant path, our own session under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from opa_client.opa import OpaClient

from counterfoil.core.model import JsonValue
from counterfoil.policy.session import Address, LeanResponse, LeanSession

PARAMETERS: Final = "provenance=true&strict-builtin-errors=true"
"""Asked with every query: which bundle decided, and that a failing built-in is an error
instead of a rule that silently does not fire."""

HEALTH: Final = "/health?bundles=true"


class UnixOpaClient(OpaClient):
    """The library's client over `LeanSession`, with a deadline for each call.

    Everything of the API that only asks works as documented there; everything that would
    change the engine is refused by the session.
    """

    def __init__(self, address: Address, *, token: str | None = None) -> None:
        self._address = address
        super().__init__(  # type: ignore[no-untyped-call]  # the library has no types
            host=address.authority.rpartition(":")[0] or "localhost",
            port=address.port or 80,
            ssl=address.tls is not None,
            token=token,
            retries=0,
        )

    def _init_session(self) -> LeanSession:  # type: ignore[override]  # what it uses of one
        self._lean = LeanSession(self._address, headers=self.headers)
        return self._lean

    def decide(
        self,
        document: JsonValue,
        url: str,
        *,
        seconds: float,
        sent: Callable[[], None] = lambda: None,
    ) -> LeanResponse:
        """Post `{"input": document}` to a constant URL and return the complete answer.

        `sent` is called once the question is out, and must not wait.

        `query_rule` of the library builds its URL anew from dotted names in each call and
        reads the body leniently; this is the same request without either.

        Raises:
            TimeoutError, OSError, BrokenAnswer, PolicyUnavailable: see `LeanSession.post`.
        """
        return self._lean.post(url, json={"input": document}, timeout=seconds, sent=sent)

    def health(self, *, seconds: float) -> LeanResponse:
        """Ask whether every bundle is loaded; status 200 says yes.

        Raises:
            TimeoutError, OSError, BrokenAnswer, PolicyUnavailable: see `LeanSession.get`.
        """
        return self._lean.get(self.root_url.removesuffix("/v1") + HEALTH, timeout=seconds)

    def close(self) -> None:
        """Close idle connections."""
        self._lean.close()

    def decision_url(self, entrypoint: str) -> str:
        """The URL of an entrypoint such as `counterfoil/main/decision`.

        No slash may end it: the engine answers that with a 301, which `requests` turns into
        a GET without input.
        """
        return f"{self.root_url}/data/{entrypoint.strip('/')}?{PARAMETERS}"
