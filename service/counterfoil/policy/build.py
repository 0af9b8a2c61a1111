"""From a folder of policy to a bundle: check everything, compile, name it by its digest.

    1. manifest with explicit roots             bundle.py
    2. compiles, without effects                opa check --strict --capabilities
    3. input and annotations fit the schemas    opa check --schema
    4. the prompt law                           law.py
    5. packed, and named by its files           bundle.py

Tests and whatever OPA would not load stay out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from counterfoil.errors import ConfigError
from counterfoil.policy.bundle import (
    MANIFEST,
    Bundle,
    read_bundle,
    read_files,
    read_manifest,
    roots_of,
    write_bundle,
)
from counterfoil.policy.law import MAIN, Finding, check_law, package_of, parse
from counterfoil.policy.tools import OpaTool, Tree
from counterfoil.resources import packaged

DEFAULT_LABEL: Final = "local"
_LOADED: Final = frozenset({"data.json", "data.yml", "data.yaml", MANIFEST})
_MAIN_FILE: Final = "counterfoil/main/main.rego"


class PolicyRefused(ConfigError):
    """The policy does not pass its checks; the detail lists every finding."""

    code = "config.policy_refused"
    title = "The policy does not pass its checks"
    solution = "Run `counterfoil policy check` and correct what it lists."


def build_bundle(
    folder: Path, output: Path, *, opa: Path, label: str = DEFAULT_LABEL, fresh: bool = False
) -> Bundle:
    """Check the policy in `folder` and write the bundle to `output`.

    A bundle that is there already, and has exactly these files and this label, was checked
    when it was built: it is verified and kept (a start then takes no time), unless `fresh`.

    Raises:
        PolicyRefused: a check fails.
        ConfigError: the folder is no bundle, or OPA cannot be used.
    """
    files = source_files(folder)
    roots_of(read_manifest(files, folder), folder)
    if not fresh and output.is_file():
        kept = _kept(output, files, label)
        if kept is not None:
            return kept
    findings = check_files(files, OpaTool(opa))
    if findings:
        raise PolicyRefused("; ".join(map(str, findings)), pointer="policy.bundle")
    return write_bundle(output, files, label=label)


def check_files(files: Mapping[str, bytes], tool: OpaTool) -> list[Finding]:
    """Steps 2 to 4 on the files of a bundle.

    Raises:
        ConfigError: OPA cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="counterfoil-") as scratch:
        root = Path(scratch, "policy")
        for name, data in files.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        capabilities = Path(scratch, "capabilities.json")
        capabilities.write_bytes(tool.capabilities())
        ran = tool.run(
            [
                "check",
                "--strict",
                "--bundle",
                f"--capabilities={capabilities}",
                f"--schema={packaged('schemas')}",
                str(root),
            ]
        )
    if ran.code:
        text = (ran.stderr or ran.stdout.decode()).replace(f"{root}/", "").strip()
        return [Finding(file="opa check", rule="", what=text)]
    return check_law(parse(files, tool), published_main(tool))


def published_main(tool: OpaTool) -> Tree | None:
    """The syntax tree of the product's own `counterfoil.main`.

    Raises:
        ConfigError: the installation is incomplete.
    """
    text = (packaged("rego") / _MAIN_FILE).read_bytes()
    trees = parse({_MAIN_FILE: text}, tool)
    return next((tree for tree in trees.values() if package_of(tree) == MAIN), None)


def source_files(folder: Path) -> dict[str, bytes]:
    """What of a policy folder goes into a bundle.

    Raises:
        ConfigError: see `read_files`.
    """
    return {name: data for name, data in read_files(folder).items() if _is_policy(name)}


def _kept(output: Path, files: Mapping[str, bytes], label: str) -> Bundle | None:
    try:
        bundle = read_bundle(output)
    except ConfigError:
        return None
    same = {name: data for name, data in bundle.files.items() if name != MANIFEST} == {
        name: data for name, data in files.items() if name != MANIFEST
    }
    return bundle if same and bundle.label == label else None


def _is_policy(name: str) -> bool:
    parts = name.split("/")
    if any(part.startswith(".") for part in parts[:-1]):
        return False  # .regal and the like
    if parts[-1].endswith(".rego"):
        return not parts[-1].endswith("_test.rego")
    return parts[-1] in _LOADED
