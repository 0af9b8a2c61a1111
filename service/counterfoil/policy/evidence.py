"""Which rule and which data decided, and what the same policy would say with other data.

Both ask the real OPA (`opa eval`) on the very bundle that decided: once with its trace on,
and for each supposed change of data on a copy of the bundle that holds the change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.remedy import Setting, object_at, with_settings
from counterfoil.policy.bundle import read_bundle, read_files
from counterfoil.policy.tools import Node, OpaTool
from counterfoil.policy.traced_names import DataPath
from counterfoil.policy.tracing import Held, Missed, read_trace
from counterfoil.ports import PolicyAnswer

MAX_TRACED: Final = 32
"""Operations of one action: the trace of 128 takes 70 MB."""
TRIED: Final = "tried+sha256:" + "0" * 64  # no bundle of any service: nothing was granted by it


@dataclass(frozen=True, slots=True)
class Evidence:
    """What held and what was missing; `traced` is False where there is too much to show."""

    held: tuple[Held, ...] = ()
    missed: tuple[Missed, ...] = ()
    traced: bool = True


class PolicyCopy:
    """The bundle that decides, read once, to be asked beside the running OPA.

    Args:
        bundle: its file, built or given.
        entrypoint: such as `counterfoil/main/decision`.
        tool: the program.

    Raises:
        ConfigError: not a bundle whose revision is that of its files.
    """

    def __init__(self, bundle: Path, entrypoint: str, tool: OpaTool) -> None:
        self._bundle, self._tool = bundle, tool
        self._query = f"data.{entrypoint.replace('/', '.')}"
        self._files = read_bundle(bundle).files
        self.data = base_data(self._files)

    def evidence(self, asked: JsonObject) -> Evidence:
        """Trace one decision.

        Raises:
            ConfigError: OPA cannot be used.
        """
        operations = asked.get("operations")
        if not isinstance(operations, Sequence) or len(operations) > MAX_TRACED:
            return Evidence(traced=False)
        value = self._eval(self._bundle, asked, "--explain=full")
        events = value.get("explanation") if isinstance(value, dict) else None
        held, missed = read_trace(events if isinstance(events, list) else [])
        return Evidence(tuple(held), tuple(missed))

    def supposing(self, settings: Sequence[Setting], asked: JsonObject) -> PolicyAnswer:
        """What the policy would answer if its data said this as well.

        Raises:
            ConfigError: OPA cannot be used.
        """
        with tempfile.TemporaryDirectory(prefix="counterfoil-") as scratch:
            root = Path(scratch)
            for name, data in _changed(self._files, settings).items():
                target = root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            value = self._eval(root, asked)
        found = _value(value)
        return PolicyAnswer(defined=found is not None, result=found, revisions=(TRIED,))

    def _eval(self, bundle: Path, asked: JsonObject, *options: str) -> Node:
        arguments = ["eval", "--bundle", str(bundle), "--stdin-input", "--format=json", *options]
        return self._tool.tree([*arguments, self._query], stdin=orjson.dumps(asked))


def base_data(files: Mapping[str, bytes]) -> JsonObject:
    """The documents of a bundle's `data.json` files, each at the place of its folder."""
    whole: dict[str, JsonValue] = {}
    for folder, value in _documents(files):
        at = whole
        for part in folder:
            inner = at.setdefault(part, {})
            at = inner if isinstance(inner, dict) else {}
        if isinstance(value, dict):
            at.update(value)
    return whole


def access_of(bundle: Path, tenant: str) -> Mapping[str, JsonValue]:
    """One tenant's `data.access` in the bundle's files; empty where it has none.

    Raises:
        ConfigError: the bundle cannot be read.
    """
    return object_at(base_data(read_files(bundle)), "data", "access", tenant)


def looked_up(data: JsonObject, path: DataPath) -> JsonValue:
    """What stands at a path; None where there is nothing."""
    at: JsonValue = data
    for part in path:
        if isinstance(at, Mapping):
            at = at.get(str(part))
        elif isinstance(at, Sequence) and not isinstance(at, str) and isinstance(part, int):
            at = at[part] if part < len(at) else None
        else:
            return None
    return at


def _documents(files: Mapping[str, bytes]) -> Iterator[tuple[tuple[str, ...], JsonValue]]:
    for name, data in sorted(files.items()):
        parts = tuple(name.split("/"))
        if parts[-1] == "data.json":
            yield parts[:-1], orjson.loads(data)


def _changed(files: Mapping[str, bytes], settings: Sequence[Setting]) -> dict[str, bytes]:
    """The files with each setting in the deepest `data.json` that has its place."""
    changed = dict(files)
    for setting in settings:
        homes = [
            folder for folder, _ in _documents(changed) if setting.path[: len(folder)] == folder
        ]
        home = max(homes, key=len, default=None)
        if home is None:
            continue
        name = "/".join((*home, "data.json"))
        inner = Setting(setting.path[len(home) :], setting.value)
        changed[name] = orjson.dumps(with_settings(orjson.loads(changed[name]), [inner]))
    return changed


def _value(value: Node) -> JsonValue:
    try:
        return value["result"][0]["expressions"][0]["value"]  # type: ignore[index,call-overload]
    except (KeyError, IndexError, TypeError):
        return None
