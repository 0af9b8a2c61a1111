"""`counterfoil explain`: what would be decided about an action, and why. Records nothing.

The tools, readers, policy and measure of permissions are the service's own, run here on the
same configuration: what it says of an action is what `POST /authorize` would say.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from counterfoil.app_readers import build_catalog, build_catalogues, build_reader
from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.explain_because import because_json
from counterfoil.cli.explain_decision import (
    Recorded,
    decision_json,
    decision_text,
    is_decision_id,
    recorded_decision,
)
from counterfoil.cli.explain_text import printed
from counterfoil.cli.explain_token import explain_token
from counterfoil.cli.explain_why import Asking
from counterfoil.cli.explainer import Explainer
from counterfoil.config import DEVELOPMENT_ISSUER, Config, find_config, load_config
from counterfoil.config_source import PREFIX
from counterfoil.core.case import reason_json
from counterfoil.core.explanation import explanation_json
from counterfoil.core.grant import GrantTerms
from counterfoil.core.model import (
    Actor,
    Caller,
    Effect,
    JsonObject,
    Reason,
    Subject,
)
from counterfoil.errors import ConfigError, RequestError
from counterfoil.flows.explain import Explained, ExplainFlow
from counterfoil.policy.evidence import PolicyCopy
from counterfoil.policy.local import local_opa
from counterfoil.policy.server import find_opa
from counterfoil.policy.tools import OpaTool
from counterfoil.system import RandomIds, SystemClock

CACHE_FOLDER: Final = "explain"  # within server.run_directory
_CHUNK: Final = 64  # lines in one go: four full groups for the reader and for policy
_POLICY_SECONDS: Final = (
    10.0  # for people and corpora; the service's own limit is policy.timeout_ms
)
_LIFETIME_SECONDS: Final = 900.0

_DESCRIPTION = """\
Say what the service would decide about an action and why: what each part of the text causes,
the permissions that it needs, the rule and the data that decided, and the smallest change of
command or policy that would be allowed. Nothing is recorded and nothing is granted.

Without a configuration file the development tools and policy are used, and unless --sub says
otherwise it is alice of group developers who asks, through the agent coder.
"""
_EPILOG = """\
examples:
  counterfoil explain --arguments '{"database": "orders", "sql": "SELECT id FROM public.invoices"}'
  counterfoil explain change.sql --arguments '{"database": "orders"}'
  counterfoil explain dec_01KB…                a recorded decision, and whether today's would differ
  counterfoil explain token FILE               which rule refuses a token, and why; - for stdin
  counterfoil explain --lines corpus.jsonl     one JSON object {tool, arguments} a line, one out

exit codes: 0 explained, 1 a token that is refused, 2 usage, 78 configuration
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `explain` to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="say what would be decided about an action, and why",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="the command's text; - for stdin; or a recorded decision's id, dec_…",
    )
    parser.add_argument(
        "token", nargs="?", metavar="TOKEN-FILE", help="after the word `token`: explain this token"
    )
    parser.add_argument(
        "--login", action="store_true", help="with a token: judge it as POST /token would"
    )
    parser.add_argument("--tool", default="run_sql", help="the tool's name (default: run_sql)")
    parser.add_argument("--arguments", metavar="JSON", help="the tool's arguments, as an object")
    parser.add_argument("--lines", metavar="FILE", help="explain each line's {tool, arguments}")
    parser.add_argument(
        "--why",
        action="store_true",
        help="with --lines: also what decided each, and what would be allowed instead",
    )
    parser.add_argument("--sub", help="the person")
    parser.add_argument("--group", action="append", help="a group of the person; repeat for more")
    parser.add_argument("--agent", help="the agent that acts")
    parser.add_argument("--issuer", help="who vouches for person and agent")
    parser.add_argument("--json", action="store_true", help="print JSON, one line an action")
    parser.add_argument(
        "--details", action="store_true", help="with JSON: also details and what is required"
    )
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain; returns the exit code.

    Raises:
        ConfigError: the configuration or the policy cannot be used.
        CounterfoilError: the one action asked about cannot be judged at all.
    """
    config = configuration(args)
    if args.file == "token" and args.token is not None:
        return explain_token(args.token, config, as_source=args.login)
    problem = _misuse(args)
    if problem:
        print(f"counterfoil explain: {problem}", file=sys.stderr)
        return EXIT_USAGE
    recorded = None
    if is_decision_id(args.file):
        recorded = recorded_decision(config, args.file)
        if recorded is None:
            print(f"counterfoil explain: there is no decision {args.file}", file=sys.stderr)
            return EXIT_FINDING
    with asking_of(config, recorded.caller if recorded else _caller(config, args)) as asking:
        if recorded is not None:
            _decision(recorded, asking, args)
            return EXIT_GOOD
        explainer = Explainer.of(asking.flow, config, asking.caller)
        if args.lines is not None:
            return _lines(explainer, asking if args.why else None, args)
        return _one(explainer, asking, config, args)


@contextmanager
def asking_of(config: Config, caller: Caller) -> Iterator[Asking]:
    """The service's own tools, readers and policy, run here until the block ends.

    Raises:
        ConfigError: the configuration or the policy cannot be used.
    """
    # The reader's children are tied to this thread, and OPA is started before any other runs.
    with local_opa(config.policy, config.server.run_directory / CACHE_FOLDER) as local:
        catalogues = build_catalogues(config, SystemClock())
        reader = build_reader(config, SystemClock(), catalogues)
        try:
            flow = ExplainFlow(
                clock=SystemClock(),
                ids=RandomIds(),
                catalog=build_catalog(config),
                interpreter=reader,
                policy=local.engine,
                policy_timeout_seconds=_POLICY_SECONDS,
                grant_terms=GrantTerms(issuer=config.grant.issuer),
            )
            copy = PolicyCopy(local.bundle, config.policy.entrypoint, OpaTool(find_opa()))
            yield Asking(flow, copy, caller, catalogues)
        finally:
            reader.close()


def _decision(recorded: Recorded, asking: Asking, args: argparse.Namespace) -> None:
    if args.json:
        print(orjson.dumps(decision_json(recorded, asking)).decode())
    else:
        print(decision_text(recorded, asking, colour=sys.stdout.isatty()))


def configuration(args: argparse.Namespace) -> Config:
    """That of `--config`; without any, what `serve --dev` would run with.

    Raises:
        ConfigError: it cannot be used.
    """
    file = find_config(args.config)
    told = any(name.startswith(f"{PREFIX}IDENTITY") for name in os.environ)
    return load_config(file, os.environ, dev=file is None and not told)


def _misuse(args: argparse.Namespace) -> str | None:
    if args.token is not None:
        return "two files; write `counterfoil explain token FILE` for a token."
    if args.lines is not None and (args.file is not None or args.arguments is not None):
        return "--lines takes tool and arguments from its file alone."
    if args.lines is None and args.file is None and args.arguments is None:
        return "name a FILE, --arguments or --lines."
    if is_decision_id(args.file) and (args.arguments or args.sub or args.group or args.agent):
        return "a recorded decision has its own arguments, person and agent."
    return None


def _caller(config: Config, args: argparse.Namespace) -> Caller:
    """The person and agent whose rights are asked about; nobody is verified here."""
    development = config.development
    entries = {item.entry.issuer: item.entry for item in config.identity.oidc}
    issuer = args.issuer or (DEVELOPMENT_ISSUER if development else next(iter(entries), ""))
    sub, groups, agent = args.sub, args.group, args.agent
    if development:
        groups = groups if groups is not None else ([] if sub else ["developers"])
        sub, agent = sub or "alice", agent or "coder"
    return Caller(
        tenant=entries[issuer].tenant if issuer in entries else "default",
        subject=Subject(issuer=issuer, sub=sub or "nobody", groups=tuple(groups or ())),
        actor=Actor(issuer=issuer, sub=agent) if agent else None,
        run_id=None,
        prompt_digest=None,
        expires_at=SystemClock().now() + _LIFETIME_SECONDS,
    )


def _lines(explainer: Explainer, asking: Asking | None, args: argparse.Namespace) -> int:
    try:
        with open(0 if args.lines == "-" else args.lines, "rb") as file:  # noqa: PTH123 -- stdin too
            lines = iter(file)
            while chunk := [line.rstrip(b"\r\n") for line in islice(lines, _CHUNK)]:
                for item in explainer.explained(chunk):
                    sys.stdout.buffer.write(orjson.dumps(_json(item, args, asking)) + b"\n")
                sys.stdout.buffer.flush()
    except OSError as error:
        raise ConfigError(f"{args.lines} cannot be read ({error.strerror})") from error
    return EXIT_GOOD


def _one(explainer: Explainer, asking: Asking, config: Config, args: argparse.Namespace) -> int:
    line = _line(config, args)
    (item,) = explainer.explained([line])
    if isinstance(item, RequestError):
        if not args.json:
            raise item
        print(orjson.dumps(_json(item, args)).decode())
        return EXIT_FINDING
    if args.json:
        print(orjson.dumps(_json(item, args, asking)).decode())
    else:
        print(printed(item, asking.why(item), colour=sys.stdout.isatty()))
    return EXIT_GOOD


def _line(config: Config, args: argparse.Namespace) -> bytes:
    """The request of the command line: `--arguments`, and the file as the mapped command."""
    arguments = args.arguments or "{}"
    if args.file is None:
        return b'{"tool":%b,"arguments":%b}' % (orjson.dumps(args.tool), arguments.encode())
    mapping = config.actions.get(args.tool)
    if mapping is None or mapping.command_argument is None:
        raise ConfigError(f"the tool {args.tool!r} has no command to read", pointer="action")
    try:
        given: Any = json.loads(arguments)
        # Bytes as they are: universal newlines would change what is judged.
        text = (
            sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
        ).decode()
    except (OSError, ValueError) as error:
        raise ConfigError(f"the command cannot be read: {error}") from error
    if not isinstance(given, dict):
        raise ConfigError("--arguments is not an object")
    return orjson.dumps({"tool": args.tool, "arguments": {**given, mapping.command_argument: text}})


def _json(
    item: Explained | RequestError, args: argparse.Namespace, asking: Asking | None = None
) -> JsonObject:
    if isinstance(item, Explained):
        value = explanation_json(item.case, item.decision, details=args.details)
        return value if asking is None else {**value, **because_json(asking.why(item))}
    reason = Reason(code=item.code, title=item.detail or item.title, solution=item.solution)
    return {
        "effect": Effect.DENY.value,
        "reasons": [reason_json(reason)],
        "operations": [],
        "uncertain": [],
        "permissions": [],
        "ambient": [],
    }
