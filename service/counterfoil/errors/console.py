"""What the console refuses of its own; everything else it says is the flows'."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError
from counterfoil.errors.identity import IdentityError


class ConsoleError(CounterfoilError):
    """The console did not do this; nothing changed."""

    code = "console.refused"
    title = "The console did not do this"
    status = 403
    solution = "Go back to the console, and try again from there."


class SignInRefused(IdentityError):
    """The sign-in was not begun in this browser, took too long, or its provider refused it."""

    code = "console.sign_in_refused"
    title = "The sign-in was not completed"
    status = 403
    solution = "Begin again at /console in this browser; the log says what was wrong."


class ForgedRequest(ConsoleError):
    """A change came without this session's own token, or from another site's page (CSRF)."""

    code = "console.forged_request"
    title = "The change did not come from a page of this console"
    solution = "Open the page again, and answer there."


class TooManyRequests(ConsoleError):
    """More sign-ins or answers in a minute than a person makes."""

    code = "console.too_many_requests"
    title = "Too many sign-ins or answers in a short time"
    status = 429
    solution = "Wait a minute, then go on."


class SessionTooLarge(ConsoleError):
    """The person has more groups than a session holds."""

    code = "console.session_too_large"
    title = "The person has too many groups for a session"
    solution = "Have the provider send those groups only that count here (docs/console.md)."
