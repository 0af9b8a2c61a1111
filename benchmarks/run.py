"""`make bench`: the service beside OPA doing the same job alone, and beside raw OPA.

One run, closed loop, every request a new command, rounds interleaved: read the ratios.
Prints tables, ratios and gates; keeps everything in `var/bench/result.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import issuers, reading, reading_targets
from benchmarks.harness import disk, documents, hook, load, page, report, rivals, service
from benchmarks.harness.load import Target
from benchmarks.harness.paths import RESULTS, ROOT
from benchmarks.harness.rounds import Contender, play

PAGE = ROOT / "docs" / "performance.md"
RIVALS = ("alone", "alone-tuned", "raw")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a gate is not met and `--strict` was asked for."""
    options = _options(arguments)
    load.build()
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=RESULTS) as name, ExitStack() as stack:
        folder = Path(name)
        sync = disk.sync_us(folder)
        running = None if options.no_service else _running(options, folder, stack)
        contenders = _contenders(options, running, folder, stack)
        results = play(contenders, rounds=options.rounds, seconds=options.seconds)
        overhead = None
        if running is not None and not options.no_hook:
            overhead = hook.measured(running.address, running.token, folder)
    issued = None if options.no_service or options.no_issuers else issuers.measured()
    pairs = report.comparisons(results)
    gates = report.gates(results, pairs, sync)
    print("\n".join(report.table(results)), end="\n\n")
    print("\n".join(report.cpu_table(results)), end="\n\n")
    print("\n".join(report.ratio_lines(pairs)), end="\n\n")
    print("\n".join([*reading.table(), *reading_targets.table()]), end="\n\n")
    if overhead is not None:
        print("\n".join(hook.table(overhead)), end="\n\n")
    if issued is not None:
        print("\n".join(issuers.table(issued)), end="\n\n")
    print(f"one sync of this disk: {sync:.0f} us; machine: {report.machine()}")
    print("\n".join(gate.line() for gate in gates))
    found = {**report.document(results, pairs, gates, sync), "hook": overhead, "issuers": issued}
    text = json.dumps(found, indent=1)
    (RESULTS / "result.json").write_text(text + "\n", "utf-8")
    if options.document:
        page.write(PAGE, results, pairs, gates, sync)
        if overhead is not None:
            hook.document(PAGE, overhead)
        if issued is not None:
            issuers.document(PAGE, issued)
    return 1 if options.strict and not all(gate.met for gate in gates) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="per contender and round")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rivals", nargs="*", choices=RIVALS, default=list(RIVALS))
    parser.add_argument("--no-service", action="store_true", help="the rivals only")
    parser.add_argument("--no-hook", action="store_true", help="without the hook for AutoGen")
    parser.add_argument("--no-issuers", action="store_true", help="without credentials")
    parser.add_argument("--no-batch", action="store_true", help="without POST /authorize/batch")
    parser.add_argument("--address", help="a service that already runs, host:port")
    parser.add_argument("--token", default="", help="its bearer token")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a gate is not met")
    parser.add_argument("--document", action="store_true", help="into docs/performance.md")
    return parser.parse_args(arguments)


def _running(options: argparse.Namespace, folder: Path, stack: ExitStack) -> service.Service:
    if options.address:
        return service.elsewhere(options.address, options.token)
    return stack.enter_context(service.started(folder / "service"))


def _contenders(
    options: argparse.Namespace,
    running: service.Service | None,
    folder: Path,
    stack: ExitStack,
) -> list[Contender]:
    found = [] if running is None else _ours(options, running, folder)
    for name in options.rivals:
        rival = stack.enter_context(rivals.started(name, folder))
        found += [
            Contender(
                target=rival.target,
                connections=connections,
                roles=rival.roles,
                settle=rival.trim,
            )
            for connections in options.connections
        ]
    return found


def _ours(options: argparse.Namespace, running: service.Service, folder: Path) -> list[Contender]:
    single = _target("service", "/authorize", documents.authorization_request(), running, folder)
    batch = _target(
        "batch",
        "/authorize/batch",
        documents.authorization_batch(report.BATCH),
        running,
        folder,
        allows=report.BATCH,
    )
    plan = [(single, 1, options.connections)]
    if not options.no_batch:
        plan.append((batch, report.BATCH, report.BATCH_CONNECTIONS))
    return [
        Contender(target=target, connections=c, roles=running.roles, decisions=decisions)
        for target, decisions, connections in plan
        for c in connections
    ]


def _target(
    name: str,
    path: str,
    body: object,
    running: service.Service,
    folder: Path,
    *,
    allows: int = 1,
) -> Target:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(body), "utf-8")
    return Target(
        name=name,
        address=running.address,
        path=path,
        body=file,
        headers=running.headers,
        allows=allows,
    )


if __name__ == "__main__":
    sys.exit(main())
