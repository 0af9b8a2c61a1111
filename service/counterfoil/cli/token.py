"""`counterfoil token`: mints a delegation token, of the development issuer or of `--key`.

Standard output holds the token and nothing else, so it can be pasted into a command.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from pathlib import Path

from counterfoil.cli import EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.config import DEVELOPMENT_ISSUER, find_config, load_config
from counterfoil.core.canonical import digest
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.identity.signing import DELEGATION_TYPE, Es256Signer
from counterfoil.keys import DELEGATION_KEY_FILE, load_es256_key

MAX_TTL_SECONDS = 900  # a delegation token lives at most 15 minutes
ID_BYTES = 13


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `token` to the command line."""
    parser = subparsers.add_parser(
        "token",
        help="mint a delegation token for development",
        description="Mint a token that says: this agent acts for this person, in this run.",
    )
    parser.add_argument("--sub", required=True, help="the person")
    parser.add_argument("--group", action="append", default=[], help="a group; repeat for more")
    parser.add_argument("--agent", help="the agent that acts (none: the person's own token)")
    parser.add_argument("--run", help="the run's id (default: a new one)", dest="run_id")
    parser.add_argument("--prompt", help="the prompt that opened the run; its digest goes in")
    parser.add_argument(
        "--ttl", type=_ttl, default=MAX_TTL_SECONDS, metavar="SECONDS", help="at most 900"
    )
    parser.add_argument("--key", type=Path, help="another issuer's P-256 key (PEM)")
    parser.add_argument("--issuer", help="with --key: that issuer's `iss`")
    parser.add_argument("--audience", default="counterfoil", help="the `aud`")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one token; returns the exit code.

    Raises:
        ConfigError: there is no usable key.
    """
    problem = _misuse(args)
    if problem:
        print(f"counterfoil token: {problem}", file=sys.stderr)
        return EXIT_USAGE
    key = load_es256_key(args.key or _development_key(args.config))
    claims = _claims(args, now=int(time.time()))  # noqa: TID251 -- a command has its own clock
    print(Es256Signer(key, typ=DELEGATION_TYPE).sign(claims))
    who = f"agent {args.agent} for {args.sub}" if args.agent else f"{args.sub}, without an agent"
    print(f"{who}; valid {args.ttl} s. Send it as: Authorization: Bearer …", file=sys.stderr)
    return EXIT_GOOD


def _misuse(args: argparse.Namespace) -> str | None:
    if (args.key is None) != (args.issuer is None):
        return "--key and --issuer go together."
    if args.agent is None and (args.run_id or args.prompt is not None):
        return "--run and --prompt belong to an agent's run. Add --agent."
    return None


def _development_key(config: Path | None) -> Path:
    settings = load_config(find_config(config), os.environ, dev=True)
    return settings.keys.directory / DELEGATION_KEY_FILE


def _claims(args: argparse.Namespace, *, now: int) -> JsonObject:
    issuer = args.issuer or DEVELOPMENT_ISSUER
    claims: dict[str, JsonValue] = {
        "iss": issuer,
        "sub": args.sub,
        "aud": args.audience,
        "iat": now,
        "nbf": now,
        "exp": now + args.ttl,
        "jti": f"tok_{secrets.token_hex(ID_BYTES)}",
        "groups": args.group,
    }
    if args.agent is not None:
        claims["act"] = {"iss": issuer, "sub": args.agent}
        claims["run"] = args.run_id or f"run_{secrets.token_hex(ID_BYTES)}"
    if args.prompt is not None:
        claims["prompt_digest"] = digest(args.prompt.encode("utf-8"))
    return claims


def _ttl(text: str) -> int:
    seconds = int(text)
    if not 1 <= seconds <= MAX_TTL_SECONDS:
        raise argparse.ArgumentTypeError(f"write 1 to {MAX_TTL_SECONDS} seconds")
    return seconds
