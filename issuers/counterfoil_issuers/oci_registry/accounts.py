"""Who may ask the realm for tokens, and until when what it was given may work."""

from __future__ import annotations

import hmac
import threading
from dataclasses import dataclass, field
from hashlib import sha256

from counterfoil_issuers.oci_registry.scopes import Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One job's credential. Its password is 256 random bits, so one SHA-256 hides it."""

    name: str
    password_sha256: bytes = field(repr=False)
    rights: Rights
    deadline: int


def hidden(password: str) -> bytes:
    """What is kept of a password."""
    return sha256(password.encode()).digest()


class Accounts:
    """Accounts by name, of this process alone: a restart ends them all. Thread safe.

    Args:
        began: when this process began (Unix seconds).
        longest: the seconds that a token works at most. What an earlier process gave may work
            until `began + longest`.
    """

    def __init__(self, *, began: float, longest: float) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}
        self._works_until: dict[str, float] = {}
        self._earlier = began + longest

    def add(self, account: Account) -> None:
        """From now on it counts."""
        with self._lock:
            self._accounts[account.name] = account
            self._works_until[account.name] = 0.0

    def known(self, name: str, password: str, now: float) -> Account | None:
        """The account, where the password is its own and its deadline lies ahead."""
        with self._lock:
            account = self._accounts.get(name)
        kept = account.password_sha256 if account else bytes(32)
        right = hmac.compare_digest(kept, hidden(password))
        return account if account and right and now < account.deadline else None

    def gives(self, account: Account, works_until: float) -> bool:
        """Note that a token leaves; False where the account has ended since."""
        with self._lock:
            if self._accounts.get(account.name) is not account:
                return False
            latest = max(self._works_until[account.name], works_until)
            self._works_until[account.name] = latest
            return True

    def end(self, name: str, now: float) -> float:
        """No token from now on; the seconds that one given before may still work."""
        with self._lock:
            self._accounts.pop(name, None)
            left = max(self._works_until.get(name, self._earlier) - now, 0.0)
            if not left and now > self._earlier:  # before, it tells a name of ours from others
                self._works_until.pop(name, None)
            return left

    def names(self, now: float) -> set[str]:
        """Who has not ended, tokens included."""
        with self._lock:
            working = {name for name, until in self._works_until.items() if until > now}
            return working | self._accounts.keys()
