"""`counterfoil approvals`: a person reads the exact action and answers once."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from approval_story import ADMINS, CREATE, OTHER, Desk, approving_service, fresh
from counterfoil.cli import main

BOB = ("--sub", "bob", "--group", ADMINS)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("command")) as service:
        yield Desk(service)


@pytest.fixture
def command(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `counterfoil approvals …` beside the service; exit code, output, complaints."""
    monkeypatch.chdir(desk.service.folder)
    for name, value in desk.service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["approvals", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_person_reads_and_approves(desk: Desk, command: Run) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    code, listed, _ = command("list", *BOB)
    assert code == 0
    assert approval["id"] in listed
    code, shown, _ = command("show", approval["id"], *BOB)
    assert code == 0
    for part in (CREATE, "alice", "coder", "create", "pending", approval["action_digest"]):
        assert part in shown
    assert "(as the agent tells it)" in shown
    code, said, _ = command("approve", approval["id"], *BOB, "--yes", "--comment", "go ahead")
    assert code == 0
    assert CREATE in said
    assert "approved" in said
    seen = desk.view(approval["id"], token)
    assert (seen["status"], seen["comment"]) == ("approved", "go ahead")
    assert desk.ask(token, approval=approval["id"])["effect"] == "allow"


def test_a_person_approves_similar_actions_in_advance_and_ends_that(
    desk: Desk, command: Run
) -> None:
    token = fresh(desk)
    approval = desk.opened(token, "DROP TABLE scratch.old_1")
    hole, bounds = "sql:old_1=prefix:old_", ("--uses", "2", "--within", "60")
    for wrong in ("sql:old_1", "sql:old_1=regex:.*", "sql:old_1=number:5"):
        code, _, said = command("approve", approval["id"], *BOB, "--yes", "--similar", wrong)
        assert (code, "--similar" in said) == (78, True)
    assert command("approve", approval["id"], *BOB, "--yes", "--similar", hole, *bounds)[0] == 0
    assert desk.ask(token, "DROP TABLE scratch.old_2")["approval"]["status"] == "approved"
    assert "used 1 of 2" in command("show", approval["id"], *BOB)[1]
    code, said, _ = command("end", approval["id"], *BOB)
    assert (code, said) == (0, "Ended. It was used 1 times of 2.\n")
    assert desk.ask(token, "DROP TABLE scratch.old_3")["approval"]["status"] == "pending"


def test_a_person_denies(desk: Desk, command: Run) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    assert command("deny", approval["id"], *BOB, "--yes")[0] == 0
    assert desk.view(approval["id"], token)["status"] == "denied"


def test_machines_get_what_the_service_says(desk: Desk, command: Run) -> None:
    approval = desk.opened(fresh(desk))
    shown = json.loads(command("show", approval["id"], *BOB, "--json")[1])
    assert shown == desk.view(approval["id"], desk.person())
    listed = json.loads(command("list", *BOB, "--json")[1])
    assert shown in listed["approvals"]


def test_without_a_terminal_nothing_is_answered_unless_told_so(desk: Desk, command: Run) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    code, _, complaint = command("approve", approval["id"], *BOB)
    assert code == 2
    assert "--yes" in complaint
    assert desk.view(approval["id"], token)["status"] == "pending"
    assert command("approve", approval["id"], *BOB, "--yes")[0] == 0


@pytest.mark.parametrize(
    ("typed", "status"), [("y", "approved"), ("n", "pending"), ("", "pending")]
)
def test_on_a_terminal_one_confirms_what_one_reads(
    desk: Desk, command: Run, monkeypatch: pytest.MonkeyPatch, typed: str, status: str
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    token = fresh(desk)
    approval = desk.opened(token)
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    code, said, _ = command("approve", approval["id"], *BOB)
    assert code == (0 if status == "approved" else 1)
    assert said.index(CREATE) < said.index("[y/N]")
    assert desk.view(approval["id"], token)["status"] == status


def test_who_may_not_answer_is_told_why(desk: Desk, command: Run) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    alice = ("--sub", "alice", "--group", ADMINS)
    code, _, complaint = command("approve", approval["id"], *alice, "--yes")
    assert (code, "own" in complaint) == (1, True)
    eve = ("--sub", "eve", "--group", "developers")
    code, _, complaint = command("approve", approval["id"], *eve, "--yes")
    assert (code, "no such" in complaint) == (1, True)
    assert command("approve", approval["id"], *BOB, "--yes")[0] == 0  # the control
    code, _, complaint = command("approve", approval["id"], *BOB, "--yes")
    assert (code, "answered already" in complaint) == (1, True)
    assert len(desk.view(approval["id"], token)["answers"]) == 1


def test_a_token_of_a_file_or_of_the_environment_will_do(
    desk: Desk, command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(desk.person() + "\n")
    one, two = desk.opened(fresh(desk)), desk.opened(fresh(desk), OTHER)
    assert command("approve", one["id"], "--token-file", str(file), "--yes")[0] == 0
    monkeypatch.setenv("COUNTERFOIL_TOKEN", desk.person())
    assert command("approve", two["id"], "--yes")[0] == 0
    monkeypatch.setenv("COUNTERFOIL_TOKEN", desk.service.token("bob", (ADMINS,)))
    code, _, complaint = command("deny", desk.opened(fresh(desk))["id"], "--yes")
    assert (code, "no such" in complaint) == (1, True)  # an agent does not even see it
    monkeypatch.delenv("COUNTERFOIL_TOKEN")
    code, _, complaint = command("list")
    assert (code, "credential" in complaint) == (78, True)


def test_what_agents_say_cannot_repaint_the_terminal(desk: Desk, command: Run) -> None:
    approval = desk.opened(fresh(desk), prompt="fine\x1b[2J\x1b]0;title\x07\r\u202eevil\x9b2J")
    for arguments in (("show", approval["id"]), ("list",)):
        for form in ((), ("--json",)):
            said = command(*arguments, *form, *BOB)[1]
            assert "fine" in said
            assert not {"\x1b", "\x07", "\r", "\u202e", "\x9b"} & set(said)


@pytest.mark.parametrize(
    "url",
    ["http://example.com:8282", "ftp://127.0.0.1", "127.0.0.1:8282", "http://[::1", "file:///"],
)
def test_a_token_goes_nowhere_it_could_be_read(command: Run, url: str) -> None:
    code, _, complaint = command("list", *BOB, "--url", url)
    assert code == 78
    assert "--url" in complaint


def test_a_service_that_is_not_there_is_a_plain_complaint(command: Run) -> None:
    code, _, complaint = command("list", *BOB, "--url", "http://127.0.0.1:9")
    assert code == 78
    assert "Traceback" not in complaint


def test_the_trail_tells_the_approval(
    desk: Desk, command: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    desk.answer(approval, desk.person(), comment="agreed")
    granted = desk.ask(token, approval=approval["id"])["decision_id"]
    assert main(["trail", approval["decision_id"]]) == 0
    text = capsys.readouterr().out
    for part in ("approval_requested", "approve: agreed", "bob", f"used by      {granted}"):
        assert part in text
