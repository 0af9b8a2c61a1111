"""Which `Host` headers are this service's.

A page on the web can make its own name resolve to 127.0.0.1 and then talk to a loopback
service as if it were its own origin (DNS rebinding). Its requests still carry its name.
"""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.errors import MisdirectedRequest
from counterfoil.http.exchange import Environ


@dataclass(frozen=True, slots=True)
class HostRule:
    """Allowed `Host` values in lower case; None allows any (a proxy in front decides)."""

    allowed: frozenset[str] | None = None

    @classmethod
    def loopback(cls, port: int) -> HostRule:
        """The rule of `--dev`: the loopback names with the port, and nothing else."""
        return cls(frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")))

    def check(self, environ: Environ) -> None:
        """Accept the request's `Host`.

        Raises:
            MisdirectedRequest: a foreign name, another port, or no `Host` at all.
        """
        if self.allowed is not None and environ.get("HTTP_HOST", "").lower() not in self.allowed:
            raise MisdirectedRequest
