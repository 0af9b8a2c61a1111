"""Which refs of which repository a command changes, by its words alone."""

from __future__ import annotations

import pytest

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.git import read_git
from counterfoil.core.model import Resource
from words import API, AROUND, SHOP, git_call

URL = API.location


def changes(line: str) -> list[tuple[str, object]]:
    reading = read_git(line.split(), AROUND)
    return [(item.verb, item.object.get("ref")) for item in reading.operations]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("main", [("update", "refs/heads/main")]),
        ("refs/heads/main", [("update", "refs/heads/main")]),
        ("HEAD:refs/heads/topic", [("update", "refs/heads/topic")]),
        ("HEAD:topic", [("update", "refs/heads/topic")]),
        ("HEAD~1:topic", [("update", "refs/heads/topic")]),
        ("main:refs/tags/v1", [("update", "refs/tags/v1")]),
        ("tag v1", [("update", "refs/tags/v1")]),
        ("refs/tags/v1", [("update", "refs/tags/v1")]),
        ("+main", [("force", "refs/heads/main")]),
        ("--force main a:b", [("force", "refs/heads/main"), ("force", "refs/heads/b")]),
        ("--force-with-lease main", [("force", "refs/heads/main")]),
        ("main +a", [("update", "refs/heads/main"), ("force", "refs/heads/a")]),
        (":topic", [("delete", "refs/heads/topic")]),
        ("-d topic", [("delete", "refs/heads/topic")]),
        ("--delete refs/tags/v1", [("delete", "refs/tags/v1")]),
        ("-u main", [("update", "refs/heads/main")]),
        ("-fq main", [("force", "refs/heads/main")]),
        ("refs/notes/x", [("update", "refs/notes/x")]),
    ],
)
def test_a_push_touches_the_refs_that_it_names(words: str, found: list[tuple[str, object]]) -> None:
    options = [word for word in words.split() if word.startswith("-")]
    names = [word for word in words.split() if not word.startswith("-")]
    line = " ".join(("git push", *options, URL, *names))
    assert changes(line) == found
    assert changes(line.replace(URL, "origin")) == found


def test_a_push_needs_one_right_for_each_ref() -> None:
    reading = git_call(f"git push {URL} main :old")
    assert reading.required == (
        {
            "type": "git",
            "locations": [URL],
            "object": "ref",
            "identifier": "refs/heads/main",
            "actions": ["update"],
            "operations": [0],
        },
        {
            "type": "git",
            "locations": [URL],
            "object": "ref",
            "identifier": "refs/heads/old",
            "actions": ["delete"],
            "operations": [1],
        },
    )


def test_what_runs_is_written_out_and_carries_no_code_of_the_repository() -> None:
    reading = git_call(["git", "push", "-f", "origin", "main"])
    assert reading.execute is not None
    words = reading.execute.arguments["command"]
    assert isinstance(words, list)
    assert words[-2:] == [URL, "+refs/heads/main:refs/heads/main"]
    for switched in ("core.hooksPath=/dev/null", "credential.helper=", "--no-follow-tags"):
        assert switched in words
    assert reading.execute.session == {
        "environment": {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "https",
        },
        "credential": {"host": "git.example.com", "path": "/acme/api.git"},
    }


def test_a_lease_is_no_plus() -> None:
    words = read_git(f"git push --force-with-lease=main:abc1234 {URL} main".split(), AROUND).words
    assert "--force-with-lease=main:abc1234" in words
    assert words[-1] == "refs/heads/main:refs/heads/main"
    with pytest.raises(Unreadable, match="git_ref"):
        read_git(f"git push --force-with-lease=other {URL} main".split(), AROUND)


def test_origin_is_the_registered_repository_where_there_is_one_alone() -> None:
    other = Resource(type="git", id="web", location="https://git.example.com/acme/web.git")
    two = type(AROUND)(resources=(API, other), roots=AROUND.roots, cwd=AROUND.cwd)
    with pytest.raises(Unreadable, match="git_repository"):
        read_git(["git", "push", "origin", "main"], two)
    assert read_git(f"git push {URL} main".split(), two).words[-2] == URL  # control


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        ("git status -sb", "inspect"),
        ("git log --oneline -5", "inspect"),
        ("git diff HEAD~1..HEAD -- src", "inspect"),
        ("git show HEAD", "inspect"),
        ("git branch", "inspect"),
        ("git branch -a", "inspect"),
        ("git branch topic", "branch"),
        ("git branch -d topic", "discard"),
        ("git tag v1", "branch"),
        ("git add -A", "stage"),
        ("git add src/a.py", "stage"),
        ("git commit -am text", "commit"),
        ("git commit --amend --no-edit", "commit"),
        ("git checkout -b topic", "switch"),
        ("git checkout topic", "switch"),
        ("git switch -c topic", "switch"),
        ("git restore src/a.py", "discard"),
        ("git reset --hard HEAD~1", "discard"),
        ("git stash pop", "discard"),
        ("git merge --ff-only topic", "merge"),
        ("git rm -r old", "discard"),
        ("git init", "init"),
        ("git rev-parse --abbrev-ref HEAD", "inspect"),
    ],
)
def test_work_in_a_folder_is_one_operation_on_it(line: str, verb: str) -> None:
    reading = read_git(line.split(), AROUND)
    (operation,) = reading.operations
    assert operation.verb == verb
    assert operation.object == {"kind": "worktree", "root": "shop", "path": "."}
    assert operation.details["assumes"] == ["clean-git-configuration"]
    assert "core.hooksPath=/dev/null" in reading.words
    session = reading.session["environment"]
    assert isinstance(session, dict)
    assert session["GIT_CEILING_DIRECTORIES"] == "/srv/data"


@pytest.mark.parametrize(
    ("line", "verbs"),
    [
        (f"git clone {URL}", ["read", "clone"]),
        (f"git clone --depth 1 -b main {URL} api2", ["read", "clone"]),
        ("git fetch origin main", ["read", "fetch"]),
        ("git fetch --prune origin", ["read", "fetch"]),
        ("git pull --ff-only origin main", ["read", "merge"]),
        ("git ls-remote --heads origin", ["read"]),
    ],
)
def test_a_repository_that_is_read_is_named_beside_the_folder(line: str, verbs: list[str]) -> None:
    reading = read_git(line.split(), AROUND)
    assert [item.verb for item in reading.operations] == verbs
    (permission,) = reading.required
    assert (permission["object"], permission["actions"]) == ("repository", ["read"])


def test_a_tool_on_a_folder_works_there_and_reaches_no_repository() -> None:
    assert git_call("git status", SHOP).operations[0].verb == "inspect"
    assert not git_call(f"git push {URL} main", SHOP).required
