"""`counterfoil resource snapshot | doctor`: what a resource holds, and lets everybody do."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import orjson

from counterfoil.catalogues.connection import connected
from counterfoil.catalogues.doctor import examine
from counterfoil.catalogues.postgresql import snapshot
from counterfoil.catalogues.seal import digest_of, load_private_key, seal
from counterfoil.catalogues.store import file_of
from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.config import Config, find_config, load_config
from counterfoil.config_source import PREFIX
from counterfoil.core.model import Resource
from counterfoil.errors import ConfigError
from counterfoil.resources import packaged
from counterfoil.schemas_registry import SchemaRegistry
from counterfoil.system import SystemClock

MIN_EVERY_SECONDS: Final = 1.0  # a snapshot of thousands of tables takes one itself
_SNAPSHOT = """\
Take a dated, sealed snapshot of a PostgreSQL resource: its relations, columns, keys, triggers,
views and types. The role needs no right but to connect. The service then reads commands by it,
until it is older than catalogue.max_age_seconds: run it on a schedule, or with --every, which
takes one again and again until it is ended. One that fails is told and tried again; meanwhile
the last one counts until it is too old, and then none does.
"""
_DOCTOR = """\
Find what everybody may do in a PostgreSQL resource without having been given it: rights of
PUBLIC, definer functions, what superusers own, extensions that reach further. Each finding
comes with the statement that would end it. Exit code 1 where anything is found.
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `resource` to the command line."""
    parser = subparsers.add_parser("resource", help="look into registered resources")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary, description, command in (
        ("snapshot", "take the catalogue of a resource", _SNAPSHOT, _take),
        ("doctor", "find what everybody may do there", _DOCTOR, _doctor),
    ):
        sub = commands.add_parser(
            name,
            help=summary,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.add_argument("id", metavar="ID", help="the resource's id")
        sub.add_argument("--user", help="the role to connect as (default: PGUSER)")
        sub.add_argument("--socket", help="a unix socket's path, in the host's place")
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.add_argument("--config", type=Path, help="the configuration file")
        if command is _take:
            sub.add_argument(
                "--every", type=float, metavar="SECONDS", help="again and again, until it is ended"
            )
        sub.set_defaults(run=run, resource_command=command)


def run(args: argparse.Namespace) -> int:
    """Run the chosen command; returns the exit code.

    Raises:
        ConfigError: no such resource, no connection, or the file cannot be written.
    """
    file = find_config(args.config)
    told = any(name.startswith(f"{PREFIX}IDENTITY") for name in os.environ)
    config = load_config(file, os.environ, dev=file is None and not told)
    resource = config.resources.get(args.id)
    if resource is None:
        raise ConfigError(f"{args.id!r} is not a registered resource", pointer="resource")
    user = args.user or os.environ.get("PGUSER")
    if not user:
        print("counterfoil resource: name a role with --user or PGUSER", file=sys.stderr)
        return EXIT_USAGE
    args.user = user
    command = cast("Callable[[Config, Resource, argparse.Namespace], int]", args.resource_command)
    return command(config, resource, args)


def _take(config: Config, resource: Resource, args: argparse.Namespace) -> int:
    if args.every is None:
        return _take_one(config, resource, args)
    most = config.catalogue.max_age_seconds
    if not MIN_EVERY_SECONDS <= args.every < most:
        bounds = f"{MIN_EVERY_SECONDS:g} to less than catalogue.max_age_seconds, {most:g}"
        print(f"counterfoil resource: --every takes {bounds}", file=sys.stderr)
        return EXIT_USAGE
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    while not ended.is_set():
        try:
            _take_one(config, resource, args)
        except ConfigError as error:  # the last snapshot stays until it is too old
            print(f"counterfoil resource: {error.detail}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        ended.wait(args.every)
    return EXIT_GOOD


def _take_one(config: Config, resource: Resource, args: argparse.Namespace) -> int:
    key = load_private_key(config.keys.directory)
    taken_at = SystemClock().now()  # before: what changes meanwhile is newer than its date
    password = os.environ.get("PGPASSWORD")
    with connected(resource, user=args.user, password=password, socket=args.socket) as query:
        found = snapshot(query)
    SchemaRegistry.load(packaged("schemas")).validator("catalogue_postgresql")(found)
    body = orjson.dumps(found)
    path = file_of(config.catalogue.directory, resource.id)
    _write(path, seal(resource, body, taken_at=taken_at, key=key))
    report = {
        "resource": resource.id,
        "file": str(path),
        "digest": digest_of(body),
        "bytes": len(body),
        "relations": len(found["relations"]),
    }
    if args.json:
        print(json.dumps(report))
    else:
        print(f"{path}: {report['relations']} relations, {report['bytes']} bytes")
        print(report["digest"])
    return EXIT_GOOD


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: a worker that reads meanwhile sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})", pointer="catalogue.directory"
        ) from error


def _doctor(_config: Config, resource: Resource, args: argparse.Namespace) -> int:
    password = os.environ.get("PGPASSWORD")
    with connected(resource, user=args.user, password=password, socket=args.socket) as query:
        found = examine(query)
    if args.json:
        print(json.dumps([{"kind": i.kind, "what": i.what, "remedy": i.remedy} for i in found]))
    else:
        for item in found:
            print(f"{item.what}\n  {item.remedy};")
        print(f"{len(found)} findings")
    return EXIT_FINDING if found else EXIT_GOOD
