"""Makes `ocsf_*.json`: OCSF's API Activity as JSON Schema, from the published schema.

    python -m ocsf.compile CHECKOUT > compiled.json     # ocsf-lib 0.10.4, Apache-2.0
    python tests/vectors/make_ocsf.py compiled.json > tests/vectors/ocsf_1_8_0.json

CHECKOUT is github.com/ocsf/ocsf-schema (Apache-2.0) at v1.8.0, and at a5cfc68e for 1.9.0-dev.
An attribute is closed to its type, its enum and its object's attributes; what is required,
and the constraints `at_least_one` and `just_one`, are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PROFILES = {None, "security_control", "ai_operation", "record_integrity"}
OWN = {"actor", "api"}  # the class's own, which the profiles host and cloud say again
PRIMITIVES = {
    "boolean_t": {"type": "boolean"},
    "float_t": {"type": "number"},
    "integer_t": {"type": "integer"},
    "long_t": {"type": "integer"},
    "string_t": {"type": "string"},
    "json_t": {},
}


def attribute(item: dict[str, Any], compiled: dict[str, Any]) -> dict[str, Any]:
    kind = item["type"]
    whole: dict[str, Any]
    if kind in compiled["objects"]:
        whole = {"type": "object"} if kind == "object" else {"$ref": f"#/$defs/{kind}"}
    else:
        base = kind
        while base not in PRIMITIVES:
            base = compiled["types"][base]["type"]
        whole = dict(PRIMITIVES[base])
        enum = item.get("enum")
        if enum and whole.get("type") == "integer":
            whole["enum"] = sorted(int(value) for value in enum)
    return {"type": "array", "items": whole} if item.get("is_array") else whole


def shape(item: dict[str, Any], compiled: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    attributes = {
        name: value
        for name, value in item["attributes"].items()
        if value.get("profile") in PROFILES or name in OWN
    }
    properties = {name: attribute(value, compiled) for name, value in attributes.items()}
    text = json.dumps(properties)
    wanted += [name for name in compiled["objects"] if f'"#/$defs/{name}"' in text]
    found: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": sorted(n for n, v in attributes.items() if v["requirement"] == "required"),
        "additionalProperties": False,
    }
    constraints = item.get("constraints") or {}
    for name, word in (("at_least_one", "anyOf"), ("just_one", "oneOf")):
        ones = [one for one in constraints.get(name, ()) if one in properties]
        if ones:
            found[word] = [{"required": [one]} for one in ones]
    return found


def main() -> None:
    compiled = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    wanted: list[str] = []
    root = shape(compiled["classes"]["api_activity"], compiled, wanted)
    defs: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in defs:
            defs[name] = {}
            defs[name] = shape(compiled["objects"][name], compiled, wanted)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"OCSF {compiled['version']}, class api_activity; Apache-2.0, the OCSF authors",
        **root,
        "$defs": dict(sorted(defs.items())),
    }
    json.dump(schema, sys.stdout, separators=(",", ":"), sort_keys=True)
    sys.stdout.write("\n")


main()
