"""The console's two cookies: the session, and a sign-in on its way.

By https they have the prefix `__Host-`: Secure, of this host alone, for the whole of it, so
that no neighbour of the domain can set one. Plain http is for this machine alone (the
configuration refuses it elsewhere); browsers differ in whether they keep Secure cookies there,
so there they have another name and no such promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from werkzeug.http import dump_cookie

from counterfoil.core.urls import is_plain_loopback
from counterfoil.http.exchange import Environ

MAX_HEADER_CHARACTERS: Final = 16_384
_GONE: Final = 0


def keeps_secrets(address: str) -> bool:
    """Whether what a browser sends there is seen by nobody else: https, or this machine."""
    return address.startswith("https://") or is_plain_loopback(address)


@dataclass(frozen=True, slots=True)
class Cookies:
    """Reads and writes them; `secure` where the console lives under https."""

    secure: bool

    @property
    def session(self) -> str:
        """The session's name."""
        return "__Host-counterfoil" if self.secure else "counterfoil-console"

    @property
    def pending(self) -> str:
        """The name of a sign-in on its way."""
        return "__Host-counterfoil-signin" if self.secure else "counterfoil-signin"

    def read(self, environ: Environ, name: str) -> str:
        """The cookie's unverified value; empty where none came, or several did."""
        header = environ.get("HTTP_COOKIE", "")
        if len(header) > MAX_HEADER_CHARACTERS:
            return ""
        # Ours are base64url, and need no unquoting; others' may be any bytes.
        pairs = (part.strip(" \t").partition("=") for part in header.split(";"))
        values = [value for key, _, value in pairs if key == name]
        return values[0] if len(values) == 1 else ""

    def set(self, name: str, value: str, *, max_age_seconds: int | None = None) -> tuple[str, str]:
        """The header that sets one.

        Lax: a link in a message must find the person signed in, and no other site's form is
        sent with it; changes have a token besides.
        """
        text = dump_cookie(
            name,
            value,
            max_age=max_age_seconds,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="Lax",
        )
        return "Set-Cookie", text

    def clear(self, name: str) -> tuple[str, str]:
        """The header that takes one away."""
        return self.set(name, "", max_age_seconds=_GONE)
