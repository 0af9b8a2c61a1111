"""Runs the agent's program under a login: its environment names a file with the agent's token.

The file (mode 0600, in a folder of mode 0700, in memory where the system has a place for that)
holds the delegation token and nothing else; `COUNTERFOIL_TOKEN_FILE` names it, and the hooks
read it at each use. Where the token is bound to a key, that lies beside it, in a file that
`COUNTERFOIL_DPOP_KEY_FILE` names. This process stays beside the program and renews the token
in time, so that source, refresh token and launcher key are never in the program's environment,
arguments or files of ours. When the program ends, the files go.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from counterfoil.cli.login_dpop import BindingKey
from counterfoil.cli.login_exchange import Given
from counterfoil.cli.login_http import LoginFailed

TOKEN_VARIABLE = "COUNTERFOIL_TOKEN"  # noqa: S105 -- a variable's name
TOKEN_FILE_VARIABLE = "COUNTERFOIL_TOKEN_FILE"  # noqa: S105 -- a variable's name
KEY_VARIABLE = "COUNTERFOIL_DPOP_KEY"
KEY_FILE_VARIABLE = "COUNTERFOIL_DPOP_KEY_FILE"
RENEW_AT = 0.6  # of its life: room for a service that is away for a while
RETRY_SECONDS = 10.0
_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


class TokenFile:
    """The file that the program reads; replaced whole, so that nobody reads half a token."""

    def __init__(self, folder: Path, key: BindingKey | None = None) -> None:
        self._folder = folder
        self.path = folder / "token"
        self.key_path = None if key is None else folder / "dpop.pem"
        if key is not None and self.key_path is not None:
            self._replace(self.key_path, key.pem)

    def write(self, token: str) -> None:
        """Put a token there."""
        self._replace(self.path, token.encode("ascii"))

    def _replace(self, path: Path, data: bytes) -> None:
        fresh = self._folder / f"{path.name}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        fresh.replace(path)


@contextmanager
def token_file(given: Given, key: BindingKey | None = None) -> Iterator[TokenFile]:
    """A file with the first token, and the key where there is one; gone with their folder."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    place = runtime if runtime and Path(runtime).is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-", dir=place))  # mode 0700
    try:
        file = TokenFile(folder, key)
        file.write(given.token)
        yield file
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def agent_environment(
    environ: Mapping[str, str], path: Path, key_path: Path | None = None
) -> dict[str, str]:
    """The program's environment: ours, without a word about logins, and where its token is.

    Another run's token or key in ours would stand in the way of what this one is given.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name not in {TOKEN_VARIABLE, KEY_VARIABLE, KEY_FILE_VARIABLE}
        and not name.startswith("COUNTERFOIL_LOGIN__")
    }
    key = {} if key_path is None else {KEY_FILE_VARIABLE: str(key_path)}
    return {**kept, TOKEN_FILE_VARIABLE: str(path), **key}


@dataclass(slots=True)
class Renewal:
    """When the next token is due, and how it is had; says once that it cannot be."""

    given: Given
    renew: Callable[[Given], Given]
    say: Callable[[str], None]
    now: Callable[[], float] = time.time  # noqa: TID251 -- a command has its own clock
    _due: float = 0.0
    _failing: bool = False

    def __post_init__(self) -> None:
        self._plan()

    @property
    def seconds(self) -> float:
        """How long until the next try."""
        return max(0.0, self._due - self.now())

    def step(self) -> Given | None:
        """Renew where it is due; the fresh token, or None."""
        if self.now() < self._due:
            return None
        try:
            self.given = self.renew(self.given)
        except LoginFailed as error:
            self._due = self.now() + RETRY_SECONDS
            if not self._failing:
                left = self.given.expires_at - self.now()
                self.say(
                    f"the agent's token is not renewed: {error.detail} ({left:.0f} s are left)"
                )
                self.say(error.solution)
            self._failing = True
            return None
        self._plan()
        self._failing = False
        return self.given

    def _plan(self) -> None:
        self._due = self.now() + RENEW_AT * (self.given.expires_at - self.now())


def run_agent(command: Sequence[str], renewal: Renewal, key: BindingKey | None = None) -> int:
    """Run the program to its end, its token fresh; its exit code.

    `key` is what the tokens are bound to; the program gets it too.

    Raises:
        LoginFailed: it cannot be started.
    """
    with token_file(renewal.given, key) as file:
        environment = agent_environment(os.environ, file.path, file.key_path)
        try:
            # No shell, and nothing of ours open in it.
            child = subprocess.Popen(list(command), env=environment, close_fds=True)
        except OSError as error:
            raise LoginFailed(
                f"{command[0]} cannot be started: {error.strerror}", "Correct the command."
            ) from error
        with _forwarding(child):
            while True:
                try:
                    code = child.wait(timeout=max(renewal.seconds, 0.05))
                    break
                except subprocess.TimeoutExpired:
                    fresh = renewal.step()
                    if fresh is not None:
                        file.write(fresh.token)
    return 128 - code if code < 0 else code  # as a shell says that a signal ended it


@contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand on what asks us to stop. Ctrl-C reaches the program by itself, with its terminal."""

    def forward(number: int, _frame: object) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
