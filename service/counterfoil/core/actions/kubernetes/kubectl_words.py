"""kubectl's command line as words: verb, names, and the options that each verb may have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from counterfoil.core.actions.contract import Unreadable

_BOOL: Final = re.compile(r"true|false", re.ASCII)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_TIME: Final = re.compile(r"(?:[1-9][0-9]{0,5}(?:s|m|h))+|0s?", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z0-9](?:[-._A-Za-z0-9]{0,61}[A-Za-z0-9])?", re.ASCII)
_SELECTOR: Final = re.compile(r"[A-Za-z0-9][-._/A-Za-z0-9=!,]{0,511}", re.ASCII)
_STDIN: Final = re.compile(r"-", re.ASCII)
_FORMAT: Final = re.compile(r"json|yaml|name|wide", re.ASCII)

Options = Mapping[str, re.Pattern[str]]
_COMMON: Final[Options] = {"namespace": _WORD}
_SHOWN: Final[Options] = {"output": _FORMAT}
_FROM: Final[Options] = {"filename": _STDIN}
_FIELDS: Final[Options] = {"field-manager": _WORD, **_SHOWN}

VERBS: Final[dict[str, Options]] = {
    "apply": {"server-side": _BOOL, "force-conflicts": _BOOL, **_FROM, **_FIELDS},
    "create": {**_FROM, **_FIELDS},
    "get": {
        "watch": _BOOL,
        "selector": _SELECTOR,
        "ignore-not-found": _BOOL,
        "no-headers": _BOOL,
        "show-labels": _BOOL,
        **_SHOWN,
    },
    "delete": {
        "all": _BOOL,
        "selector": _SELECTOR,
        "ignore-not-found": _BOOL,
        "wait": _BOOL,
        "now": _BOOL,
        "grace-period": _NUMBER,
        "timeout": _TIME,
        **_FROM,
        **_SHOWN,
    },
    "logs": {
        "container": _WORD,
        "follow": _BOOL,
        "previous": _BOOL,
        "timestamps": _BOOL,
        "tail": _NUMBER,
        "since": _TIME,
        "limit-bytes": _NUMBER,
    },
    "exec": {"container": _WORD, "stdin": _BOOL, "tty": _BOOL, "quiet": _BOOL},
    "scale": {"replicas": _NUMBER, "current-replicas": _NUMBER, "timeout": _TIME, **_SHOWN},
    "set image": {**_FIELDS},
    "rollout status": {"watch": _BOOL, "timeout": _TIME},
    "rollout restart": {**_FIELDS},
    "rollout pause": {**_FIELDS},
    "rollout resume": {**_FIELDS},
}
"""Verb → options and the form of their values. `-A`, `--as`, `--token`, `--server`, `--context`,
`--kubeconfig`, `--raw`, `--prune`, `-k` and everything else are not among them."""

_SHORT: Final = {
    "n": "namespace",
    "f": "filename",
    "o": "output",
    "l": "selector",
    "w": "watch",
    "c": "container",
    "i": "stdin",
    "t": "tty",
    "q": "quiet",
}
_SHORT_OF: Final = {"logs": {"f": "follow", "p": "previous"}}


class Parsed(NamedTuple):
    """The verb, the words that are no options, the options, and what stands after `--`."""

    verb: str
    words: Sequence[str]
    options: dict[str, str]
    rest: Sequence[str] | None


def parse(words: Sequence[str]) -> Parsed:
    """Take an argument list apart as kubectl's own parser (pflag) does.

    Raises:
        Unreadable: a verb or an option that is not listed, or one that stands twice.
    """
    if not words or words[0] != "kubectl":
        raise Unreadable("uncertain.kubectl_argument", "not kubectl")
    rest: Sequence[str] | None = None
    before = list(words[1:])
    if "--" in before:
        place = before.index("--")
        before, rest = before[:place], before[place + 1 :]
    verb = _verb(before)
    known = {**_COMMON, **VERBS[verb]}
    if rest is not None and verb != "exec":
        raise Unreadable("uncertain.kubectl_argument", "--")
    plain: list[str] = []
    options: dict[str, str] = {}
    waiting = iter(before)
    for word in waiting:
        if not word.startswith("-") or word == "-":
            plain.append(word)
            continue
        for name, value in _options(word, verb, known, waiting):
            if name not in known or name in options or not known[name].fullmatch(value):
                raise Unreadable("uncertain.kubectl_option", word[:128])
            options[name] = value
    return Parsed(verb, plain[len(verb.split()) :], options, rest)


def _verb(words: Sequence[str]) -> str:
    """The first word that is no option; `-n NAME` may stand before it."""
    plain: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word in {"-n", "--namespace"}:
            next(waiting, None)
        elif not word.startswith("-"):
            plain.append(word)
        elif not plain and not word.startswith("--namespace="):
            raise Unreadable("uncertain.kubectl_option", word[:128])
        if len(plain) == 2:  # noqa: PLR2004 -- `rollout status`, `set image`
            break
    for verb in (" ".join(plain), plain[0] if plain else ""):
        if verb in VERBS:
            return verb
    raise Unreadable("uncertain.kubectl_verb", " ".join(plain)[:128])


def _options(word: str, verb: str, known: Options, waiting: object) -> Sequence[tuple[str, str]]:
    """The options of one word; a value may be the next word.

    Raises:
        Unreadable: a letter that is not listed, or a value is missing.
    """
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        if equals:
            return [(name, value)]
        if known.get(name) is _BOOL:
            return [(name, "true")]
        return [(name, _following(word, waiting))]
    letters = {**_SHORT, **_SHORT_OF.get(verb, {})}
    names = [letters.get(letter, "") for letter in word[1:]]
    if all(known.get(name) is _BOOL for name in names):  # `-it`
        return [(name, "true") for name in names]
    if len(names) != 1:
        raise Unreadable("uncertain.kubectl_option", word[:128])
    return [(names[0], _following(word, waiting))]


def _following(word: str, waiting: object) -> str:
    value = next(waiting, None)  # type: ignore[call-overload]
    if value is None:
        raise Unreadable("uncertain.kubectl_option", word[:128])
    return str(value)
