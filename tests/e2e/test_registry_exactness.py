"""Every job of the list at a real registry: enough, necessary, and no more; counted."""

from __future__ import annotations

from pathlib import Path

import pytest

import registry_world
from evidence import record
from registry_jobs import JOBS, Found, hold
from servers import registry as real


@pytest.mark.prove
def test_every_job_is_done_with_exactly_its_permissions(tmp_path: Path) -> None:
    found = Found()
    with registry_world.running(tmp_path, by_certificate=True) as world:
        for text in JOBS:
            hold(world, text, found)
    record(
        "registry_exactness",
        "jobs done at a real CNCF registry by its own token protocol, with credentials of exactly "
        "the permissions read from them",
        server=real.version(),
        jobs=len(JOBS),
        **{kind.replace(" ", "_"): found.of(kind) for kind in sorted(found.tried)},
        wrong=found.wrong,
    )
    assert len(JOBS) >= 30
    assert found.wrong == []
