"""What real git does with the words that are run: the refs it touches are those that were read.

The remote side is a bare repository on this machine. A configuration outside of the repository
sends the registered URL there, as nothing but a test may: the words themselves name https alone.
"""

# ruff: noqa: S311, S607
# Seeded choices, so that a failure can be repeated; git is the machine's own.

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from counterfoil.core.actions.argv import Around
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.git import read_git
from counterfoil.core.actions.roots import Place, root_of
from counterfoil.core.model import Resource
from words import API

URL = API.location
NAMES = ("main", "topic", "v1", "both", "refs/heads/main", "refs/heads/new", "refs/tags/v1",
         "refs/heads/both", "HEAD", "refs/notes/n")  # fmt: skip
OPTIONS = ("-f", "--force", "-u", "-q", "-d", "--delete", "--atomic", "--no-verify",
           "--force-with-lease", "--tags", "--all", "--mirror", "--follow-tags", "--prune",
           "-n", "--porcelain")  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """A work tree and the repository that it pushes to, both made anew for each push."""

    folder: Path

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def bare(self) -> Path:
        return self.folder / "bare.git"

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "GIT_TERMINAL_PROMPT": "0",
        }

    def run(self, words: Sequence[str], *, check: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.work, env=self.environment(), capture_output=True, text=True,
            timeout=30, check=check,
        )  # fmt: skip

    def refs(self) -> dict[str, str]:
        found = subprocess.run(
            ["git", f"--git-dir={self.bare}", "for-each-ref", "--format=%(refname) %(objectname)"],
            env=self.environment(), capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        return dict(line.split(" ") for line in found.stdout.splitlines())

    def around(self) -> Around:
        root = root_of(
            Resource(type="filesystem", id="work", location=f"file:{self.folder.as_posix()}")
        )
        return Around(resources=(API,), roots=(root,), cwd=Place(root=root, parts=("work",)))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A name `both` is a branch and a tag; `v1` is a tag alone; the remote lies one behind."""
    made = Bench(tmp_path_factory.mktemp("git"))
    made.work.mkdir()
    (made.folder / "gitconfig").write_text(
        f'[user]\n\tname = t\n\temail = t@example.com\n[url "file://{made.bare}"]\n'
        f"\tinsteadOf = {URL}\n[init]\n\tdefaultBranch = main\n[push]\n\tfollowTags = true\n",
        "utf-8",
    )
    for line in (
        "git init -q", "git commit -q --allow-empty -m one", "git branch topic", "git branch both",
        "git tag -a -m t v1", f"git clone -q --bare . {made.bare}", "git remote add origin " + URL,
        "git notes --ref n add -m n", "git commit -q --allow-empty -m two",
        "git tag -a -m b both", "git checkout -q both", "git commit -q --allow-empty -m three",
        "git checkout -q topic", "git commit -q --allow-empty -m four", f"git push -q {made.bare} topic:ahead",
        "git checkout -q main",
    ):  # fmt: skip
        made.run(line.split(), check=True)
    return made


def touched(bench: Bench, words: Sequence[str]) -> tuple[dict[str, str | None], int]:
    """The refs that a push changed, with what they are now; the repository is put back."""
    before = bench.refs()
    code = bench.run(words).returncode
    after = bench.refs()
    names = before.keys() | after.keys()
    changed = {name: after.get(name) for name in names if before.get(name) != after.get(name)}
    git = ["git", f"--git-dir={bench.bare}", "update-ref"]
    for name in changed:
        undo = [*git, name, before[name]] if name in before else [*git, "-d", name]
        bench.run(undo, check=True)
    assert bench.refs() == before
    return changed, code


def held(bench: Bench, words: list[str]) -> int | None:
    """Run what was read of the words; None where they are not sure."""
    try:
        reading = read_git(words, bench.around())
    except Unreadable:
        return None
    verbs = {str(item.object["ref"]): item.verb for item in reading.operations}
    changed, _ = touched(bench, reading.words)
    assert changed.keys() <= verbs.keys(), (words, changed)
    for name, now in changed.items():
        assert (now is None) == (verbs[name] == "delete"), (words, name)
    return len(changed)


PUSHES = {
    f"git push {URL} main": {"refs/heads/main"},
    "git push origin main": {"refs/heads/main"},
    f"git push {URL} HEAD:refs/heads/new": {"refs/heads/new"},
    f"git push {URL} both": {"refs/heads/both"},
    f"git push {URL} refs/tags/both": {"refs/tags/both"},
    f"git push {URL} tag both": {"refs/tags/both"},
    f"git push {URL} +topic:main": {"refs/heads/main"},
    f"git push -f {URL} topic:main": {"refs/heads/main"},
    f"git push {URL} :topic": {"refs/heads/topic"},
    f"git push --delete {URL} refs/tags/v1 topic": {"refs/tags/v1", "refs/heads/topic"},
    f"git push -d {URL} topic": {"refs/heads/topic"},
    f"git push {URL} main topic:new": {"refs/heads/main", "refs/heads/new"},
    f"git push -u {URL} main": {"refs/heads/main"},
}


@pytest.mark.parametrize("line", PUSHES)
def test_a_push_touches_exactly_what_was_read(bench: Bench, line: str) -> None:
    reading = read_git(line.split(), bench.around())
    assert {str(item.object["ref"]) for item in reading.operations} == PUSHES[line]
    assert set(touched(bench, reading.words)[0]) == PUSHES[line]


def test_a_branch_and_a_tag_of_one_name_is_the_branch(bench: Bench) -> None:
    """The original is refused as ambiguous, or pushes the tag; what runs pushes the branch."""
    bench.run(["git", "branch", "-D", "both"])
    try:
        original, _ = touched(bench, ["git", "push", URL, "both"])
        assert set(original) == {"refs/tags/both"}
        reading = read_git(["git", "push", URL, "both"], bench.around())
        changed, code = touched(bench, reading.words)
        assert (changed, code != 0) == ({}, True)  # there is no such branch: nothing happens
    finally:
        bench.run(["git", "branch", "both", "both~0"], check=True)
    assert set(touched(bench, reading.words)[0]) <= {"refs/heads/both"}  # control


def test_tags_that_a_configuration_adds_are_not_pushed(bench: Bench) -> None:
    line = ["git", "push", URL, "main"]
    assert set(touched(bench, line)[0]) > {"refs/heads/main"}  # push.followTags
    assert set(touched(bench, read_git(line, bench.around()).words)[0]) == {"refs/heads/main"}


def test_a_hook_of_the_repository_does_not_run(bench: Bench) -> None:
    mark = bench.folder / "mark"
    hook = bench.work / ".git/hooks/pre-push"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n", "utf-8")
    hook.chmod(0o755)
    line = ["git", "push", URL, "main"]
    try:
        touched(bench, read_git(line, bench.around()).words)
        assert not mark.exists()
        touched(bench, line)
        assert mark.exists()  # control: the original runs it
    finally:
        hook.unlink()
        mark.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("hook", "line"),
    [
        ("post-merge", f"git pull --no-rebase {URL} ahead"),
        ("post-commit", "git commit --allow-empty -m text"),
        ("post-checkout", "git checkout topic"),
    ],
)
def test_hooks_that_no_option_skips_do_not_run_either(bench: Bench, hook: str, line: str) -> None:
    mark, path = bench.folder / "hooked", bench.work / ".git/hooks" / hook
    path.write_text(f"#!/bin/sh\ntouch {mark}\n", "utf-8")
    path.chmod(0o755)
    before = bench.run(["git", "rev-parse", "main"], check=True).stdout.strip()
    try:
        assert bench.run(read_git(line.split(), bench.around()).words).returncode == 0
        assert not mark.exists()
        bench.run(["git", "checkout", "-q", "main"], check=True)
        bench.run(["git", "reset", "-q", "--hard", before], check=True)
        bench.run(line.split())
        assert mark.exists()  # control: the original runs it
    finally:
        path.unlink()
        mark.unlink(missing_ok=True)
        bench.run(["git", "checkout", "-q", "main"], check=True)
        bench.run(["git", "reset", "-q", "--hard", before], check=True)


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("core.fsmonitor", "git status"),
        ("diff.external", "git diff HEAD~1"),
        ("core.editor", "git commit --amend --no-edit --allow-empty"),
    ],
)
def test_a_program_of_the_repositorys_configuration_does_not_run(
    bench: Bench, setting: str, line: str
) -> None:
    mark, program = bench.folder / "ran", bench.folder / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n", "utf-8")
    program.chmod(0o755)
    (bench.work / "file").write_text(setting, "utf-8")
    bench.run(["git", "add", "file"], check=True)
    bench.run(["git", "config", setting, str(program)], check=True)
    try:
        assert bench.run(read_git(line.split(), bench.around()).words).returncode == 0
        assert not mark.exists()
        bench.run(line.replace("--no-edit ", "").split())
        assert mark.exists()  # control: the original runs it
    finally:
        bench.run(["git", "config", "--unset", setting], check=True)
        bench.run(["git", "rm", "-q", "-f", "--cached", "file"])
        mark.unlink(missing_ok=True)


def forms(seed: int, count: int) -> list[list[str]]:
    random = Random(seed)
    found = []
    for _ in range(count):
        options = random.sample(OPTIONS, random.choice((0, 0, 1, 1, 2)))
        specs = []
        for _ in range(random.choice((0, 1, 1, 1, 2))):
            source, target = random.choice(("", *NAMES)), random.choice(("", *NAMES))
            plus = random.choice(("", "", "+"))
            specs.append(plus + random.choice((source, f"{source}:{target}", f"{source}:{target}")))
        where = random.choice((URL, URL, "origin"))
        found.append(["git", "push", *options, where, *(spec for spec in specs if spec)])
    return found


def differential(bench: Bench, seed: int, count: int) -> tuple[int, int]:
    results = [held(bench, words) for words in forms(seed, count)]
    return sum(item is not None for item in results), sum(bool(item) for item in results)


def test_forms_of_a_push_touch_no_ref_that_was_not_read(bench: Bench) -> None:
    certain, changing = differential(bench, 9, 60)
    assert certain >= 15
    assert changing >= 8


@pytest.mark.prove
def test_many_forms_of_a_push_touch_no_ref_that_was_not_read(bench: Bench) -> None:
    certain, changing = differential(bench, 2026, 3_000)
    assert certain >= 700
    assert changing >= 300
