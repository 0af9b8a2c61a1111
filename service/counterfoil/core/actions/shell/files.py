"""Programs that list, read and change files, each by a closed grammar of options.

An option is here only if, whatever its value, the program does nothing but what the entry says:
no program is started (`sort --compress-program`, `rg --pre`, `find -exec`), no file written
(`sort -o`, `find -fprint`), no list of further files read (`grep -f`, `wc --files0-from`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.actions.argv import Options, Parsed, Reading, parse, written
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.roots import Place
from counterfoil.core.actions.shell.ground import Ground, Reader, Touch, runs, touches

_STDIN: Final = "-"


def options(flags: str = "", values: str = "", long: str = "", number: str = "") -> Options:
    """Short letters without and with a value, and long names; those with `=` take one."""
    names = long.split()
    short = {f"-{letter}": f"-{letter}" for letter in (flags + values).replace(" ", "")}
    return Options(
        flags=frozenset(
            [f"-{letter}" for letter in flags]
            + [f"--{name}" for name in names if not name.endswith("=")]
        ),
        values=frozenset(
            [f"-{letter}" for letter in values]
            + [f"--{name[:-1]}" for name in names if name.endswith("=")]
        ),
        short=short,
        number=number,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that does one thing to the paths among its words.

    `before` words come before the paths (a pattern), unless one of `instead` says it.
    `deep` are the options that make it go into folders. Without a path it reads its standard
    input, or, where `here` is set, the folder it works in.
    """

    known: Options
    verb: str = "read"
    kind: str = "file"
    before: int = 0
    instead: tuple[str, ...] = ()
    deep: tuple[str, ...] = ()
    here: bool = False
    filters: bool = False  # with `here`: it reads a pipe before its folder
    fixed: tuple[str, ...] = ()  # always put first
    most: int = 64
    least: int = 0


def reader(tool: Tool) -> Reader:
    """Read a program by its entry."""

    def read(words: Sequence[str], ground: Ground) -> Reading:
        parsed = parse(words[1:], tool.known)
        operands = [*parsed.operands, *(parsed.after_dashes or ())]
        before = 0 if parsed.has(*tool.instead) else tool.before
        head, paths = operands[:before], operands[before:]
        if len(head) < before or not tool.least <= len(paths) <= tool.most:
            raise Unreadable("uncertain.operands", words[0])
        deep = parsed.has(*tool.deep)
        if not paths and (deep or (tool.here and not (tool.filters and ground.piped))):
            paths = ["."]
        found, spelled = _paths(paths, tool, ground, deep=deep)
        dashes = ("--",) if head or spelled else ()
        run = [words[0], *tool.fixed, *written(parsed), *dashes, *head, *spelled]
        return touches(run, found)

    return read


def _paths(
    paths: Sequence[str], tool: Tool, ground: Ground, *, deep: bool
) -> tuple[list[Touch], list[str]]:
    found: list[Touch] = []
    spelled: list[str] = []
    for path in paths:
        if path == _STDIN and tool.verb == "read":
            spelled.append(path)
            continue
        place = ground.place(path)
        found.append((tool.verb, "tree" if deep else tool.kind, place))
        spelled.append(ground.spelled(place))
    return found, spelled


def _copy(words: Sequence[str], ground: Ground) -> Reading:
    """`cp`: the target may be a folder, so the right is on all below it."""
    parsed, places = _places(words, options("rRfnpvai", long="recursive force verbose"), ground)
    deep = parsed.has("-r", "-R", "-a", "--recursive")
    sources: list[Touch] = [("read", "tree" if deep else "file", place) for place in places[:-1]]
    return _spelled(words, parsed, places, [*sources, ("write", "tree", places[-1])], ground)


def _move(words: Sequence[str], ground: Ground) -> Reading:
    """`mv`: reads and deletes what it moves, and writes it elsewhere."""
    parsed, places = _places(words, options("fnvi", long="force verbose no-clobber"), ground)
    found: list[Touch] = []
    for place in places[:-1]:
        found += [("read", "tree", place), ("delete", "tree", place)]
    return _spelled(words, parsed, places, [*found, ("write", "tree", places[-1])], ground)


def _places(words: Sequence[str], known: Options, ground: Ground) -> tuple[Parsed, list[Place]]:
    parsed = parse(words[1:], known)
    operands = [*parsed.operands, *(parsed.after_dashes or ())]
    if len(operands) < 2:  # noqa: PLR2004 -- from and to
        raise Unreadable("uncertain.operands", f"{words[0]} FROM TO")
    return parsed, [ground.place(word) for word in operands]


def _spelled(
    words: Sequence[str],
    parsed: Parsed,
    places: Sequence[Place],
    found: Sequence[Touch],
    ground: Ground,
) -> Reading:
    run = [words[0], *written(parsed), "--", *(ground.spelled(place) for place in places)]
    return touches(run, found)


_PREDICATES: Final = frozenset(
    {"-name", "-iname", "-path", "-ipath", "-type", "-maxdepth", "-mindepth", "-size", "-mtime"}
    | {"-mmin", "-atime", "-ctime", "-cmin", "-regex", "-iregex", "-wholename", "-user", "-perm"}
)
_PLAIN: Final = frozenset(
    {"-empty", "-not", "!", "-o", "-or", "-a", "-and", "(", ")", "-print", "-print0", "-prune"}
    | {"-ls", "-readable", "-writable", "-executable", "-true", "-false", "-xdev", "-mount"}
)


def _find(words: Sequence[str], ground: Ground) -> Reading:
    """`find`: paths, then an expression that only tests and prints."""
    rest = list(words[1:])
    paths = []
    while rest and rest[0] not in {"!", "(", ")"} and not rest[0].startswith("-"):
        paths.append(rest.pop(0))
    run = []
    while rest:
        word = rest.pop(0)
        run.append(word)
        if word in _PREDICATES and rest:
            run.append(rest.pop(0))
        elif word not in _PLAIN:
            raise Unreadable("uncertain.option", word[:64])
    places = [ground.place(path) for path in paths or ["."]]
    found: list[Touch] = [("list", "tree", place) for place in places]
    return touches([words[0], *(ground.spelled(place) for place in places), *run], found)


_LS: Final = options("aAlhrtSR1dFpinsXU", long="all almost-all recursive human-readable reverse")
_GREP: Final = options(
    "EFGPivwxclLnHhoqsrIab", "eABCm",
    long="ignore-case invert-match word-regexp count files-with-matches files-without-match "
    "line-number with-filename no-filename only-matching quiet recursive extended-regexp "
    "fixed-strings perl-regexp regexp= include= exclude= exclude-dir= max-count= "
    "after-context= before-context= context= color= no-messages",
)  # fmt: skip
_RG: Final = options(
    "ivwFclnNHosSUqu0", "eABCgtTmd",
    long="ignore-case smart-case word-regexp fixed-strings count files-with-matches "
    "files-without-match line-number no-line-number hidden no-ignore files glob= type= type-not= "
    "max-count= max-depth= regexp= json only-matching no-heading heading color= context= stats "
    "multiline sort= vimgrep",
)  # fmt: skip
_TOOLS: Final[Mapping[str, Tool]] = {
    "ls": Tool(known=_LS, verb="list", kind="directory", deep=("-R", "--recursive"), here=True),
    "tree": Tool(
        known=options("adfpsh", "LI", long="noreport dirsfirst"),
        verb="list", kind="tree", here=True,
    ),
    "cat": Tool(known=options("nbsETvA", long="number show-all")),
    "tac": Tool(known=options()),
    "nl": Tool(known=options("", "bnw")),
    "head": Tool(known=options("qv", "nc", long="lines= bytes= quiet", number="-n")),
    "tail": Tool(known=options("qv", "nc", long="lines= bytes= quiet", number="-n")),
    "wc": Tool(known=options("lwcmL", long="lines words bytes chars")),
    "grep": Tool(
        known=_GREP, before=1, instead=("-e", "--regexp"), deep=("-r", "--recursive")
    ),
    "egrep": Tool(known=_GREP, before=1, instead=("-e", "--regexp"), deep=("-r", "--recursive")),
    "fgrep": Tool(known=_GREP, before=1, instead=("-e", "--regexp"), deep=("-r", "--recursive")),
    "rg": Tool(
        known=_RG, kind="tree", before=1, instead=("-e", "--regexp", "--files"), here=True,
        filters=True, fixed=("--no-config",),
    ),
    "stat": Tool(known=options("Lt", "c", long="format= printf="), verb="list", least=1),
    "file": Tool(known=options("bi", long="brief mime mime-type"), least=1),
    "du": Tool(
        known=options("shack", "d", long="summarize human-readable max-depth= total apparent-size"),
        verb="list", kind="tree", here=True,
    ),
    "sort": Tool(known=options("nrufhVbgMRs", "kt", long="numeric-sort reverse unique key=")),
    "uniq": Tool(known=options("cdui", "fsw", long="count repeated unique"), most=1),
    "cut": Tool(known=options("sn", "dfbc", long="delimiter= fields= complement")),
    "rev": Tool(known=options()),
    "fold": Tool(known=options("s", "w")),
    "column": Tool(known=options("t", "s")),
    "paste": Tool(known=options("s", "d")),
    "comm": Tool(known=options("123"), least=2, most=2),
    "join": Tool(known=options("i", "t12"), least=2, most=2),
    "diff": Tool(
        known=options("uqrwbBiyN", "U", long="unified brief recursive ignore-all-space color="),
        kind="tree", least=2, most=2,
    ),
    "cmp": Tool(known=options("sl"), least=2, most=2),
    "od": Tool(known=options("cxv", "tANj")),
    "xxd": Tool(known=options("pu", "lsc"), most=1),
    "hexdump": Tool(known=options("Cv", "ns")),
    "strings": Tool(known=options("a", "n")),
    "md5sum": Tool(known=options("bt")),
    "sha1sum": Tool(known=options("bt")),
    "sha256sum": Tool(known=options("bt")),
    "sha512sum": Tool(known=options("bt")),
    "base64": Tool(known=options("di", "w", long="decode wrap="), most=1),
    "readlink": Tool(known=options("n"), verb="list", least=1),
    "mkdir": Tool(known=options("pv", long="parents"), verb="create", kind="directory", least=1),
    "rmdir": Tool(known=options("v"), verb="delete", kind="directory", least=1),
    "touch": Tool(known=options("acm"), verb="write", least=1),
    "rm": Tool(
        known=options("rRfvd", long="recursive force verbose dir"),
        verb="delete", deep=("-r", "-R", "--recursive"), least=1,
    ),
    "tee": Tool(known=options("a", long="append"), verb="write"),
    "truncate": Tool(known=options("", "s", long="size="), verb="write", least=1),
}  # fmt: skip

_COMPUTING: Final[Mapping[str, tuple[Options, int]]] = {
    "true": (options(), 0),
    "false": (options(), 0),
    "pwd": (options("LP"), 0),
    "date": (options("uIR", "d", long="utc iso-8601 rfc-3339= date="), 1),
    "whoami": (options(), 0),
    "id": (options("unGg"), 1),
    "groups": (options(), 1),
    "hostname": (options("fis"), 0),
    "uname": (options("asrmnpo", long="all"), 0),
    "arch": (options(), 0),
    "nproc": (options(long="all"), 0),
    "uptime": (options("ps"), 0),
    "df": (options("hTik", long="human-readable total"), 0),
    "free": (options("hmgkb", "sc", long="human mega giga"), 0),
    "ps": (options("efAx", "pou", long="sort= forest"), 1),
    "sleep": (options(), 1),
    "seq": (options("w", "sf"), 3),
    "basename": (options("a", "s", long="suffix="), 8),
    "dirname": (options("z"), 8),
    "tr": (options("dsc", long="delete squeeze-repeats complement"), 2),
    "which": (options("a"), 8),
    "cal": (options("13my"), 2),
    "tty": (options("s"), 0),
    "getconf": (options(), 1),
    "locale": (options("a"), 0),
}
"""Programs that name no file: their options, and how many further words they take."""


_ANY: Final = re.compile(r"[\s\S]*")
_FORMS: Final = {
    "date": re.compile(r"\+[\s\S]*"),  # any other word sets the clock
    "ps": re.compile(r"a?u?x?w{0,2}"),  # an `e` shows every environment, with its secrets
}


def _computing(words: Sequence[str], ground: Ground) -> Reading:
    del ground  # it reaches nothing
    known, most = _COMPUTING[words[0]]
    parsed = parse(words[1:], known)
    operands = [*parsed.operands, *(parsed.after_dashes or ())]
    if len(operands) > most or not all(map(_FORMS.get(words[0], _ANY).fullmatch, operands)):
        raise Unreadable("uncertain.operands", words[0])
    return runs([words[0], *written(parsed), *operands])


def _echo(words: Sequence[str], ground: Ground) -> Reading:
    """`echo` and `printf`: what follows is text. `printf -v` would set a variable."""
    del ground
    if words[0] == "printf" and (len(words) == 1 or words[1].startswith("-")):
        raise Unreadable("uncertain.option", "printf")
    return runs(words)


def _command(words: Sequence[str], ground: Ground) -> Reading:
    """`command -v NAME` says where a program lies; any other use runs it."""
    del ground
    if len(words) != 3 or words[1] not in {"-v", "-V"} or words[2].startswith("-"):  # noqa: PLR2004
        raise Unreadable("uncertain.shell_runner", "command")
    return runs(words)


FILES: Final[Mapping[str, Reader]] = {
    **{name: reader(tool) for name, tool in _TOOLS.items()},
    **dict.fromkeys(_COMPUTING, _computing),
    "echo": _echo,
    "printf": _echo,
    "command": _command,
    "find": _find,
    "cp": _copy,
    "mv": _move,
}
