"""Small languages that filters are given: `sed`, `awk`, `jq`, `test`, each whole or not at all.

All three languages can run programs or write files (`s///e`, `w`, `system()`, `input_filename`,
`$ENV`), so a script is read by a closed grammar over its whole text, and nothing else passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from counterfoil.core.actions.argv import Reading, parse, written
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.shell.files import options
from counterfoil.core.actions.shell.ground import Ground, Reader, Touch, runs, touches

_MAX_SCRIPT: Final = 512
_ADDRESS: Final = r"(?:[0-9]{1,9}|\$|/(?:[^/\\\[\n]|\\[.$^*])*/)"
_PRINT: Final = rf"(?:{_ADDRESS}(?:,(?:{_ADDRESS}|\+[0-9]{{1,9}}))?)?[pdq=]"


def _replaced(mark: str) -> str:
    """`s` with one delimiter; a bracket that is open where it stands is read differently."""
    pattern = rf"(?:[^{mark}\\\[\n]|\\[^{mark}\n]|\[\^?\]?[^\]{mark}\\\n]*+\])*+"
    return rf"[{mark}]{pattern}[{mark}](?:[^{mark}\\\n]|\\[^{mark}\n])*+[{mark}]"


_SED: Final = re.compile(
    rf"(?:{_PRINT}|(?:{_ADDRESS}(?:,{_ADDRESS})?)?s(?:{'|'.join(map(_replaced, '/|#@'))})"
    rf"[gIp0-9]{{0,4}})(?:; ?{_PRINT})*",
    re.ASCII,
)
_FIELD: Final = r"\$(?:[0-9]{1,3}|NF)"
_ITEM: Final = rf'(?:{_FIELD}|NR|"[^"\\\n]*")'
_AWK: Final = re.compile(
    rf"(?:(?:/[^/\\\n]*/|NR ?[=<>!]=? ?[0-9]{{1,9}}|{_FIELD} ?(?:==|!=|>|<|>=|<=|~) ?"
    rf"(?:[0-9.]{{1,20}}|\"[^\"\\\n]*\"|/[^/\\\n]*/)) ?)?"
    rf"(?:\{{ ?print(?: {_ITEM}(?:(?:, ?| ){_ITEM})*)? ?\}})?",
    re.ASCII,
)
_JQ_WORDS: Final = """
    length keys keys_unsorted values map select has in contains inside startswith endswith add any
    all min max min_by max_by sort sort_by group_by unique unique_by reverse flatten range floor
    tostring tonumber type not empty error join split ascii_downcase ascii_upcase test match sub
    gsub to_entries from_entries with_entries first last nth limit recurse paths leaf_paths del
    and or if then elif else end as reduce foreach null true false tojson fromjson index rindex
    indices ltrimstr rtrimstr map_values numbers strings objects arrays booleans nulls scalars
    iterables transpose todate fromdate now abs round sqrt ceil"""
_JQ_NAMES: Final = frozenset(_JQ_WORDS.split())
_JQ_TOKEN: Final = re.compile(
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<field>\.[A-Za-z_][A-Za-z0-9_]*)"
    r'|(?P<text>"(?:[^"\\]|\\["\\/bfnrtu])*")|(?P<var>\$[a-z][a-z0-9_]*)|(?P<form>@(?:csv|tsv|json|base64|text|uri|html|sh))'
    r"|(?P<plain>[0-9]+(?:\.[0-9]+)?|\.\.|[.\[\]{}()|,:;?+*/%<>=!-]|[ \t\n]+)",
    re.ASCII,
)
_SED_OPTIONS: Final = options("nErsu", "e", long="quiet expression= regexp-extended in-place")
_SED_IN_PLACE: Final = options("nErsui", "e", long="quiet expression= regexp-extended in-place")
_JQ: Final = options(
    "rcsneMSajC", "", long="raw-output compact-output slurp null-input exit-status tab sort-keys"
)


def _sed(words: Sequence[str], ground: Ground) -> Reading:
    parsed = parse(words[1:], _SED_IN_PLACE)
    operands = [*parsed.operands, *(parsed.after_dashes or ())]
    scripts = [value or "" for name, value in parsed.options if name in {"-e", "--expression"}]
    if not scripts:
        scripts, operands = operands[:1], operands[1:]
        fixed = ("-e", *scripts)
    else:
        fixed = ()
    if not scripts or not all(_whole(_SED, script) for script in scripts):
        raise Unreadable("uncertain.shell_script", "sed")
    places = [ground.place(path) for path in operands]
    changes = parsed.has("-i", "--in-place")
    found: list[Touch] = []
    for place in places:
        found += [("read", "file", place), *([("write", "file", place)] if changes else [])]
    paths = [ground.spelled(place) for place in places]
    return touches(["sed", *written(parsed), *fixed, "--", *paths], found)


def _awk(words: Sequence[str], ground: Ground) -> Reading:
    parsed = parse(words[1:], options("", "F"))
    if not parsed.operands or parsed.after_dashes or not _whole(_AWK, parsed.operands[0]):
        raise Unreadable("uncertain.shell_script", "awk")
    if len(parsed.value("-F") or " ") > 8:  # noqa: PLR2004 -- a separator
        raise Unreadable("uncertain.shell_script", "awk -F")
    places = [ground.place(path) for path in parsed.operands[1:]]
    # A word with `=` would be an assignment; behind a folder it is a file.
    paths = [ground.spelled(place) for place in places]
    run = ["awk", *written(parsed), "--", parsed.operands[0], *paths]
    return touches(run, [("read", "file", place) for place in places])


def _jq(words: Sequence[str], ground: Ground) -> Reading:
    parsed = parse(words[1:], _JQ)
    operands = [*parsed.operands, *(parsed.after_dashes or ())]
    if not operands or not _is_pure_jq(operands[0]):
        raise Unreadable("uncertain.shell_script", "jq")
    places = [ground.place(path) for path in operands[1:]]
    paths = [ground.spelled(place) for place in places]
    return touches(
        ["jq", *written(parsed), "--", operands[0], *paths],
        [("read", "file", place) for place in places],
    )


def _is_pure_jq(script: str) -> bool:
    """Paths and functions of a closed list: no `env`, `$ENV`, `input_filename`, `import`."""
    if len(script) > _MAX_SCRIPT:
        return False
    place = 0
    while place < len(script):
        token = _JQ_TOKEN.match(script, place)
        if token is None:
            return False
        # In `{id: .id}` a name is a key.
        if token["name"] and token["name"] not in _JQ_NAMES and not _is_key(script, token):
            return False
        place = token.end()
    return True


def _is_key(script: str, token: re.Match[str]) -> bool:
    before = script[: token.start()].rstrip()[-1:]
    after = script[token.end() :].lstrip()[:1]
    return before in {"{", ","} and after == ":"


def _whole(grammar: re.Pattern[str], script: str) -> bool:
    return 0 < len(script) <= _MAX_SCRIPT and grammar.fullmatch(script) is not None


def _test(words: Sequence[str], ground: Ground) -> Reading:
    """`test`: whether a file is there, or two texts are equal."""
    rest = list(words[1:])
    negated = ["!"] if rest[:1] == ["!"] else []
    rest = rest[len(negated) :]
    if len(rest) == 2 and rest[0] in {"-e", "-f", "-d", "-s", "-r", "-w", "-x", "-h", "-L"}:  # noqa: PLR2004
        place = ground.place(rest[1])
        run = ["test", *negated, rest[0], ground.spelled(place)]
        return touches(run, [("list", "file", place)])
    if (len(rest) == 2 and rest[0] in {"-n", "-z"}) or (  # noqa: PLR2004
        len(rest) == 3 and rest[1] in {"=", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"}  # noqa: PLR2004
    ):
        return runs(["test", *negated, *rest])
    raise Unreadable("uncertain.operands", "test")


FILTERS: Final[Mapping[str, Reader]] = {
    "sed": _sed,
    "awk": _awk,
    "jq": _jq,
    "test": _test,
}
