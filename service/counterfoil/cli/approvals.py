"""`counterfoil approvals`: a person answers, having read the exact action.

Talks to the service over HTTP like anybody else, with a person's own token. Everything that
an agent or a command said is printed with control characters escaped, and what agents say of
themselves is marked as their word.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.approval_client import ServiceClient, add_credential_arguments, credential
from counterfoil.cli.approval_similar import add_similar_arguments, similar
from counterfoil.cli.fatigue import add_fatigue_arguments
from counterfoil.cli.text import compact, items, members, shown
from counterfoil.config import find_config, load_config
from counterfoil.core.model import JsonObject, JsonValue

_LABEL_CHARACTERS = 12
_EPILOG = """\
in development:
  counterfoil approvals list --sub bob --group database-admins
  counterfoil approvals approve apr_… --sub bob --group database-admins --comment "go ahead"
  counterfoil approvals approve apr_… --similar sql:old_1=prefix:old_ --uses 5 --within 600 …
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `approvals` to the command line."""
    parser = subparsers.add_parser(
        "approvals",
        help="read and answer what waits for a person",
        description="Show actions that wait for a person, and answer as that person.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(
        dest="what", metavar="list|show|approve|deny|end|fatigue", required=True
    )
    for name, summary in (
        ("list", "what waits for this person's answer"),
        ("show", "one approval: the exact action and who answered"),
        ("approve", "let the action run, once"),
        ("deny", "refuse the action"),
        ("end", "end what was approved in advance with this approval"),
    ):
        one = actions.add_parser(name, help=summary, description=summary)
        if name != "list":
            one.add_argument("id", metavar="ID", help="the approval's id, apr_…")
        if name == "approve":
            add_similar_arguments(one)
        if name in {"approve", "deny"}:
            one.add_argument("--comment", help="said to the agent, and recorded")
            one.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        elif name != "end":
            one.add_argument("--json", action="store_true", help="print what the service says")
        add_credential_arguments(one, deed="answer")
    parser.set_defaults(run=run)
    summary = "how often each rule asks, and whether anybody ever says no"
    add_fatigue_arguments(actions.add_parser("fatigue", help=summary, description=summary + "."))


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: there is no credential, or no usable key.
    """
    config = load_config(find_config(args.config), os.environ, dev=args.sub is not None)
    token = credential(args.token_file, args.sub, args.group, config.keys.directory)
    client = ServiceClient(args.url or f"http://{config.server.listen}", token)
    if args.what == "list":
        return _list(client, as_json=args.json)
    if args.what == "end":
        return _end(client, args.id)
    answer = client.get(f"/approvals/{args.id}")
    if answer.status != 200:  # noqa: PLR2004 -- HTTP
        return _refused(answer.body)
    if args.what == "show":
        print(json.dumps(answer.body) if args.json else _told(answer.body))
        return EXIT_GOOD
    return _answer(client, args, answer.body)


def _list(client: ServiceClient, *, as_json: bool) -> int:
    answer = client.get("/approvals")
    if answer.status != 200:  # noqa: PLR2004 -- HTTP
        return _refused(answer.body)
    found = [members(item) for item in items(answer.body.get("approvals"))]
    if as_json:
        print(json.dumps(answer.body))  # ASCII: what agents said may hold a terminal's commands
    elif not found:
        print("Nothing waits for an answer.")
    else:
        print("\n\n".join(_told(item) for item in found))
    return EXIT_GOOD


def _answer(client: ServiceClient, args: argparse.Namespace, approval: JsonObject) -> int:
    print(_told(approval))
    if not args.yes:
        if not sys.stdin.isatty():
            print("counterfoil approvals: nobody is asked here; add --yes", file=sys.stderr)
            return EXIT_USAGE
        if input(f"\n{args.what} exactly this? [y/N] ").strip().lower() not in {"y", "yes"}:
            print("Nothing was answered.")
            return EXIT_FINDING
    # The digest of what was shown: another action under this id would be refused.
    body = {"answer": args.what, "action_digest": approval.get("action_digest")}
    if args.what == "approve" and args.similar:
        body["similar"] = similar(args.similar, uses=args.uses, seconds=args.within)
    if args.comment is not None:
        body["comment"] = args.comment
    answer = client.post(f"/approvals/{args.id}/answer", body)
    if answer.status != 200:  # noqa: PLR2004 -- HTTP
        return _refused(answer.body)
    print(f"\nAnswered: {args.what}. The approval is {shown(str(answer.body.get('status')))}.")
    return EXIT_GOOD


def _end(client: ServiceClient, approval_id: str) -> int:
    answer = client.post(f"/approvals/{approval_id}/similar/end", {})
    if answer.status != 200:  # noqa: PLR2004 -- HTTP
        return _refused(answer.body)
    left = members(answer.body.get("similar"))
    print(f"Ended. It was used {left.get('used')} times of {left.get('uses')}.")
    return EXIT_GOOD


def _refused(problem: JsonObject) -> int:
    detail = f" ({problem['detail']})" if problem.get("detail") else ""
    print(f"counterfoil approvals: {shown(str(problem.get('title')) + detail)}", file=sys.stderr)
    print(f"  {shown(str(problem.get('solution', '')))}", file=sys.stderr)
    return EXIT_FINDING


def _told(approval: JsonObject) -> str:
    lines = [f"{shown(str(approval.get('id')))}: {shown(str(approval.get('status')))}"]
    lines += [f"  {label:<{_LABEL_CHARACTERS}} {shown(text)}" for label, text in _lines(approval)]
    return "\n".join(lines)


def _lines(approval: JsonObject) -> Iterator[tuple[str, str]]:
    subject, actor = members(approval.get("subject")), members(approval.get("actor"))
    yield "person", f"{subject.get('sub')} ({subject.get('iss')})"
    if actor:
        yield "agent", f"{actor.get('sub')} ({actor.get('iss')}), run {approval.get('run')}"
    yield from _action(approval)
    prompt = members(approval.get("prompt"))
    if prompt.get("text") is not None:
        word = "of the run" if prompt.get("source") == "run" else "as the agent tells it"
        yield "prompt", f"{prompt.get('text')}  ({word})"
    if approval.get("task") is not None:
        yield "task", f"{approval['task']}  (as the agent tells it)"
    for item in map(members, items(approval.get("reasons"))):
        yield "reason", f"{item.get('code')}: {item.get('title')}"
    groups = ", ".join(map(str, items(approval.get("approvers"))))
    yield "approvers", f"{approval.get('quorum')} of {groups}"
    if approval.get("each_from"):
        yield "one each of", ", ".join(map(str, items(approval.get("each_from"))))
    template = members(approval.get("similar"))
    if template:
        state = "ended" if template.get("ended") else f"until {template.get('until')}"
        yield "similar", f"used {template.get('used')} of {template.get('uses')}, {state}"
        for hole in items(template.get("holes")):
            yield "hole", compact(hole)
    for item in map(members, items(approval.get("answers"))):
        said = f": {item['comment']}" if item.get("comment") else ""
        who = members(item.get("person")).get("sub", "somebody who was erased")
        yield "answered", f"{item.get('answer')} by {who} at {item.get('answered_at')}{said}"
    yield "expires", str(approval.get("expires_at"))
    yield "digest", str(approval.get("action_digest"))


def _action(approval: JsonObject) -> Iterator[tuple[str, str]]:
    action, resource = members(approval.get("action")), members(approval.get("resource"))
    on = f" on {resource.get('type')} {resource.get('id')}" if resource else ""
    yield "action", f"{action.get('name')}{on}"
    asked = members(action.get("arguments"))
    runs = members(members(approval.get("execute")).get("arguments")) or asked
    for name, value in runs.items():
        yield name, _plain(value)
    if runs != asked:
        yield "asked as", compact(asked)
    for item in map(members, items(approval.get("operations"))):
        yield "operation", f"{item.get('verb')} {compact(item.get('object'))}"
    for permission in items(approval.get("permissions")):
        yield "permission", compact(permission)


def _plain(value: JsonValue) -> str:
    return value if isinstance(value, str) else compact(value)
