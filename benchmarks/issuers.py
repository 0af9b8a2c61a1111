"""From `/authorize` to a credential that works, per kind of issuer: part of `make bench`.

    python benchmarks/issuers.py [--count 200]

One job after the other, each a new action: decided by the service, issued by the issuer's
process (which has the service redeem and record it), and used once at a real target. The credential
is usable when that use has been answered. Earlier jobs' credentials are being ended meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import psycopg  # noqa: E402 -- the path first
import requests  # noqa: E402
from benchmarks.harness import page  # noqa: E402
from benchmarks.harness.stats import quantile  # noqa: E402

import served_world  # noqa: E402
from issued_roles import orders  # noqa: E402
from registry_client import Client  # noqa: E402
from served_world import BODY, TARGET, World  # noqa: E402
from servers.issuer import Issuer, make_issuer, running_issuer  # noqa: E402

BEGIN = "<!-- measured: credentials, benchmarks/run.py --document -->"
END = "<!-- end of measured: credentials -->"
COUNT = 200
_STEPS = ("decided", "issued", "used")
Found = Mapping[str, Mapping[str, tuple[float, float]]]
"""Milliseconds, p50 and p99: by kind, then by step, `whole` being their sum."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a job of one kind is asked for, and how its credential is used."""

    name: str
    issuer: Issuer
    ask: Callable[[int], tuple[str, dict[str, Any]]]
    use: Callable[[dict[str, str], dict[str, Any]], None]


def measured(count: int = COUNT) -> Found:
    """Measure all kinds.

    Raises:
        AssertionError: a job was not allowed, got no credential, or could not use it.
    """
    with tempfile.TemporaryDirectory(prefix="issuers-") as name, _kinds(Path(name)) as started:
        world, kinds = started
        return {kind.name: _summary(_run(world, kind, count)) for kind in kinds}


def table(found: Found) -> list[str]:
    """One line a kind, for the terminal."""
    lines = [["ms, p50 / p99", *_heads()], *_rows(found)]
    return [f"{row[0]:16}" + "".join(f"{one:>24}" for one in row[1:]) for row in lines]


def document(path: Path, found: Found) -> None:
    """Replace this part of docs/performance.md.

    Raises:
        ValueError: the page lacks a mark.
    """
    lines = page.table(["ms, p50 / p99", *_heads()], _rows(found))
    load = f"Load average {os.getloadavg()[0]:.1f} at the end, on the machine above.\n"
    page.replace(path, BEGIN, END, [load, *lines])


@contextmanager
def _kinds(folder: Path) -> Iterator[tuple[World, Sequence[Kind]]]:
    with ExitStack() as stack:
        database = stack.enter_context(orders(folder))
        world = stack.enter_context(served_world.running(folder))
        made = make_issuer(folder, world.service, database.settings)
        roles = stack.enter_context(running_issuer(made))
        yield (
            world,
            (
                Kind("postgresql", roles, lambda n: _statement(world, n), _select),
                Kind("oci_registry", world.images, lambda n: _pull(world, n), _listed),
                Kind("http_proxy", world.orders, lambda _: _call(world), _called),
            ),
        )


def _statement(world: World, number: int) -> tuple[str, dict[str, Any]]:
    sql = f"CREATE TABLE public.t{number} (id int)"
    return world.decided("run_sql", database="orders", sql=sql)


def _select(secret: dict[str, str], allow: dict[str, Any]) -> None:
    with psycopg.connect(**secret, autocommit=True) as session:  # type: ignore[arg-type]
        session.execute(allow["execute"]["arguments"]["sql"])


def _pull(world: World, number: int) -> tuple[str, dict[str, Any]]:
    host = world.registry.partition("://")[2]
    return world.decided("pull_image", reference=f"{host}/acme/bench:{number}")


def _listed(secret: dict[str, str], allow: dict[str, Any]) -> None:
    client = Client(secret["registry"], secret["username"], secret["password"])
    with client.session:
        answer = client.send("HEAD", f"/v2/acme/bench/manifests/{allow['decision_id']}")
        assert answer.status_code == requests.codes.not_found  # let in, and there is none


def _call(world: World) -> tuple[str, dict[str, Any]]:
    url = world.api.origin + TARGET
    return world.decided("http_request", method="POST", url=url, body=BODY)


def _called(secret: dict[str, str], allow: dict[str, Any]) -> None:
    del allow
    headers = {"Authorization": f"Bearer {secret['key']}"}
    answer = requests.post(secret["url"] + TARGET, BODY, headers=headers, timeout=20)
    assert answer.status_code == requests.codes.ok


def _run(world: World, kind: Kind, count: int) -> list[tuple[float, float, float]]:
    """Milliseconds of the steps of each job; the first ones warm up and do not count."""
    found = []
    warm = max(count // 10, 3)
    for number in range(count + warm):
        began = time.perf_counter()
        token, allow = kind.ask(number)
        decided = time.perf_counter()
        status, given = kind.issuer.ask(allow["scoped_token_request"]["signed_request"])
        issued = time.perf_counter()
        assert status == requests.codes.ok, given
        kind.use(given["credential"], allow)
        used = time.perf_counter()
        world.outcome(token, allow)
        steps = (decided - began, issued - decided, used - issued)
        found.append((steps[0] * 1e3, steps[1] * 1e3, steps[2] * 1e3))
    return found[warm:]


def _summary(jobs: Sequence[tuple[float, float, float]]) -> dict[str, tuple[float, float]]:
    columns = dict(zip(_STEPS, zip(*jobs, strict=True), strict=True))
    columns["whole"] = tuple(sum(job) for job in jobs)
    return {name: (quantile(one, 0.5), quantile(one, 0.99)) for name, one in columns.items()}


def _heads() -> list[str]:
    return ["to a usable credential", *_STEPS]


def _rows(found: Found) -> list[list[str]]:
    order = ("whole", *_STEPS)
    return [
        [kind, *(f"{one[name][0]:.1f} / {one[name][1]:.1f}" for name in order)]
        for kind, one in found.items()
    ]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="jobs of each kind")
    parser.add_argument("--document", action="store_true", help="into docs/performance.md")
    options = parser.parse_args()
    found = measured(options.count)
    print("\n".join(table(found)))
    if options.document:
        document(ROOT / "docs" / "performance.md", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
