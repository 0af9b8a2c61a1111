"""Hostile tokens against the running service: refusals alone, flat memory, nothing said."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from evidence import record
from main_path import assert_allowed
from processes import family
from service import Service, running_service, sql_request
from simulators.hostile_tokens import HostileTokens

SEED = 20_261_124
CONTROL_EVERY = 250
MAX_GROWTH_BYTES = 24 * 1024 * 1024  # caches of the allocator and of the interpreter
WARM_UP = 400


def memory(service: Service) -> int:
    """Resident bytes of all workers."""
    pages = [
        int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        for pid in family(service.process.pid)["worker"]
    ]
    return sum(pages) * 4_096


def storm(service: Service, seed: int, count: int) -> Counter[int]:
    """Send them; each answer holds nothing of its token, and honest requests go on."""
    statuses: Counter[int] = Counter()
    honest = service.token()
    body = json.dumps(sql_request("CREATE TABLE public.invoices (id int)")).encode()
    parts: set[str] = set()
    kept = service.connect()  # http.client opens it again where the service closed it
    for i, value in enumerate(HostileTokens(seed, service.token).headers(count)):
        headers = {"Authorization": value}
        answer = service.request("POST", "/authorize", body, headers=headers, connection=kept)
        statuses[answer.status] += 1
        said = json.dumps(answer.body)
        mine = [part for part in value.partition(" ")[2].split(".") if len(part) > 16]
        assert not any(part in said for part in mine)
        if i % 97 == 0:
            parts.update(mine)
        if i % CONTROL_EVERY == 0:
            assert_allowed(service.authorize(token=honest).body)
    kept.close()
    log = "\n".join(service.lines)
    assert "refused by rule" in log
    assert not any(part in log for part in parts)
    assert "unexpected" not in log
    return statuses


def survives(service: Service, seed: int, count: int) -> dict[str, object]:
    storm(service, seed, WARM_UP)
    before, lines, started = memory(service), len(service.lines), time.monotonic()
    statuses = storm(service, seed + 1, count)
    seconds = time.monotonic() - started
    grown = memory(service) - before
    # A head that is no HTTP (an empty or an overlong header) is the server's own 400 or 431.
    assert set(statuses) <= {400, 401, 431}
    assert statuses[401] > 0.9 * count
    assert grown < MAX_GROWTH_BYTES
    assert len(service.lines) - lines < seconds * 8 + 100  # the log is bounded too
    return {
        "statuses": {str(status): n for status, n in sorted(statuses.items())},
        "memory_grown_bytes": grown,
        "log_lines": len(service.lines) - lines,
        "seconds": round(seconds, 1),
    }


def test_hostile_tokens_get_refusals_and_never_a_failure(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running_service(tmp_path_factory.mktemp("tokens"), server__workers=1) as service:
        survives(service, SEED, 600)


@pytest.mark.prove
def test_fifty_thousand_hostile_tokens_get_refusals_and_never_a_failure(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running_service(tmp_path_factory.mktemp("tokens"), server__workers=1) as service:
        shown = survives(service, SEED + 10, 50_000)
        record(
            "hostile_tokens",
            "Hostile tokens against the running service, with honest requests between them",
            seed=SEED + 10,
            tokens=50_000,
            **shown,
        )
