"""What `revoke`, `erase` and `hold` have in common: an administrator's order over HTTP."""

from __future__ import annotations

import argparse
import os
import sys

from counterfoil.cli import EXIT_FINDING
from counterfoil.cli.approval_client import Answered, ServiceClient, credential
from counterfoil.cli.text import shown
from counterfoil.config import DEVELOPMENT_ISSUER, Config, find_config, load_config
from counterfoil.core.model import JsonObject

OK = 200


def configured(args: argparse.Namespace) -> Config:
    """The configuration of a command that speaks as a person.

    Raises:
        ConfigError: it cannot be used.
    """
    return load_config(find_config(args.config), os.environ, dev=args.sub is not None)


def issuer_of_people(args: argparse.Namespace, config: Config) -> str | None:
    """The one that is said, else the only one that is configured."""
    if args.issuer is not None:
        return str(args.issuer)
    if config.development:
        return DEVELOPMENT_ISSUER
    known = {item.entry.subject_issuer for item in config.identity.oidc}
    return known.pop() if len(known) == 1 else None


def send(args: argparse.Namespace, config: Config, path: str, body: JsonObject) -> Answered:
    """One order, with the administrator's own token.

    Raises:
        ConfigError: there is no credential, or no service.
    """
    token = credential(args.token_file, args.sub, args.group, config.keys.directory)
    client = ServiceClient(args.url or f"http://{config.server.listen}", token)
    return client.post(path, body)


def refused(command: str, problem: JsonObject) -> int:
    """Say what the service says, and what to do; the exit code."""
    detail = f" ({problem['detail']})" if problem.get("detail") else ""
    said = shown(f"{problem.get('title')}{detail}")
    print(f"counterfoil {command}: {said}", file=sys.stderr)
    print(f"  {shown(str(problem.get('solution', '')))}", file=sys.stderr)
    return EXIT_FINDING
