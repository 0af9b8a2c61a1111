"""Runs the `opa` program for checks and builds; its answers as values, its failure as one error."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import orjson

from counterfoil.errors import ConfigError

Node: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"
"""Any JSON, mutable: what OPA prints."""
Tree: TypeAlias = "dict[str, Node]"
"""An object of it, such as the syntax tree of a module."""

_SECONDS: Final = 120  # a stuck build must not hang a start for ever
EFFECTS: Final = frozenset(
    {
        "http.send",
        "net.lookup_ip_addr",
        "opa.runtime",
        "rand.intn",
        "time.now_ns",
        "uuid.rfc4122",
        "trace",
        "print",
        "rego.parse_module",
    }
)
"""Built-ins that policy may not use: they reach out, differ from run to run, or read the
engine's environment. The server has no flag for this, so checks and builds refuse them."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run of OPA said."""

    code: int
    stdout: bytes
    stderr: str


@dataclass(frozen=True, slots=True)
class OpaTool:
    """The program at `path`."""

    path: Path

    def run(self, arguments: Sequence[str], *, stdin: bytes = b"") -> Ran:
        """Run it to its end, without our environment.

        Raises:
            ConfigError: it cannot be started, or does not end.
        """
        try:
            done = subprocess.run(
                [str(self.path), *arguments],
                input=stdin,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError(f"OPA at {self.path} cannot be used: {error}") from error
        return Ran(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))

    def tree(self, arguments: Sequence[str], *, stdin: bytes = b"") -> Node:
        """Run it and read the JSON on its standard output.

        Raises:
            ConfigError: it fails, or does not print JSON.
        """
        ran = self.run(arguments, stdin=stdin)
        try:
            value: Node = orjson.loads(ran.stdout)
        except orjson.JSONDecodeError as error:
            raise ConfigError(f"opa {arguments[0]} failed: {ran.stderr.strip()}") from error
        if ran.code:
            raise ConfigError(f"opa {arguments[0]} failed: {ran.stdout.decode().strip()}")
        return value

    def with_module(self, arguments: Sequence[str], module: str, *, stdin: bytes) -> Node:
        """The value of `data.parse.trees` with `module` loaded (a file for one run).

        Raises:
            ConfigError: see `tree`.
        """
        with tempfile.TemporaryDirectory(prefix="counterfoil-") as folder:
            file = Path(folder) / "module.rego"
            file.write_text(module, encoding="utf-8")
            value = self.tree([*arguments, f"--data={file}", "data.parse.trees"], stdin=stdin)
        try:
            return value["result"][0]["expressions"][0]["value"]  # type: ignore[index,call-overload]
        except (KeyError, IndexError, TypeError) as error:
            raise ConfigError(f"OPA did not answer: {value}") from error

    def capabilities(self) -> bytes:
        """This OPA's capabilities without the effects, for `--capabilities`.

        Raises:
            ConfigError: see `tree`.
        """
        value = self.tree(["capabilities", "--current"])
        listed = value.get("builtins") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(listed, list):
            raise ConfigError("this OPA does not say what it is capable of")
        builtins: list[Node] = [
            item for item in listed if isinstance(item, dict) and item.get("name") not in EFFECTS
        ]
        return orjson.dumps({**value, "builtins": builtins, "allow_net": []})
