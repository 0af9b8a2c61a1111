"""git where it works on a folder: what is read or changed there, and whose code must not run.

A repository's own configuration names programs: hooks, a file system monitor, an external diff,
a pager, a signer. Each has an option that turns it off, and what runs carries them all. A filter
driver has none: `assumes: clean-git-configuration`, and `session` says what the runner pins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.actions.argv import Around, Options, Parsed, Reading, grammar, parse, written
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.git.refs import Repository, branch_name, revision
from counterfoil.core.actions.roots import Place, resolve_word
from counterfoil.core.model import JsonObject, JsonValue, Operation

ASSUMES: Final = ("clean-git-configuration",)
QUIET: Final = (
    "--no-pager",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.editor=false",
    "-c",
    "log.showSignature=false",
    "-c",
    "submodule.recurse=false",
    "-c",
    "gc.auto=0",
)
"""No pager, hook, monitor, editor or signer, nothing in a submodule, nothing in the background."""
_NO_DRIVERS: Final = ("--no-ext-diff", "--no-textconv")


def worktree(verb: str, place: Place | None, *, names: Sequence[str] = ()) -> Operation:
    """An operation on the repository of a folder.

    Raises:
        Unreadable: the folder is not known.
    """
    if place is None:
        raise Unreadable("uncertain.git_folder")
    details: dict[str, JsonValue] = {"assumes": list(ASSUMES)}
    if names:
        details["names"] = list(names)
    return Operation(
        family="git",
        verb=verb,
        object={"kind": "worktree", "root": place.root.id, "path": place.relative},
        details=details,
    )


def session(around: Around, repository: Repository | None = None) -> JsonObject:
    """What a runner holds to: no configuration but the repository's, none above the root.

    The credential is bounded to one host and repository; nothing is asked on a terminal.
    """
    environment = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https",
    }
    if around.cwd is not None and around.cwd.root.parts[:-1]:
        # The repository is looked for upwards: never above the root (git(1)).
        environment["GIT_CEILING_DIRECTORIES"] = "/" + "/".join(around.cwd.root.parts[:-1])
    found: dict[str, JsonValue] = {"environment": environment}
    if repository is not None:
        found["credential"] = {"host": repository.host, "path": repository.path}
    return found


Names = Callable[[Parsed, Around], tuple[str, ...]]


def _no_names(said: Parsed, around: Around) -> tuple[str, ...]:
    del around
    if said.operands or said.after_dashes:
        raise Unreadable("uncertain.operands", "no further word is read here")
    return ()


def _revisions_and_paths(said: Parsed, around: Around) -> tuple[str, ...]:
    """Revisions before `--`, paths behind it; a range is two revisions."""
    for word in said.operands:
        for part in word.split("..."):
            for name in part.split(".."):
                revision(name)
    # With `--` no word is both: a file of a branch's name is no branch.
    return (*said.operands, "--", *_written_paths(said.after_dashes or (), around))


def _only_paths(said: Parsed, around: Around) -> tuple[str, ...]:
    return ("--", *_written_paths((*said.operands, *(said.after_dashes or ())), around))


def _some_paths(said: Parsed, around: Around) -> tuple[str, ...]:
    if not (said.operands or said.after_dashes):
        raise Unreadable("uncertain.operands", "a path is needed")
    return _only_paths(said, around)


def _written_paths(words: Sequence[str], around: Around) -> tuple[str, ...]:
    """Whole paths; `--literal-pathspecs` keeps git from reading a pattern in one."""
    return tuple(resolve_word(word, around.roots, around.cwd).absolute for word in words)


def _branches(said: Parsed, around: Around) -> tuple[str, ...]:
    """A new or an old branch, and where a new one starts."""
    del around
    if said.after_dashes is not None or len(said.operands) > 2:  # noqa: PLR2004
        raise Unreadable("uncertain.operands", "a branch, and where it starts")
    for option in ("-b", "--create"):
        new = said.value(option)
        if new is not None:
            branch_name(new)
    return tuple(
        revision(name) if index else branch_name(name) for index, name in enumerate(said.operands)
    )


def _checked_out(said: Parsed, around: Around) -> tuple[str, ...]:
    """A branch to go to, never a file to restore: that is what `--` behind it says."""
    names = _branches(said, around)
    return names if said.has("-b") else (*names, "--")


def _revisions(said: Parsed, around: Around) -> tuple[str, ...]:
    del around
    if said.after_dashes is not None:
        raise Unreadable("uncertain.operands", "revisions alone are read here")
    return tuple(revision(name) for name in said.operands)


def _reset_to(said: Parsed, around: Around) -> tuple[str, ...]:
    return (*_revisions(said, around), "--")


def _stash(said: Parsed, around: Around) -> tuple[str, ...]:
    del around
    if said.after_dashes is not None or said.operands not in _STASHES:
        raise Unreadable("uncertain.operands", "git stash list, push, pop or apply")
    return said.operands or ("push",)


_STASHES: Final = ((), ("list",), ("push",), ("pop",), ("apply",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """One command: what it does, its closed options, its words, and what is always added."""

    verb: str
    options: Options
    names: Names
    always: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()  # options without which an editor or a prompt opens


_HISTORY: Final = grammar(
    "--oneline --stat --graph --all --decorate --no-merges --merges --name-only --name-status "
    "--reverse --first-parent --patch --no-patch --shortstat --numstat --cached --staged "
    "--summary --follow --no-color --word-diff --ignore-all-space",
    "--max-count --since --until --after --before --author --grep --skip --unified",
    "--date --pretty --abbrev",
    number="--max-count", n="--max-count", p="--patch", U="--unified",
    w="--ignore-all-space", s="--no-patch",
)  # fmt: skip
_COMMIT: Final = grammar(
    "--all --amend --no-edit --allow-empty --quiet --signoff --no-verify --verbose",
    "--message", "", m="--message", a="--all", q="--quiet", s="--signoff", n="--no-verify",
)  # fmt: skip
LOCAL: Final[Mapping[str, Local]] = {
    "status": Local(
        verb="inspect",
        options=grammar("--short --branch --porcelain --long --show-stash", s="--short",
                         b="--branch"),
        names=_only_paths, always=("--ignore-submodules=dirty",),
    ),
    "log": Local(verb="inspect", options=_HISTORY, names=_revisions_and_paths,
                 always=_NO_DRIVERS),
    "show": Local(verb="inspect", options=_HISTORY, names=_revisions_and_paths,
                  always=_NO_DRIVERS),
    "diff": Local(verb="inspect", options=_HISTORY, names=_revisions_and_paths,
                  always=(*_NO_DRIVERS, "--ignore-submodules=dirty", "--no-color")),
    "rev-parse": Local(
        verb="inspect",
        options=grammar("--show-toplevel --abbrev-ref --short --verify --is-inside-work-tree"),
        names=_revisions,
    ),
    "ls-files": Local(verb="inspect", options=grammar(
        "--cached --others --modified --deleted --exclude-standard --stage", c="--cached",
        o="--others", m="--modified", d="--deleted", s="--stage"), names=_only_paths),
    "describe": Local(verb="inspect", options=grammar("--tags --always --long --dirty"),
                      names=_revisions),
    "reflog": Local(verb="inspect", options=grammar("--all"), names=_no_names),
    "remote": Local(verb="inspect", options=grammar("--verbose", v="--verbose"),
                    names=_no_names),
    "add": Local(verb="stage", options=grammar("--all --update --verbose --intent-to-add",
                 A="--all", u="--update", v="--verbose", N="--intent-to-add"), names=_only_paths),
    "rm": Local(verb="discard", options=grammar("--cached --quiet --force -r", r="-r", q="--quiet",
                f="--force"), names=_some_paths),
    "commit": Local(verb="commit", options=_COMMIT, names=_no_names,
                    always=("--no-verify", "--no-gpg-sign"),
                    needs=frozenset({"--message", "--no-edit"})),
    "switch": Local(verb="switch", options=grammar("--quiet", "--create", c="--create",
                    q="--quiet"), names=_branches,
                    always=("--no-recurse-submodules", "--no-guess")),
    "checkout": Local(verb="switch", options=grammar("--quiet", "-b", b="-b", q="--quiet"),
                      names=_checked_out, always=("--no-recurse-submodules", "--no-guess")),
    "branch": Local(verb="branch", options=grammar(
        "--list --all --remotes --verbose --show-current --delete -D", D="-D", a="--all",
        r="--remotes", v="--verbose", d="--delete"), names=_branches),
    "tag": Local(verb="branch", options=grammar("--list --annotate --delete", "--message",
                 m="--message", a="--annotate", l="--list", d="--delete"), names=_branches,
                 always=("--no-sign",)),
    "restore": Local(verb="discard", options=grammar("--staged --worktree --quiet", S="--staged",
                     W="--worktree", q="--quiet"), names=_some_paths,
                     always=("--no-recurse-submodules",)),
    "reset": Local(verb="discard", options=grammar("--hard --soft --mixed --quiet", q="--quiet"),
                   names=_reset_to, always=("--no-recurse-submodules",)),
    "merge": Local(verb="merge", options=grammar("--ff-only --no-ff --squash --abort --no-edit"),
                   names=_revisions),
    "stash": Local(verb="discard", options=grammar(""), names=_stash),
    "init": Local(verb="init", options=grammar("--quiet --bare", q="--quiet"), names=_no_names,
                  always=("--template=",)),
}  # fmt: skip
"""What is read of git beside the commands that reach a repository."""
_LISTS: Final = frozenset({"--list", "--all", "--remotes", "--verbose", "--show-current"})


def local(name: str, words: Sequence[str], around: Around) -> Reading:
    """Read a command that reaches no other repository.

    Raises:
        Unreadable: it is not in the table, or a word of it is not sure.
    """
    known = LOCAL.get(name)
    if known is None:
        raise Unreadable("uncertain.git_command", name[:64])
    said = parse(words, known.options)
    if known.needs and not said.has(*known.needs):
        raise Unreadable("uncertain.option", " or ".join(sorted(known.needs)))
    names = known.names(said, around)
    operation = worktree(_verb(known, said), around.cwd, names=said.operands)
    always = tuple(word for word in known.always if not said.has(word))
    return Reading(
        operations=(operation,),
        words=("git", "--literal-pathspecs", *QUIET, name, *always, *written(said), *names),
        session=session(around),
    )


def _verb(known: Local, said: Parsed) -> str:
    """Listing branches or tags changes nothing; deleting one takes something away."""
    if known.verb != "branch":
        return known.verb
    if said.has("--delete", "-D"):
        return "discard"
    return "inspect" if not said.operands or said.has(*_LISTS) else "branch"
