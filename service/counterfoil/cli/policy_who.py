"""The command lines of `counterfoil policy who-can | what-can`; `policy_reach.py` runs them.

Apart from it, because what an author of policy types most often does not pay for the imports.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from counterfoil.cli import SubParsers

_WHO: Final = """\
Ask the policy who may take one action: each group that holds a role, through each agent that
does. What is printed is what the service would answer them. Where no group alone is enough,
the fewest groups are named whose member would be. Nothing is recorded.
"""
_WHO_EPILOG: Final = """\
example:
  counterfoil policy who-can --tool run_sql \\
      --arguments '{"database": "orders", "sql": "DROP TABLE public.users"}'

exit codes: 0 somebody may, or may with an approval; 1 nobody; 2 usage, 78 configuration
"""
_WHAT: Final = """\
List what policy's data lets a person of these groups do through an agent: the most that they
get. Rules that deny, limits and a tenant's own packages narrow each action further;
`counterfoil explain` judges one.
"""
_WHAT_EPILOG: Final = """\
examples:
  counterfoil policy what-can --group developers --agent coder
  counterfoil policy what-can --group developers --agent coder --family database --json

exit codes: 0 something, 1 nothing, 2 usage, 78 configuration
"""


def register(commands: SubParsers[argparse.ArgumentParser], run: Callable[..., int]) -> None:
    """Add both commands below `policy`; `run` is that of the whole group."""
    who = _command(commands, "who-can", "who may take one action", _WHO, _WHO_EPILOG)
    who.add_argument("--tool", default="run_sql", help="the tool's name (default: run_sql)")
    who.add_argument("--arguments", metavar="JSON", required=True, help="its arguments, an object")
    who.set_defaults(run=run, policy_command=_who_can)
    what = _command(commands, "what-can", "what a group may do, at most", _WHAT, _WHAT_EPILOG)
    what.add_argument("--group", action="append", required=True, help="repeat for more")
    what.add_argument("--agent", required=True, help="the agent's name")
    what.add_argument("--issuer", help="who vouches for the agent (default: any in the data)")
    what.add_argument("--family", help="of this family alone, such as database")
    what.set_defaults(run=run, policy_command=_what_can)
    for command in (who, what):
        command.add_argument("--tenant", default="default", help="default: default")
        command.add_argument("--json", action="store_true", help="one JSON document a line")
        command.add_argument("--config", type=Path, help="the configuration file")


def _command(
    commands: SubParsers[argparse.ArgumentParser], name: str, summary: str, what: str, epilog: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=what,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _who_can(args: argparse.Namespace) -> int:
    from counterfoil.cli.policy_reach import who_can  # noqa: PLC0415

    return who_can(args)


def _what_can(args: argparse.Namespace) -> int:
    from counterfoil.cli.policy_reach import what_can  # noqa: PLC0415

    return what_can(args)
