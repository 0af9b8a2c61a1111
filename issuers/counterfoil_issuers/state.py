"""What an issuer must not forget: every request it took, how far it came, when it ends.

A change is on the disk before a method returns (SQLite, WAL, synchronous FULL), so that after
a `kill -9` at any moment each credential that may exist has its row. One process at a time
holds the file (`lock`). Thread safe.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil.core.model import JsonObject
from counterfoil.errors import ConfigError
from counterfoil_issuers.contract import Ended, Job

KEPT_SECONDS: Final = 86_400.0  # after its deadline; far longer than any request lives
MAX_FINDINGS: Final = 256  # what the service records of one credential, like the next two
MAX_HANDED_OVER: Final = 1_024
MAX_TEXT: Final = 1_024
_VERSION: Final = 1
_SCHEMA: Final = Path(__file__).with_name("state.sql")
_BUSY_SECONDS: Final = 5.0


class StateError(Exception):
    """Nothing is known to be durable; the caller gives nothing out."""


class Taken(Exception):
    """The request has a row already."""


@dataclass(frozen=True, slots=True)
class Row:
    """One job, and what is to be done about it."""

    job: Job
    state: str
    cause: str | None
    attempts: int
    report: JsonObject | None


class State:
    """The file; use as a context.

    Args:
        path: the file; made, with mode 0600, where it is not there.

    Raises:
        ConfigError: it cannot be used, is another version's, or another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._mutex = threading.Lock()
        self._lock = _locked(path)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare(path)
        except (OSError, sqlite3.Error) as error:
            os.close(self._lock)
            raise ConfigError(
                f"{path} cannot be used ({error}). Name a file in a folder of this account.",
                pointer="issuer.state",
            ) from error

    def _prepare(self, path: Path) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, _VERSION}:
            text = f"{path} was written by another version. Use that one, or another file."
            raise ConfigError(text, pointer="issuer.state")
        self._db.executescript(_SCHEMA.read_text("utf-8"))
        self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            self._db.close()
        os.close(self._lock)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.IntegrityError as error:
                raise Taken from error
            except sqlite3.Error as error:
                raise StateError(str(error)) from error

    def _read(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._mutex:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise StateError(str(error)) from error

    # Its life, step by step.

    def intend(self, job: Job) -> None:
        """Write down that a request is about to be redeemed: before it is.

        Raises:
            Taken: it was taken before, whatever became of it.
            StateError: it is not durable.
        """
        with self._writing() as db:
            db.execute(
                "INSERT INTO job (jti, name, body, state, deadline, end_at)"
                " VALUES (?, ?, ?, 'intended', ?, ?)",
                (job.jti, job.name, _body(job), job.deadline, job.deadline),
            )

    def redeemed(self, job: Job) -> None:
        """It was redeemed, with these operations, and will now be made.

        Raises:
            StateError: it is not durable.
        """
        with self._writing() as db:
            db.execute(
                "UPDATE job SET state = 'redeemed', body = ?, deadline = ?,"
                " end_at = min(end_at, ?) WHERE jti = ?",
                (_body(job), job.deadline, job.deadline, job.jti),
            )

    def made(self, jti: str) -> None:
        """It is at the target, and will now be reported.

        Raises:
            StateError: it is not durable.
        """
        self._move(jti, "made")

    def issued(self, jti: str, *, now: float) -> bool:
        """The service has recorded it; whether it may be given out: nothing ended it meanwhile.

        Raises:
            StateError: it is not durable.
        """
        with self._writing() as db:
            done = db.execute(
                "UPDATE job SET state = 'issued' WHERE jti = ? AND cause IS NULL AND end_at > ?",
                (jti, now),
            )
        return done.rowcount == 1

    def end(self, jti: str, cause: str, *, at: float) -> None:
        """Have it ended at `at` or before; the first cause stays.

        Raises:
            StateError: it is not durable.
        """
        self.end_all([(jti, cause)], at=at)

    def end_all(
        self, ends: Iterable[tuple[str, str]], *, at: float, cursor: str | None = None
    ) -> None:
        """As `end`, of several, and how far the service's events are known with them.

        Raises:
            StateError: none of it is durable.
        """
        with self._writing() as db:
            db.executemany(
                "UPDATE job SET cause = coalesce(cause, ?), end_at = min(end_at, ?)"
                " WHERE jti = ? AND state IN ('intended', 'redeemed', 'made', 'issued')",
                [(cause, at, jti) for jti, cause in ends],
            )
            if cursor is not None:
                db.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?)", (cursor,))

    def ended(self, jti: str, done: Ended) -> None:
        """It works no more, and this is to be reported.

        Raises:
            StateError: it is not durable; it will be ended again, which does no harm.
        """
        report = _report(done)
        with self._writing() as db:
            db.execute(
                "UPDATE job SET state = 'ended', report = ?, attempts = 0, retry_at = 0,"
                " cause = coalesce(cause, 'deadline') WHERE jti = ?",
                (json.dumps(report), jti),
            )

    def closed(self, jti: str) -> None:
        """Nothing is left to do about it.

        Raises:
            StateError: it is not durable.
        """
        self._move(jti, "closed")

    def later(self, jti: str, *, at: float) -> None:
        """It did not work; try again at `at`.

        Raises:
            StateError: it is not durable.
        """
        with self._writing() as db:
            db.execute(
                "UPDATE job SET attempts = attempts + 1, retry_at = ? WHERE jti = ?", (at, jti)
            )

    def _move(self, jti: str, state: str) -> None:
        with self._writing() as db:
            db.execute("UPDATE job SET state = ? WHERE jti = ?", (state, jti))

    # What is to be done.

    def due(self, now: float) -> list[Row]:
        """What must work no more: past its deadline, or ended before."""
        return self._rows(
            "state IN ('intended', 'redeemed', 'made', 'issued') AND end_at <= ? AND retry_at <= ?",
            now,
            now,
        )

    def unreported(self, now: float) -> list[Row]:
        """What has ended and was not reported."""
        return self._rows("state = 'ended' AND retry_at <= ?", now)

    def unfinished(self) -> list[Row]:
        """What was begun or lives."""
        return self._rows("state IN ('intended', 'redeemed', 'made', 'issued')")

    def next_after(self, now: float) -> float | None:
        """When something that is not yet due becomes so."""
        query = (
            "SELECT min(at) FROM (SELECT CASE state WHEN 'ended' THEN retry_at"
            " ELSE max(end_at, retry_at) END AS at FROM job WHERE state <> 'closed') WHERE at > ?"
        )
        found: float | None = self._read(query, now)[0][0]
        return found

    def open_names(self) -> frozenset[str]:
        """The names of all credentials that may be at the target and have a row to say so."""
        return frozenset(
            name for (name,) in self._read("SELECT name FROM job WHERE state <> 'closed'")
        )

    def counts(self) -> dict[str, int]:
        """How many rows are in which state."""
        return dict(self._read("SELECT state, count(*) FROM job GROUP BY state"))

    def cursor(self) -> str | None:
        """How far the service's events are known."""
        found = self._read("SELECT value FROM cursor")
        return found[0][0] if found else None

    def forget(self, now: float) -> None:
        """Drop what is long over."""
        with self._writing() as db:
            db.execute(
                "DELETE FROM job WHERE state = 'closed' AND deadline < ?", (now - KEPT_SECONDS,)
            )
            db.execute("DELETE FROM spent WHERE expires_at < ?", (now,))

    def spend(self, scope: Sequence[str], *, expires_at: float, deadline: float) -> bool:
        """Implements `ports_tokens.SingleUse` for proofs, in this file; `deadline` is not needed.

        Raises:
            StateError: it is not durable.
        """
        del deadline  # SQLite's own bound is shorter than any
        thing = hashlib.sha256(json.dumps(list(scope)).encode()).hexdigest()
        try:
            with self._writing() as db:
                db.execute("INSERT INTO spent VALUES (?, ?)", (thing, expires_at))
        except Taken:
            return False
        return True

    def _rows(self, condition: str, *values: Any) -> list[Row]:
        query = f"SELECT body, state, cause, attempts, report FROM job WHERE {condition}"  # noqa: S608 -- constants of this module
        return [_row(*found) for found in self._read(query + " ORDER BY end_at", *values)]


def _locked(path: Path) -> int:
    lock = path.with_name(path.name + ".lock")
    try:
        handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{lock} cannot be made ({error.strerror}). Name a file in a folder of this account.",
            pointer="issuer.state",
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise ConfigError(
            f"another issuer runs with {path}. Stop it, or give this one a file of its own.",
            pointer="issuer.state",
        ) from error
    return handle


def _report(done: Ended) -> dict[str, Any]:
    """As the service takes it (`schemas/credential_report.json`): long lists say that they end."""
    handed = [name[:MAX_TEXT] for name in done.handed_over[:MAX_HANDED_OVER]]
    findings = [{"code": one.code, "object": one.object[:MAX_TEXT]} for one in done.findings]
    missing = max(len(done.handed_over) - MAX_HANDED_OVER, 0)
    if len(findings) > MAX_FINDINGS or missing:
        missing += max(len(findings) - MAX_FINDINGS + 1, 0)
        findings = [*findings[: MAX_FINDINGS - 1], {"code": "more", "object": f"{missing} more"}]
    return {"handed_over": handed, "findings": findings}


def _body(job: Job) -> str:
    return json.dumps(
        {
            "jti": job.jti,
            "decision_id": job.decision_id,
            "action_digest": job.action_digest,
            "permissions": list(job.permissions),
            "ambient": list(job.ambient),
            "deadline": job.deadline,
            "operations": list(job.operations),
            "session": job.session,
        }
    )


def _row(body: str, state: str, cause: str | None, attempts: int, report: str | None) -> Row:
    value = json.loads(body)
    job = Job(**value | {n: tuple(value[n]) for n in ("permissions", "ambient", "operations")})
    return Row(job, state, cause, attempts, None if report is None else json.loads(report))
