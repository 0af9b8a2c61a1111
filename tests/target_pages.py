"""The tables of docs/actions/kubernetes.md and registry.md, made of what the tests run.

.venv/bin/python tests/target_pages.py    writes them anew
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commands import read_manifest
from counterfoil.core.actions.oci import read_images
from counterfoil.core.kubernetes_api.kinds import KINDS, POD_SPECS
from counterfoil.core.kubernetes_api.powers import GUARDED, OF_KIND, POWERS
from counterfoil.core.kubernetes_api.shapes import SHAPES
from counterfoil.core.model import Resource
from kubernetes_exactness import read
from kubernetes_jobs import APPLIED, CLIENT_APPLIED, CREATED, DONE, POWERFUL

PAGES = Path(__file__).parents[1] / "docs" / "actions"
_MARK = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rules() -> Iterator[str]:
    """What each of the jobs needs that `make e2e` and `make prove` run on a server."""
    yield "| kubectl | rules: resource @ name: verbs |"
    yield "|---|---|"
    seen = set()
    for text in (*APPLIED[:1], *CLIENT_APPLIED[:1], *CREATED[:1], *DONE):
        found: list[Any] = list(read(text).required)
        said = "; ".join(
            f"`{rule['resources'][0]}{_at(rule)}`: {', '.join(rule['verbs'])}"
            for permission in found
            for rule in permission["rules"]
        )
        if said not in seen:
            yield f"| `{' '.join(text.words)}` | {said} |"
        seen.add(said)


def _at(rule: Any) -> str:
    return f"@{rule['resourceNames'][0]}" if "resourceNames" in rule else ""


def powers() -> Iterator[str]:
    """Fields by power, as the tables have them."""
    yield "| power | carried by |"
    yield "|---|---|"
    for power in POWERS:
        fields = [
            f"`{name}.{field}`{_when(known.when)}"
            for name, table in sorted(SHAPES.items())
            if name in GUARDED
            for field, known in sorted(table.items())
            if known.power == power
        ]
        kinds = sorted(kind for kind, own in OF_KIND.items() if own == power)
        kinds_said = [f"the kinds {', '.join(kinds)}"] if kinds else []
        yield f"| `{power}` | {'; '.join([*_BESIDE.get(power, ()), *fields, *kinds_said])} |"


_BESIDE = {
    "image": (
        "every image of `containers`, `initContainers`, `ephemeralContainers` and `volumes[].image`",
    ),
    "node": ("a resource with a `/` in its name (a device)",),
    "identity": ("a Secret of a type that is not plain data",),
    "switch": ("a label or annotation that is not on the list of plain ones",),
}


def _when(when: str) -> str:
    return {"": "", "?": " if true", "^": " unless false"}.get(when, f" unless `{when}`")


def jobs() -> Iterator[str]:
    """The manifests that carry a power in the proofs, and what was read from them."""
    yield "| a Deployment, Service or Secret with | powers |"
    yield "|---|---|"
    for name, manifest in POWERFUL.items():
        reading = read_manifest(json.dumps(manifest))
        yield f"| {name} | {', '.join(reading.required[0]['powers'])} |"  # type: ignore[arg-type]


def kinds() -> Iterator[str]:
    yield "| API version | kinds |"
    yield "|---|---|"
    versions = sorted({kind.api_version for kind in KINDS.values() if kind.shape})
    for version in versions:
        names = sorted(
            f"**{k.kind}**" if k.kind in POD_SPECS else k.kind if k.namespaced else f"_{k.kind}_"
            for k in KINDS.values()
            if k.api_version == version and k.shape
        )
        yield f"| `{version}` | {', '.join(names)} |"


def images() -> Iterator[str]:
    yield "| command | runs as | repository | actions |"
    yield "|---|---|---|---|"
    registries = [
        Resource(type="oci_registry", id="images", location="https://registry.example.com"),
        Resource(type="oci_registry", id="hub", location="https://registry-1.docker.io"),
    ]
    for words in (
        ["docker", "pull", "registry.example.com/acme/web"],
        ["docker", "push", "registry.example.com/acme/web:1.4"],
        ["podman", "pull", f"registry.example.com/acme/web:1@sha256:{'a' * 64}"],
        ["docker", "pull", "nginx"],
    ):
        found = read_images(words, registries)
        permission: Any = found.required[0]
        short = [" ".join(part).replace("a" * 64, "aaaa…") for part in (words, found.words)]
        yield (
            f"| `{short[0]}` | `{short[1]}` | `{permission['identifier']}` "
            f"| {', '.join(permission['actions'])} |"
        )


TABLES = {"rules": rules, "powers": powers, "jobs": jobs, "kinds": kinds, "images": images}


def written(text: str) -> str:
    """A page with its tables as they are now."""
    return _MARK.sub(
        lambda found: found[1] + "".join(f"{line}\n" for line in TABLES[found[2]]()) + found[3],
        text,
    )


if __name__ == "__main__":
    for name in ("kubernetes", "registry"):
        page = PAGES / f"{name}.md"
        page.write_text(written(page.read_text("utf-8")), "utf-8")
