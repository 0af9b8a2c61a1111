"""What is said of doubts about manifests, kubectl and images; uncertain.py gathers them."""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.explained import Explanation

_E = Explanation

MANIFEST: Final = {
    "control_character": _E(
        "The manifest holds a character that readers treat differently",
        "Remove control characters, tabs, byte order marks and Unicode line separators.",
    ),
    "syntax": _E("The manifest is not valid", "Send it as JSON or plain YAML."),
    "feature": _E(
        "The YAML uses a feature that readers treat differently",
        "Write it without anchors, aliases, tags, directives, merge keys or `...`; or send JSON.",
    ),
    "scalar": _E(
        "An unquoted value means different things to different readers",
        "Quote the value, or write true, false or a plain integer.",
    ),
    "duplicate_key": _E("A key stands twice in one mapping", "Keep one of them."),
    "kind": _E(
        "This kind of object is not read",
        "Use a built-in kind at the version that is served, as apps/v1 Deployment; the details "
        "name what was found.",
    ),
    "field": _E(
        "A field is not known, or belongs to the server",
        "Remove it; names are case-sensitive, and only fields of the published table are read.",
    ),
    "value": _E("A field has a value of the wrong type, or none", "Correct it at the place shown."),
    "name": _E("The object's name is not valid", "Use lower-case letters, digits, `-` and `.`."),
    "namespace": _E(
        "The namespace is not certain",
        "Write metadata.namespace, the one of the action where it names one; an object of the "
        "whole cluster has none.",
    ),
    "image": _E(
        "An image reference cannot be read with certainty",
        "Write host/repository:tag or host/repository@sha256:… in full.",
    ),
}
IMAGES: Final = {
    "registry": _E(
        "The image is not in a registry that is registered for this tool",
        "Name an image of a registered registry, or ask the operator to register this one.",
    ),
    "command": _E(
        "This command on images is not read",
        "Write docker push REFERENCE or docker pull REFERENCE (docker, podman or oras), without "
        "options.",
    ),
}
KUBECTL: Final = {
    "verb": _E(
        "This command of kubectl is not read",
        "Use apply, create, get, delete, logs, exec, scale, set image, or rollout status, "
        "restart, pause or resume.",
    ),
    "option": _E(
        "An option of kubectl is not read, stands twice or has an odd value",
        "Leave it out, or write it as --name=value; the details name it.",
    ),
    "argument": _E(
        "What kubectl acts on cannot be read",
        "Name the kind and the objects, as deployment/web; exec needs pod/NAME -- COMMAND.",
    ),
    "kind": _E(
        "This kind of object is not built in",
        "Name a built-in kind; what a cluster was taught beside them is not known here.",
    ),
    "namespace": _E(
        "The namespace is not certain",
        "Write --namespace=NAME, the one of the action if it has one.",
    ),
    "file": _E(
        "kubectl reads a file or an address that was not shown",
        "Send the manifest itself, with -f -.",
    ),
}
