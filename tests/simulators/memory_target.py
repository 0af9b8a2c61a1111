"""A target that keeps its credentials in memory, with knobs for its faults."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

from counterfoil.core.renderings import NotRenderable
from counterfoil_issuers.contract import Ended, Finding, Job, Made, TargetError


@dataclass
class MemoryTarget:
    """Implements `contract.Target`; `steps` tells what was asked of it, in order."""

    types: frozenset[str] = frozenset({"postgresql"})
    there: dict[str, Job] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    expressible: bool = True
    ends_fail: int = 0
    findings: tuple[Finding, ...] = ()
    expires_at: int | None = None
    making: threading.Event = field(default_factory=threading.Event)
    may_make: threading.Event | None = None

    def check(self, job: Job) -> None:
        self.steps.append(f"check {job.name}")
        if not self.expressible:
            raise NotRenderable("a test says so")

    def make(self, job: Job) -> Made:
        self.steps.append("make")
        self.there[job.name] = job
        self.making.set()
        if self.may_make is not None:
            assert self.may_make.wait(20)
        if "make" in self.fails:
            raise TargetError("a test says so")
        return Made(
            secret={"password": f"hunter-{job.name}"},
            public={"role": job.name},
            expires_at=self.expires_at,
        )

    def end(self, job: Job) -> Ended:
        self.steps.append("end")
        if self.ends_fail:
            self.ends_fail -= 1
            raise TargetError("a test says so")
        self.there.pop(job.name, None)
        return Ended(findings=self.findings)

    def end_name(self, name: str) -> Ended:
        self.steps.append("end_name")
        self.there.pop(name, None)
        return Ended()

    def names(self) -> Collection[str]:
        return list(self.there)
