"""Makes what `compose.yaml` needs before its first start (`make compose-keys`).

What is there stays as it is.

    var/compose/issuer/           the issuer's key pair, to mint tokens with; no container sees it
    var/compose/launcher/         the launcher's key, by which it opens runs; as above
    var/compose/public/           the public halves of both, for the service
    var/compose/orders_password   of the login `orders_tool` of the target PostgreSQL
    the volume `keys`             the service's own keys, made where they stay

Containers run as accounts that this machine does not know. What they read is readable by all;
the folder above it is this account's alone, so nobody else here gets to it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

from docker_daemon import NoDockerError, answers, compose_command

from counterfoil.config_model import DELEGATION_JWKS_FILE
from counterfoil.errors import ConfigError
from counterfoil.keys import (
    DELEGATION_KEY_FILE,
    ensure_delegation_key,
    ensure_es256_key,
    jwks_document,
    public_jwk,
)

ROOT = Path(__file__).resolve().parent.parent
ISSUER = "https://issuer.compose.internal"  # the one of deploy/compose/counterfoil.toml
LAUNCHER_KEY = Path("launcher", "launcher.pem")
FOLDER = Path(os.environ.get("CF_KEYS", ROOT / "var" / "compose"))


def main() -> int:
    """Make what is missing, then say how to go on."""
    try:
        make_files(FOLDER)
        make_service_keys()
    except (ConfigError, NoDockerError, OSError) as error:
        print(f"compose-keys: {error}", file=sys.stderr)
        return 1
    print("Start it with `docker compose up --detach`. A token of a run for it:\n")
    print('  .venv/bin/python tools/compose_token.py --prompt "Add an invoices table"')
    return 0


def make_files(folder: Path) -> Path:
    """What lies on this machine; the path of the issuer's private key.

    Raises:
        ConfigError, OSError: the folder cannot be written.
    """
    public, password = folder / "public", folder / "orders_password"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    public.mkdir(exist_ok=True)
    public.chmod(0o755)
    ensure_delegation_key(folder / "issuer")
    published = (folder / "issuer" / DELEGATION_JWKS_FILE).read_bytes()
    _publish(public / "issuer.jwks.json", published)
    launcher = jwks_document([public_jwk(ensure_es256_key(folder / LAUNCHER_KEY))])
    _publish(public / "launcher.jwks.json", json.dumps(launcher, indent=1).encode("ascii"))
    if not password.exists():
        _publish(password, secrets.token_urlsafe(24).encode("ascii"))
    return folder / "issuer" / DELEGATION_KEY_FILE


def make_service_keys() -> None:
    """Run `counterfoil keys make` in the container that alone may write them.

    Raises:
        NoDockerError: Docker is not at hand, or the image cannot be built or run.
    """
    if not answers():
        raise NoDockerError("`docker info` gets no answer; start Docker and run this again")
    command = (*compose_command().split(), "run", "--rm", "keys")
    done = subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise NoDockerError("the service's keys were not made; see what Docker says above")


def _publish(path: Path, data: bytes) -> None:
    """Write a file for other accounts; it appears whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    fresh.chmod(0o444)
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main())
