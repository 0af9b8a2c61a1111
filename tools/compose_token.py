"""Opens a run at the deployment of `compose.yaml`, as a person's launcher does; prints its token.

The issuer of `make compose-keys` stands for the identity provider, and vouches for the person.
The launcher exchanges that token at `POST /token`; what is printed is all that an agent needs.

    tools/compose_token.py --prompt "Add an invoices table" [--sub alice --group developers]
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from pathlib import Path

from compose_keys import FOLDER, ISSUER, LAUNCHER_KEY

from counterfoil.cli.login_exchange import Launcher
from counterfoil.cli.login_http import LoginFailed, Web
from counterfoil.core.grant import TOKEN_EXCHANGE
from counterfoil.core.token_request import TokenType
from counterfoil.errors import ConfigError
from counterfoil.identity.signing import DELEGATION_TYPE, Es256Signer
from counterfoil.keys import DELEGATION_KEY_FILE, load_es256_key

SERVICE = "https://counterfoil.compose.internal"  # its own name, whatever its address is
LAUNCHER = "launcher"
SECONDS = 900


def main() -> int:
    """Print a token; the exit code."""
    parser = argparse.ArgumentParser(description="Open a run, as a person's launcher does.")
    parser.add_argument("--url", default="http://127.0.0.1:8282", help="where it is published")
    parser.add_argument("--sub", default="alice", help="the person")
    parser.add_argument("--group", default="developers", help="their group")
    parser.add_argument("--agent", default="coder", help="the agent that will act")
    parser.add_argument("--prompt", help="what the person asks for; recorded once, as theirs")
    args = parser.parse_args()
    try:
        print(opened(args, FOLDER))
    except (ConfigError, LoginFailed) as error:
        print(f"compose-token: {error}", file=sys.stderr)
        return 1
    return 0


def opened(args: argparse.Namespace, folder: Path) -> str:
    """A delegation token of a new run.

    Raises:
        ConfigError: there are no keys: `make compose-keys` makes them.
        LoginFailed: the service gave none.
    """
    now = time.time()  # noqa: TID251 -- a command has its own clock
    launcher = Launcher(
        id=LAUNCHER, signer=Es256Signer(load_es256_key(folder / LAUNCHER_KEY), typ="JWT")
    )
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": person(folder, args.sub, args.group, now=int(now)),
        "subject_token_type": TokenType.ACCESS_TOKEN.value,
        "agent": args.agent,
        **({} if args.prompt is None else {"prompt": args.prompt}),
        **launcher.credential(SERVICE, now=now),
    }
    answer = Web().post(f"{args.url}/token", form)
    if not answer.ok:
        why = answer.word("error_description") or f"HTTP {answer.status}"
        raise LoginFailed(f"the service gave no token: {why}", "See its log.")
    return answer.word("access_token")


def person(folder: Path, sub: str, group: str, *, now: int) -> str:
    """What the identity provider says of a person.

    Raises:
        ConfigError: the issuer's key cannot be used.
    """
    key = load_es256_key(folder / "issuer" / DELEGATION_KEY_FILE)
    return Es256Signer(key, typ=DELEGATION_TYPE).sign(
        {
            "iss": ISSUER,
            "sub": sub,
            "aud": "counterfoil",
            "groups": [group],
            "iat": now,
            "exp": now + SECONDS,
            "jti": secrets.token_urlsafe(12),
        }
    )


if __name__ == "__main__":
    sys.exit(main())
