"""Writes the tables of built-in Kubernetes kinds out of the published API of one release.

The source is the module `k8s.io/kubernetes` at the version that tools/kubernetes/go.mod pins
(its hash stands in go.sum): `api/discovery` says kinds, plurals, scopes and short names,
`api/openapi-spec` the fields. Run it after a new pin; a test holds the tables to what it writes.

    .venv/bin/python tools/kubernetes_table.py [--check]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "tools" / "kubernetes"
PACKAGE = ROOT / "service" / "counterfoil" / "core" / "kubernetes_api"
_HEAD = '"""Made by tools/kubernetes_table.py from k8s.io/kubernetes {version}. Do not edit."""\n'
_SCALARS = {"boolean": "bool", "integer": "int", "number": "number", "string": "str"}
_NAMED = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intstr",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "str",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "str",
}
_ANY = "any"
_BY_THE_CLUSTER = frozenset({"CSINode", "ControllerRevision", "Event", "VolumeAttachment"})
"""Kinds that parts of the cluster write for themselves: named, but no manifest is read."""
_SERVER_OWNED = frozenset({"status"})
_OF_METADATA = frozenset({"managedFields", "selfLink"})


def main() -> int:
    """Write the tables, or with `--check` say whether they are what would be written."""
    tables = written(*source())
    if "--check" in sys.argv[1:]:
        return int(
            any((PACKAGE / name).read_text("utf-8") != text for name, text in tables.items())
        )
    for name, text in tables.items():
        (PACKAGE / name).write_text(text, encoding="utf-8")
    return 0


def source() -> tuple[str, Path]:
    """Version and folder of the pinned module, fetched where it is not at hand."""
    command = ("go", "list", "-mod=readonly", "-m", "-json", "k8s.io/kubernetes")
    subprocess.run(("go", "mod", "download", "k8s.io/kubernetes"), cwd=MODULE, check=True)
    done = subprocess.run(command, cwd=MODULE, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return found["Version"], Path(found["Dir"]) / "api"


def written(version: str, api: Path) -> dict[str, str]:
    """The text of each table."""
    kinds = _kinds(api)
    definitions = json.loads((api / "openapi-spec" / "swagger.json").read_text("utf-8"))
    types = _Types(definitions["definitions"])
    lines = []
    for kind in kinds:
        group, api_version = kind[0], kind[1]
        named = kind[2] in _BY_THE_CLUSTER
        shape = "-" if named else types.of_kind(group, api_version, kind[2])
        lines.append(" ".join((group or "core", *kind[1:], shape)))
    head = _HEAD.format(version=version)
    return {
        "kinds_table.py": f'{head}\nKINDS = """\\\n' + "\n".join(lines) + '\n"""\n',
        "fields_table.py": f'{head}\nFIELDS = """\\\n' + "\n".join(types.lines()) + '\n"""\n',
    }


def _kinds(api: Path) -> list[tuple[str, ...]]:
    """group, version, kind, plural, singular, scope, short names: what can be applied."""
    found: list[tuple[str, ...]] = []
    core = json.loads((api / "discovery" / "api__v1.json").read_text("utf-8"))
    scales = {r["name"] for r in core["resources"] if r["name"].endswith("/scale")}
    for item in core["resources"]:
        if "/" not in item["name"] and "patch" in item["verbs"]:
            item["scale"] = f"{item['name']}/scale" in scales
            item["scope"] = "Namespaced" if item["namespaced"] else "Cluster"
            found.append(_kind("", "v1", item, (item["kind"], item["name"], item["singularName"])))
    groups = json.loads((api / "discovery" / "aggregated_v2.json").read_text("utf-8"))
    for group in groups["items"]:
        for version in group["versions"]:
            if "alpha" in version["version"] or "beta" in version["version"]:
                continue
            for item in version["resources"]:
                if "patch" in item["verbs"]:
                    subs = {sub["subresource"] for sub in item.get("subresources", [])}
                    item["scale"] = "scale" in subs
                    kind = item["responseKind"]["kind"]
                    names = (kind, item["resource"], item["singularResource"])
                    name = group["metadata"]["name"]
                    found.append(_kind(name, version["version"], item, names))
    return sorted(found)


def _kind(
    group: str, version: str, item: dict[str, Any], names: tuple[str, str, str]
) -> tuple[str, ...]:
    short = ",".join(item.get("shortNames") or ()) or "-"
    scale = "scale" if item["scale"] else "-"
    return (group, version, *names, item["scope"], scale, short)


class _Types:
    """Types by short names, gathered as kinds reach them."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self._names: dict[str, str] = {}
        self._lines: dict[str, str] = {}
        self._kinds = {
            (one["group"], one["version"], one["kind"]): name
            for name, value in definitions.items()
            for one in value.get("x-kubernetes-group-version-kind", ())
        }

    def of_kind(self, group: str, version: str, kind: str) -> str:
        return self._type(self._kinds[group, version, kind])

    def lines(self) -> list[str]:
        return [f"{name} {line}" for name, line in sorted(self._lines.items())]

    def _type(self, full: str) -> str:
        if full in _NAMED:
            return _NAMED[full]
        if full in self._names:
            return self._names[full]
        properties = self._definitions[full].get("properties")
        if not properties:  # RawExtension, JSON, FieldsV1; or a type without a member
            return _ANY
        parts = full.split(".")
        name = parts[-1]
        if name in self._names.values():
            name = f"{parts[-2].capitalize()}{name}"
        self._names[full] = name
        owned = _SERVER_OWNED if {"kind", "metadata"} <= properties.keys() else _OF_METADATA
        fields = [
            f"{field}:{self._field(value)}"
            for field, value in sorted(properties.items())
            if field not in owned
        ]
        self._lines[name] = " ".join(fields)
        return name

    def _field(self, value: dict[str, Any]) -> str:
        if "$ref" in value:
            return self._type(value["$ref"].removeprefix("#/definitions/"))
        if value.get("type") == "array":
            return f"[{self._field(value['items'])}]"
        inner = value.get("additionalProperties")
        if inner:
            return f"{{{self._field(inner)}}}"
        return _SCALARS.get(value.get("type", ""), _ANY)


if __name__ == "__main__":
    sys.exit(main())
