"""git where it reaches a repository: push, fetch, pull, clone, ls-remote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.argv import Around, Parsed, Reading, grammar, parse, written
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.git.local import ASSUMES, session, worktree
from counterfoil.core.actions.git.refs import (
    Refspec,
    Repository,
    branch_name,
    full_ref,
    named_repository,
    refspecs,
    revision,
)
from counterfoil.core.actions.roots import resolve_word
from counterfoil.core.model import JsonObject, Operation, Permission

QUIET: Final = (
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "credential.helper=",
    "-c",
    "http.followRedirects=false",
    "-c",
    "push.pushOption=",
    "-c",
    "submodule.recurse=false",
    "-c",
    "gc.auto=0",
)
"""What the repository's own configuration must not add: hooks, helpers, options, redirects."""
_PUSH: Final = grammar(
    "--force --force-if-includes --delete --dry-run --atomic --porcelain --quiet --verbose "
    "--progress --no-progress --no-verify --set-upstream --thin --no-thin",
    "", "--force-with-lease",
    f="--force", d="--delete", n="--dry-run", q="--quiet", v="--verbose", u="--set-upstream",
)  # fmt: skip
_LS_REMOTE: Final = grammar(
    "--heads --tags --refs --quiet --exit-code --symref", h="--heads", t="--tags", q="--quiet"
)
_CLONE: Final = grammar(
    "--quiet --verbose --progress --single-branch --no-single-branch --no-tags --bare "
    "--no-checkout --no-recurse-submodules",
    "--depth --branch", q="--quiet", v="--verbose", b="--branch", n="--no-checkout",
)  # fmt: skip
_FETCH: Final = grammar(
    "--quiet --verbose --tags --no-tags --prune --dry-run --progress", "--depth",
    q="--quiet", v="--verbose", t="--tags", p="--prune",
)  # fmt: skip
_PULL: Final = grammar(
    "--quiet --verbose --ff-only --no-rebase --rebase --no-edit --tags",
    q="--quiet",
    v="--verbose",
    r="--rebase",
)


def push(words: Sequence[str], around: Around) -> Reading:
    """Read `git push`: which refs of which repository are updated, forced or deleted.

    Raises:
        Unreadable: repository, refs or options are not sure.
    """
    said = _plain(parse(words, _PUSH))
    if not said.operands:
        raise Unreadable("uncertain.git_repository", "no repository is named")
    repository = named_repository(said.operands[0], around.resources)
    found = refspecs(said.operands[1:], force=said.has("--force"), delete=said.has("--delete"))
    # A lease is written as such, never as `+`, which would override it (git-push(1)).
    lease = said.has("--force-with-lease")
    _check_leases(said, found)
    dropped = {"--force", "--delete", "--set-upstream"}
    options = [word for word in written(said) if word not in dropped]
    operations = tuple(_change(repository, item, lease=lease) for item in found)
    return Reading(
        operations=operations,
        required=tuple(
            _permission(repository, item.verb, index, ref=str(item.object["ref"]))
            for index, item in enumerate(operations)
        ),
        words=(
            "git", *QUIET, "push", "--no-verify", "--no-follow-tags", "--no-signed",
            "--recurse-submodules=no", *(o for o in options if o != "--no-verify"),
            "--", repository.location, *(item.text for item in found),
        ),
        session=session(around, repository),
    )  # fmt: skip


def ls_remote(words: Sequence[str], around: Around) -> Reading:
    """Read `git ls-remote`: the names of a repository's refs.

    Raises:
        Unreadable: repository or options are not sure.
    """
    said = _plain(parse(words, _LS_REMOTE))
    if not said.operands:
        raise Unreadable("uncertain.git_repository", "no repository is named")
    repository = named_repository(said.operands[0], around.resources)
    names = tuple(revision(name) for name in said.operands[1:])
    run = ("git", *QUIET, "ls-remote", *written(said), "--", repository.location, *names)
    return _reading(repository, run, around)


def clone(words: Sequence[str], around: Around) -> Reading:
    """Read `git clone`: a repository into a folder beneath a root.

    Raises:
        Unreadable: repository, folder or options are not sure.
    """
    said = _plain(parse(words, _CLONE))
    if not 1 <= len(said.operands) <= 2:  # noqa: PLR2004 -- the repository and the folder
        raise Unreadable("uncertain.operands", "git clone URL [FOLDER]")
    repository = named_repository(said.operands[0], around.resources)
    _check_depth(said)
    branch = said.value("--branch")
    if branch is not None:
        branch_name(branch)
    last = repository.path.rpartition("/")[2].removesuffix(".git")
    folder = resolve_word(said.operands[1] if said.operands[1:] else last, around.roots, around.cwd)
    run = (
        "git", *QUIET, "clone", "--template=", "--no-recurse-submodules",
        *(word for word in written(said) if word != "--no-recurse-submodules"),
        "--", repository.location, folder.absolute,
    )  # fmt: skip
    return _reading(repository, run, around, worktree("clone", folder))


def fetch(words: Sequence[str], around: Around) -> Reading:
    """Read `git fetch`: a repository is read, and refs beside the working tree are written.

    Raises:
        Unreadable: repository, refs or options are not sure.
    """
    said = _plain(parse(words, _FETCH))
    if not said.operands:
        raise Unreadable("uncertain.git_repository", "no repository is named")
    repository = named_repository(said.operands[0], around.resources)
    _check_depth(said)
    refs = tuple(full_ref(name) for name in said.operands[1:])
    run = (
        "git", *QUIET, "fetch", "--no-recurse-submodules", "--no-auto-maintenance",
        *written(said), "--", repository.location, *refs,
    )  # fmt: skip
    return _reading(repository, run, around, worktree("fetch", around.cwd))


def pull(words: Sequence[str], around: Around) -> Reading:
    """Read `git pull REPOSITORY BRANCH`: it is fetched and merged.

    Raises:
        Unreadable: repository, branch or options are not sure.
    """
    said = _plain(parse(words, _PULL))
    if len(said.operands) != 2:  # noqa: PLR2004 -- otherwise the configuration says which
        raise Unreadable("uncertain.git_repository", "name the repository and the branch")
    repository = named_repository(said.operands[0], around.resources)
    ref = full_ref(said.operands[1])
    run = (
        "git", *QUIET, "-c", "core.editor=false", "pull", "--no-recurse-submodules", "--no-edit",
        "--no-gpg-sign", *(word for word in written(said) if word != "--no-edit"),
        "--", repository.location, ref,
    )  # fmt: skip
    return _reading(repository, run, around, worktree("merge", around.cwd))


def _plain(said: Parsed) -> Parsed:
    """Words behind `--` are operands too, once no option can follow."""
    if said.after_dashes is None:
        return said
    return Parsed(
        options=said.options, operands=(*said.operands, *said.after_dashes), after_dashes=None
    )


def _check_depth(said: Parsed) -> None:
    depth = said.value("--depth")
    if depth is not None and not (depth.isascii() and depth.isdigit() and len(depth) < 10):  # noqa: PLR2004
        raise Unreadable("uncertain.option", "--depth")


def _check_leases(said: Parsed, found: Sequence[Refspec]) -> None:
    """`--force-with-lease=REF:COMMIT` names a ref that is pushed; more it may not name."""
    for name, value in said.options:
        if name != "--force-with-lease" or value is None:
            continue
        ref, _, expected = value.partition(":")
        if expected:
            revision(expected)
        if full_ref(ref) not in {item.destination for item in found}:
            raise Unreadable("uncertain.git_ref", value[:128])


def _change(repository: Repository, item: Refspec, *, lease: bool) -> Operation:
    verb = "delete" if not item.source else "force" if item.force or lease else "update"
    return Operation(
        family="git",
        verb=verb,
        object={**_target(repository), "kind": "ref", "ref": item.destination},
        details={"source": item.source, "assumes": list(ASSUMES)},
    )


def _reading(
    repository: Repository, run: tuple[str, ...], around: Around, *local: Operation
) -> Reading:
    read = Operation(
        family="git", verb="read", object=_target(repository), details={"assumes": list(ASSUMES)}
    )
    return Reading(
        operations=(read, *local),
        required=(_permission(repository, "read", 0),),
        words=run,
        session=session(around, repository),
    )


def _target(repository: Repository) -> dict[str, str]:
    return {
        "kind": "repository",
        "repository": repository.id,
        "host": repository.host,
        "path": repository.path,
    }


def _permission(
    repository: Repository, verb: str, index: int, *, ref: str | None = None
) -> Permission:
    where: JsonObject = {"object": "repository"} if ref is None else {
        "object": "ref", "identifier": ref,
    }  # fmt: skip
    return {
        "type": "git",
        "locations": [repository.location],
        **where,
        "actions": [verb],
        "operations": [index],
    }
