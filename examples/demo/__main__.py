"""`make demo`: everything is started, told, checked and stopped from here."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from demo.database import NAME
from demo.errors import DemoError
from demo.page import Page
from demo.postgresql import postgresql, programs_of
from demo.processes import free_port
from demo.service import CONFIG, MADE_HERE, is_ready, service

ROOT = Path(__file__).resolve().parents[2]
EXIT_GOOD, EXIT_NOT_AS_TOLD, EXIT_INTERRUPTED = 0, 1, 130
_DESCRIPTION = """\
A real AutoGen team on a real PostgreSQL, and a real Counterfoil that judges each of its actions.
What the demo tells it has checked; where something is not so, it ends with exit code 1.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Tell the story; the exit code."""
    args = _arguments(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` wants to be left alone
            signal.signal(number, _leave)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # it is a text file
    page = Page(sys.stdout)
    started = time.monotonic()
    try:
        with _own_folder(args.folder) as folder:
            logging.basicConfig(filename=folder / "demo.log", level=logging.WARNING)
            dropped = _tell(page, folder, args)
            _close(page, args, dropped, time.monotonic() - started)
    except DemoError as error:
        _explain(error, args.folder)
        return EXIT_NOT_AS_TOLD
    except KeyboardInterrupt:
        Page(sys.stderr).text("demo: stopped, with all that it had started.")
        return EXIT_INTERRUPTED
    return EXIT_GOOD


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=_DESCRIPTION)
    folder, program = ROOT / "var" / "demo", ROOT / ".venv" / "bin" / "counterfoil"
    parser.add_argument("--folder", type=Path, default=folder, help="for ledger, keys and logs")
    parser.add_argument("--policy", type=Path, help="another policy: where does the story differ?")
    parser.add_argument("--counterfoil", type=Path, default=program, help="the program")
    return parser.parse_args(words)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)  # through all `finally`: what was started is stopped


@contextmanager
def _own_folder(folder: Path) -> Iterator[Path]:
    """An empty folder of this demo alone; what an earlier one left in it goes.

    Raises:
        DemoError: another demo is using it, or it holds something else.
    """
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            remedy = "Wait until it has ended, or name another --folder."
            raise DemoError(f"another demo is running in {folder}", remedy=remedy) from error
        if folder.exists():
            if not _made_here(folder):
                remedy = "Name another --folder, one that is empty or new."
                raise DemoError(f"{folder} holds something that is not of a demo", remedy=remedy)
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        yield folder.resolve()


def _made_here(folder: Path) -> bool:
    config = folder / CONFIG
    return not any(folder.iterdir()) or (
        config.exists() and config.read_text("utf-8").startswith(MADE_HERE)
    )


def _tell(page: Page, folder: Path, args: argparse.Namespace) -> str:
    """Start both servers, tell the story, stop them; the decision about the drop.

    Raises:
        DemoError: something cannot be started, or is not as told.
    """
    page.text("Counterfoil: the demo", "title")
    autogen = f"autogen-agentchat {version('autogen-agentchat')}"
    page.text(
        f"A real AutoGen team ({autogen}) works on a real PostgreSQL, and a real Counterfoil judges"
        " each of its actions before it runs. Only the model is replayed, so that the story is the"
        " same each time. Each tick was checked in PostgreSQL, in the record or in the answers;"
        " where one fails, the demo fails."
    )
    page.gap()
    started, port = time.monotonic(), free_port()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterfoil-demo-")))
        asked, serving = stack.enter_context(
            service(
                args.counterfoil,
                folder=folder,
                scratch=scratch,
                location=f"postgresql://127.0.0.1:{port}/{NAME}",
                policy=args.policy,
            )
        )
        log = folder / "postgresql.log"
        programs = programs_of(ROOT / ".venv" / "bin" / "python")
        database = stack.enter_context(postgresql(programs, port=port, scratch=scratch, log=log))
        _say_started(page, f"PostgreSQL {database.version()} on port {port}", started)
        from demo import evidence, scenes  # noqa: PLC0415  # AutoGen loads as the service starts

        serving.wait_until(lambda: is_ready(asked))
        _say_started(page, f"counterfoil serve --dev on port {asked.port}", started)
        os.environ["ORDERS_DSN"] = database.tool_dsn
        try:
            told = asyncio.run(scenes.Story(page, database, asked).tell())
            evidence.show_trail(page, asked, told.injected)
            evidence.show_ledger(page, asked, told.dropped)
        except DemoError:
            for child in (serving, database.child):
                child.hold()  # where one has died, that is the matter
            raise
    return told.dropped


def _say_started(page: Page, what: str, started: float) -> None:
    page.line("started", f"{what}  ({time.monotonic() - started:.1f} s)", "quiet")


def _close(page: Page, args: argparse.Namespace, dropped: str, seconds: float) -> None:
    folder, program = _shown(args.folder), _shown(args.counterfoil)
    page.gap()
    page.text(f"All of it holds. {seconds:.1f} s.", "title")
    page.gap()
    page.text("Look further: the drop's trail, the team as one file to copy, your own service.")
    page.command(f"{program} trail --config {folder / CONFIG} {dropped}")
    page.command(f"less {_shown(ROOT / 'examples' / 'sql_team.py')}")
    page.command("make run")


def _shown(path: Path) -> Path:
    """A path as it can be typed here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _explain(error: DemoError, folder: Path) -> None:
    page = Page(sys.stderr)
    page.gap()
    page.text(f"demo: {error}", "bad")
    page.quote(error.shown)
    if error.remedy:
        page.text(error.remedy)
    if (folder / CONFIG).exists():
        page.text(f"Its logs are in {_shown(folder)}.")


if __name__ == "__main__":
    sys.exit(main())
