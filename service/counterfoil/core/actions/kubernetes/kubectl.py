"""Reads an argument list of kubectl: a closed grammar of verbs and options.

What chooses another identity or another cluster, what reads files or the network, and what
is not listed is uncertain. The canonical list that runs names each kind with its version and
group, and each option as `--name=value`, so no plugin, alias of a kind or order matters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from counterfoil.core.actions.contract import Unreadable, check_size
from counterfoil.core.actions.images import parse_image
from counterfoil.core.actions.kubernetes.acts import Act, acts_on, answer
from counterfoil.core.actions.kubernetes.canonical import canonical_manifest
from counterfoil.core.actions.kubernetes.kubectl_words import VERBS, Parsed, parse
from counterfoil.core.actions.kubernetes.manifest import Findings
from counterfoil.core.actions.kubernetes.objects import is_name, is_namespace, read_objects
from counterfoil.core.kubernetes_api.kinds import NAMES, POD_SPECS, Kind
from counterfoil.core.model import JsonObject, Operation, Permission, Resource

_CONTAINER: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_ROLLED: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


class Read(NamedTuple):
    """What the words do, and the words and the standard input that run instead."""

    operations: tuple[Operation, ...]
    required: tuple[Permission, ...]
    words: tuple[str, ...]
    stdin: str | None


class _Reading(NamedTuple):
    """Acts, and the canonical words between the verb and the options."""

    acts: list[Act]
    words: list[str]
    stdin: str | None = None


def read_kubectl(
    words: Sequence[str],
    resource: Resource,
    *,
    namespace: str | None = None,
    stdin: str | None = None,
    max_bytes: int = 65_536,
) -> Read:
    """Read one call of kubectl.

    Args:
        words: the whole argument list, `kubectl` first.
        resource: the registered cluster that this kubectl is bound to.
        namespace: what holds where the words name none; None: they must name one.
        stdin: what `-f -` reads; None where nothing is handed in.
        max_bytes: bound of `stdin`.

    Returns:
        Operations, permissions (whose `operations` count from 0), and what runs.

    Raises:
        Unreadable: `uncertain.kubectl_*`, or what a manifest raises.
    """
    parsed = parse(words)
    where = parsed.options.pop("namespace", namespace)
    if where is None or not is_namespace(where) or (namespace not in (None, where)):
        raise Unreadable("uncertain.kubectl_namespace", (where or "")[:64])
    if "filename" in parsed.options:
        reading = _manifest(parsed, where, stdin, max_bytes)
    elif stdin is not None:
        raise Unreadable("uncertain.kubectl_argument", "a manifest that nothing reads")
    else:
        reading = _READERS[parsed.verb](parsed, where)
    # A span is a place in the command's text, and these words are none.
    found = answer([act._replace(span=None) for act in reading.acts], resource)
    return Read(found.operations, found.required, _canonical(parsed, where, reading), reading.stdin)


def _canonical(parsed: Parsed, where: str, reading: _Reading) -> tuple[str, ...]:
    options = [f"--{name}={value}" for name, value in sorted(parsed.options.items())]
    rest = ["--", *parsed.rest] if parsed.rest is not None else []
    return (
        *("kubectl", *parsed.verb.split(), *reading.words, f"--namespace={where}"),
        *(*options, *rest),
    )


def _manifest(parsed: Parsed, where: str, stdin: str | None, max_bytes: int) -> _Reading:
    """`-f -`: apply, create or delete what stands in the manifest."""
    if parsed.words or parsed.verb not in {"apply", "create", "delete"}:
        raise Unreadable("uncertain.kubectl_argument", "-f beside names")
    if stdin is None:
        raise Unreadable("uncertain.kubectl_file", "standard input that nobody gave")
    check_size(stdin, max_bytes)
    if {"all", "selector"} & parsed.options.keys():
        raise Unreadable("uncertain.kubectl_argument", "-f beside a choice")
    objects = read_objects(stdin, where, generated=parsed.verb == "create")
    text = canonical_manifest(objects)
    if parsed.verb == "delete":
        targets = [(item.kind, item.namespace, item.name) for item in objects]
        return _Reading([_plain("delete", "delete", *one) for one in targets], [], text)
    if parsed.verb == "create":
        return _Reading(acts_on(objects, "create"), [], text)
    rule = "apply" if parsed.options.get("server-side") == "true" else "client-apply"
    acts = acts_on(objects, rule)
    if rule == "client-apply":
        # It may create any name, because the request that creates carries none.
        note: JsonObject = {"narrower": "--server-side"}
        acts = [act._replace(details={**act.details, **note}) for act in acts]
    return _Reading(acts, [], text)


def _plain(
    rule: str, verb: str, kind: Kind, namespace: str, name: str | None, **details: object
) -> Act:
    """An act that brings no manifest. Reading Secrets is a power."""
    findings = Findings()
    if kind.kind == "Secret" and verb in {"get", "list", "watch"}:
        findings.power("secret-read", "/data")
    where = namespace if kind.namespaced else ""
    return Act(rule, verb, kind, where, name, findings, None, dict(details))  # type: ignore[arg-type]


def _targets(words: Sequence[str]) -> list[tuple[Kind, str]]:
    """`deployment/web service/web`, or `deployment web api`.

    Raises:
        Unreadable: a kind that is not built in, or no valid name.
    """
    if words and "/" not in words[0]:
        kind = kind_of(words[0])
        pairs = [(kind, name) for name in words[1:]]
    else:
        pairs = []
        for word in words:
            kind_word, slash, name = word.partition("/")
            if not slash:
                raise Unreadable("uncertain.kubectl_argument", word[:128])
            pairs.append((kind_of(kind_word), name))
    for _, name in pairs:
        if not is_name(name):
            raise Unreadable("uncertain.manifest_name", name[:128])
    return pairs


def kind_of(word: str) -> Kind:
    """The built-in kind that kubectl takes a word for.

    Raises:
        Unreadable: there is none; it may be one that the cluster was taught.
    """
    kind = NAMES.get(word)
    if kind is None:
        raise Unreadable("uncertain.kubectl_kind", word[:128])
    return kind


def _one(parsed: Parsed, kinds: frozenset[str] | None = None) -> tuple[Kind, str]:
    pairs = _targets(parsed.words)
    if len(pairs) != 1 or (kinds is not None and pairs[0][0].kind not in kinds):
        raise Unreadable("uncertain.kubectl_argument", " ".join(parsed.words)[:128])
    return pairs[0]


def _named(kind: Kind, name: str) -> list[str]:
    return [kind.qualified, name]


def _get(parsed: Parsed, where: str) -> _Reading:
    watched = parsed.options.get("watch") == "true"
    chosen = "selector" in parsed.options
    if len(parsed.words) == 1 and "/" not in parsed.words[0]:
        kinds = [kind_of(word) for word in parsed.words[0].split(",")]
        verb = "watch" if watched else "list"
        words = [",".join(kind.qualified for kind in kinds)]
        return _Reading([_plain(verb, verb, kind, where, None) for kind in kinds], words)
    pairs = _targets(parsed.words)
    if not pairs or chosen or watched:
        raise Unreadable("uncertain.kubectl_argument", " ".join(parsed.words)[:128])
    acts = [_plain("get", "get", kind, where, name) for kind, name in pairs]
    return _Reading(acts, _pairs(pairs))


def _pairs(pairs: Sequence[tuple[Kind, str]]) -> list[str]:
    if len({kind for kind, _ in pairs}) == 1:
        return [pairs[0][0].qualified, *(name for _, name in pairs)]
    return [f"{kind.qualified}/{name}" for kind, name in pairs]


def _delete(parsed: Parsed, where: str) -> _Reading:
    every = parsed.options.get("all") == "true"
    if every or "selector" in parsed.options:
        if len(parsed.words) != 1 or "/" in parsed.words[0]:
            raise Unreadable("uncertain.kubectl_argument", " ".join(parsed.words)[:128])
        kinds = [kind_of(word) for word in parsed.words[0].split(",")]
        acts = [_plain("delete-all", "delete-all", kind, where, None) for kind in kinds]
        return _Reading(acts, [",".join(kind.qualified for kind in kinds)])
    pairs = _targets(parsed.words)
    if not pairs:
        raise Unreadable("uncertain.kubectl_argument", "nothing is named")
    return _Reading(
        [_plain("delete", "delete", kind, where, name) for kind, name in pairs], _pairs(pairs)
    )


def _logs(parsed: Parsed, where: str) -> _Reading:
    return _of_pod("logs", parsed, where)


def _exec(parsed: Parsed, where: str) -> _Reading:
    if not parsed.rest:
        raise Unreadable("uncertain.kubectl_argument", "exec without -- and a command")
    return _of_pod("exec", parsed, where, command=list(parsed.rest))


def _of_pod(verb: str, parsed: Parsed, where: str, **details: object) -> _Reading:
    if len(parsed.words) != 1:
        raise Unreadable("uncertain.kubectl_argument", " ".join(parsed.words)[:128])
    word = parsed.words[0]
    pairs = _targets([word if "/" in word else f"pods/{word}"])
    kind, name = pairs[0]
    if kind.kind != "Pod":  # which pods a workload has, only the cluster knows
        raise Unreadable("uncertain.kubectl_argument", word[:128])
    return _Reading([_plain(verb, verb, kind, where, name, **details)], [name])


def _scale(parsed: Parsed, where: str) -> _Reading:
    kind, name = _one(parsed)
    replicas = parsed.options.get("replicas")
    if not kind.scale or replicas is None:
        raise Unreadable("uncertain.kubectl_argument", "--replicas of what can be scaled")
    act = _plain("scale", "scale", kind, where, name, replicas=int(replicas))
    return _Reading([act], _named(kind, name))


def _rollout(verb: str, rule: str) -> Callable[[Parsed, str], _Reading]:
    def read(parsed: Parsed, where: str) -> _Reading:
        kind, name = _one(parsed, _ROLLED)
        act = _plain(rule, verb, kind, where, name)
        return _Reading([act], _named(kind, name))

    return read


def _set_image(parsed: Parsed, where: str) -> _Reading:
    pairs = [word for word in parsed.words if "=" not in word]
    kind, name = _one(parsed._replace(words=pairs), frozenset(POD_SPECS))
    findings = Findings()
    written = []
    for word in parsed.words:
        container, equals, image = word.partition("=")
        if not equals:
            continue
        if not _CONTAINER.fullmatch(container):  # `*` is every container
            raise Unreadable("uncertain.kubectl_argument", word[:128])
        reference = parse_image(image)
        findings.images.append(reference)
        findings.power("image", f"{container}")
        written.append(f"{container}={reference.text}")
    if not written:
        raise Unreadable("uncertain.kubectl_argument", "no image")
    act = Act("change", "set-image", kind, where, name, findings, None, {})
    return _Reading([act], [*_named(kind, name), *written])


_READERS: Final[dict[str, Callable[[Parsed, str], _Reading]]] = {
    "get": _get,
    "delete": _delete,
    "logs": _logs,
    "exec": _exec,
    "scale": _scale,
    "set image": _set_image,
    "rollout status": _rollout("status", "follow"),
    "rollout restart": _rollout("restart", "change"),
    "rollout pause": _rollout("pause", "change"),
    "rollout resume": _rollout("resume", "change"),
}
assert _READERS.keys() <= VERBS.keys()  # noqa: S101 -- both tables name the same verbs
