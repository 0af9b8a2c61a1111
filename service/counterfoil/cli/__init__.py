"""The command line: `counterfoil COMMAND …`.

Each command is one module with `register(subparsers)`, which adds its parser, and
`run(args) -> int`. Only the module of the command that was typed is imported, so that
`counterfoil token` does not pay for the server.

Exit codes: 0 good, 1 a finding, 2 usage, 78 configuration (EX_CONFIG of sysexits.h).
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from counterfoil.errors import ConfigError, CounterfoilError

EXIT_GOOD = 0
EXIT_FINDING = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78

SubParsers = argparse._SubParsersAction  # noqa: SLF001  # argparse gives this type no public name

_COMMANDS: dict[str, str] = {
    "serve": "run the service: HTTP, OPA and the ledger writer, under one parent",
    "keys": "make the service's own keys, for a deployment without --dev",
    "ledger": "make the tables of a ledger on PostgreSQL, or go on after a loss",
    "login": "log in as a person and run an agent's program with the agent's token",
    "token": "mint a development token: who asks, through which agent",
    "policy": "test, check and build the Rego policy",
    "actors": "show the registered agents, their ceilings and their launchers",
    "approvals": "read and answer what waits for a person",
    "explain": "say what would be decided about an action, and why; records nothing",
    "resource": "take a snapshot of a resource, or find what everybody may do there",
    "issuer": "run an issuer: scoped credentials at one real system",
    "revoke": "end a person's, an agent's, a run's or a token's rights, at once",
    "export": "write records into a file that anybody can check",
    "evidence": "write a folder for an auditor: what was decided in a period, and by whom",
    "erase": "erase a person from the record; it still verifies",
    "hold": "keep a person's data, or everything, from erasure and retention",
    "retention": "drop what was said longer ago than the configuration keeps it",
    "tail": "watch decisions, approvals and outcomes as they are recorded",
    "trail": "show the whole story of one job, or what observe mode let run",
    "anchor": "write the signed checkpoints of all logs as one small file to keep elsewhere",
    "prove": "make one file that proves one record, and shows no more than you choose",
    "verify": "check a ledger, trusting nothing but its public key",
}
"""Name → one line for `counterfoil --help`; the module is `counterfoil.cli.<name>`."""

_DESCRIPTION = """\
Counterfoil decides, before an AI agent acts, whether this person, through this agent,
may do exactly this; asks for exactly the permissions that the action needs; and keeps
a record that nobody can quietly change.
"""

_EPILOG = """\
first steps:
  counterfoil serve --dev                             start everything on 127.0.0.1:8282
  counterfoil token --sub alice --group developers --agent coder
                                                      a bearer token to try it with
  counterfoil explain --arguments '{…}'               what would be decided, and why
  counterfoil policy test                             run the policy's own tests
  counterfoil approvals list --sub bob --group database-admins
                                                      what waits for bob's answer
  counterfoil tail                                    watch what is decided
  counterfoil trail dec_…                             what was asked, decided and done
  counterfoil verify                                  is the ledger whole?

All commands take --config FILE. Without it: counterfoil.toml if there is one, else the
defaults; a variable COUNTERFOIL_SERVER__LISTEN overrides server.listen, and so on.
`counterfoil COMMAND --help` tells the rest.

exit codes: 0 good, 1 a finding, 2 usage, 78 configuration
"""


class _Command(Protocol):
    """What a module in this package offers."""

    def register(self, subparsers: SubParsers[argparse.ArgumentParser]) -> None:
        """Add the command's parser."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the result is the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    typed = next((word for word in arguments if not word.startswith("-")), None)
    parser, command = _parser(typed)
    if typed is None and not arguments:
        parser.print_help()
        return EXIT_USAGE
    args = parser.parse_args(arguments)
    run = cast("Callable[[argparse.Namespace], int]", getattr(args, "run", None) or command)
    try:
        return run(args)
    except ConfigError as error:
        _report(error)
        return EXIT_CONFIG
    except CounterfoilError as error:
        _report(error)
        return EXIT_FINDING
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as a shell would say it
    except BrokenPipeError:
        sys.stderr.close()  # the reader (`| head`) went away: nothing to say, nobody to hear it
        return EXIT_GOOD


def _parser(
    typed: str | None,
) -> tuple[argparse.ArgumentParser, Callable[[argparse.Namespace], int] | None]:
    """The parser, with only the typed command's module imported; and that module's `run`."""
    parser = argparse.ArgumentParser(
        prog="counterfoil",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    run = None
    for name, summary in _COMMANDS.items():
        if name == typed:
            module = cast("_Command", importlib.import_module(f"counterfoil.cli.{name}"))
            module.register(subparsers)
            run = module.run
        else:
            subparsers.add_parser(name, help=summary)
    return parser, run


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: metadata costs 20 ms at each start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        metadata = importlib.import_module("importlib.metadata")
        print(f"counterfoil {metadata.version('counterfoil')}")
        parser.exit(EXIT_GOOD)


def _report(error: CounterfoilError) -> None:
    """Say what is wrong, where, and what to do about it."""
    where = f"{error.pointer}: " if error.pointer else ""
    detail = error.detail or error.title
    print(f"counterfoil: {where}{detail}", file=sys.stderr)
    print(f"  {error.solution}", file=sys.stderr)
