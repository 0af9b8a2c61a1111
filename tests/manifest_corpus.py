"""How much of public manifests is read with certainty; nothing of them is kept.

    .venv/bin/python tests/manifest_corpus.py [GIT-DIRECTORY …]

Counted are files whose objects are all of an API version that is served, and complete: pods
have images without a placeholder in capitals, `$` or `<`. Without directories
the repositories are fetched first. Writes docs/evidence/kubernetes_manifests.json.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from commands import MAIN
from counterfoil.core.actions.contract import interpret
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.kubernetes_api.kinds import KINDS
from counterfoil.core.model import Command, Interpretation
from counterfoil.core.renderings.contract import texts
from evidence import record

SOURCES = (
    "https://github.com/kubernetes/examples",
    "https://github.com/GoogleCloudPlatform/kubernetes-engine-samples",
)
FORMS = (".yaml", ".yml", ".json")


def git(folder: Path, *words: str) -> bytes:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, check=True).stdout


def files(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and text of each file that may be a manifest."""
    for name in git(folder, "ls-tree", "-r", "-z", "--name-only", "HEAD").decode().split("\0"):
        if name.endswith(FORMS):
            try:
                yield name, git(folder, "show", f"HEAD:{name}").decode()
            except (UnicodeDecodeError, subprocess.CalledProcessError):
                continue


def objects(text: str) -> list[dict[str, Any]] | None:
    """What a tolerant reader finds: objects of an API, or None where the file is none."""
    try:
        found = [value for value in yaml.safe_load_all(text) if value is not None]
    except yaml.YAMLError:
        return None
    items: list[dict[str, Any]] = []
    for value in found:
        if not isinstance(value, dict) or not {"apiVersion", "kind"}.issubset(value):
            return None
        items += value["items"] if value["kind"] == "List" else [value]
    return items or None


def served(items: list[dict[str, Any]]) -> bool:
    """Whether each is of a built-in kind at a version that is served."""
    kinds = [KINDS.get((str(one.get("apiVersion")), str(one.get("kind")))) for one in items]
    return all(kind is not None and kind.shape for kind in kinds)


def complete(value: Any) -> bool:
    """Whether it is no patch and no form to fill in."""
    if isinstance(value, list):
        return all(complete(item) for item in value)
    if not isinstance(value, dict):
        return True
    for container in value.get("containers") or ():
        image = container.get("image", "$") if isinstance(container, dict) else "$"
        if not isinstance(image, str) or re.search(r"[$<A-Z]", image.split(":")[0]):
            return False
    return all(complete(item) for item in value.values())


def reading(text: str, items: list[dict[str, Any]]) -> Interpretation:
    """As a tool reads it whose namespace is the file's own, or `default`."""
    metadata = [one["metadata"] for one in items if isinstance(one.get("metadata"), dict)]
    named = {one["namespace"] for one in metadata if "namespace" in one}
    arguments = {
        "manifest": text,
        **({} if len(named) > 1 else {"namespace": next(iter(named), "default")}),
    }
    command = Command(
        family="kubernetes",
        tool="kubectl_apply",
        arguments=arguments,
        command_argument="manifest",
        resource=MAIN,
    )
    return interpret(command, FAMILIES)


def counted(folder: Path, *, told: bool) -> dict[str, Any]:
    """Files, certain ones, the doubts of the others, and the powers that were named."""
    doubts, powers = Counter[str](), Counter[str]()
    total = certain = count = forms = 0
    for name, text in files(folder):
        items = objects(text)
        if items is None or not served(items):
            continue
        if not complete(items):
            forms += 1
            continue
        total += 1
        count += len(items)
        found = reading(text, items)
        certain += not found.uncertain
        for one in found.uncertain:
            doubts[one.code] += 1
            if told:
                sys.stdout.write(f"{name}: {one.code} {one.detail}\n")
        for operation in found.operations:
            powers.update(texts(operation.details["powers"]) if operation.details["powers"] else ())
    return {
        "patches_and_forms": forms,
        "files": total,
        "objects": count,
        "certain": certain,
        "certain_percent": round(100 * certain / max(total, 1), 1),
        "doubts": dict(doubts.most_common()),
        "powers": dict(powers.most_common()),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(name) for name in sys.argv[1:]]
        for number, source in enumerate(() if folders else SOURCES):
            target = Path(scratch) / str(number)
            command = ["git", "clone", "--quiet", "--depth=1", source, str(target)]
            subprocess.run(command, check=True)
            folders.append(target)
        found = {}
        for source, folder in zip(SOURCES, folders, strict=True):
            revision = git(folder, "rev-parse", "HEAD").decode().strip()
            found[source] = {"revision": revision, **counted(folder, told=True)}
        record("kubernetes_manifests", "public manifests of served versions", repositories=found)


if __name__ == "__main__":
    main()
