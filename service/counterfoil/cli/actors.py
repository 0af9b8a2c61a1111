"""`counterfoil actors`: who may act for people here, by whom they are started, up to what.

Reads the configuration; nothing of the running service is asked.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

from counterfoil.cli import EXIT_GOOD, SubParsers
from counterfoil.cli.text import compact
from counterfoil.config import Config, find_config, load_config
from counterfoil.config_model import LauncherEntry
from counterfoil.core.agents import RegisteredAgent
from counterfoil.core.model import JsonObject

_EPILOG = """\
Policy data finds an agent under the issuer that is shown: `agents: {ISSUER: {NAME: true}}`.
An agent may use a role that both the data and its ceiling give it.
"""

_BY_CERTIFICATE = "self_signed_tls_client_auth"


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `actors` to the command line."""
    parser = subparsers.add_parser(
        "actors",
        help="show the registered agents, their ceilings and their launchers",
        description="Show the registered agents, tenant by tenant.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tenant", help="of this tenant alone")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--dev", action="store_true", help="with the agents of `serve --dev`")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print them; returns the exit code.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    config = load_config(find_config(args.config), os.environ, dev=args.dev)
    agents = [a for a in config.identity.agents if args.tenant in {None, a.tenant}]
    launchers = [item for item in config.identity.launchers if args.tenant in {None, item.tenant}]
    if args.json:
        print(compact(_document(config, agents, launchers)))
        return EXIT_GOOD
    print(f"issuer {config.token.issuer}")
    for agent in sorted(agents, key=lambda item: (item.tenant, item.name)):
        print(f"\n{agent.name}  (tenant {agent.tenant})")
        print(f"  ceiling      {_names(agent.ceiling)}")
        print(f"  launchers    {_names(agent.launchers)}")
        print(f"  hands on to  {_names(agent.hands_on_to)}")
    print()
    for launcher in sorted(launchers, key=lambda item: (item.tenant, item.id)):
        print(f"launcher {launcher.id}  (tenant {launcher.tenant}, {_proof(launcher)})")
    return EXIT_GOOD


def _document(
    config: Config, agents: Iterable[RegisteredAgent], launchers: Iterable[LauncherEntry]
) -> JsonObject:
    return {
        "issuer": config.token.issuer,
        "agents": [
            {
                "tenant": agent.tenant,
                "name": agent.name,
                "ceiling": sorted(agent.ceiling),
                "launchers": sorted(agent.launchers),
                "hands_on_to": sorted(agent.hands_on_to),
            }
            for agent in agents
        ],
        "launchers": [
            {"tenant": item.tenant, "id": item.id, "authentication": _proof(item)}
            for item in launchers
        ],
    }


def _proof(launcher: LauncherEntry) -> str:
    """By OAuth's names of the methods (RFC 7591 §2, RFC 8705 §2.2.1)."""
    if launcher.jwks_file is not None:
        return "private_key_jwt"
    return "client_secret_post" if launcher.certificate_file is None else _BY_CERTIFICATE


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "-"
