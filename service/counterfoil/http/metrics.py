"""Numbers for operators, in Prometheus' form: counted here, served by the parent elsewhere.

Workers share nothing but files: where `PROMETHEUS_MULTIPROC_DIR` is set before the import
(the parent does), each process counts in its own and `exposition` adds them up. Labels come
from closed sets (our rules, statuses, codes), so a caller cannot make new series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, cast

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from counterfoil.core.model import JsonObject

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_MAX_CODE_FAMILIES = 32  # policy authors may add families; beyond this they count as one
_OTHER = "other"


class Metrics:
    """Counts answers and decisions. Children are kept, since looking one up costs 2 µs."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._answers = Counter(
            "counterfoil_http_answers",
            "Answers by rule, status and problem code.",
            ("rule", "status", "code"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "counterfoil_http_seconds",
            "Time from the request's headers to the answer.",
            ("rule",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._decisions = Counter(
            "counterfoil_decisions",
            "Decisions by effect, enforcement and the family of the first reason's code.",
            ("effect", "enforcement", "code_family"),
            registry=self.registry,
        )
        self._families: set[str] = set()
        self._answer = lru_cache(maxsize=1024)(self._answers.labels)
        self._second = lru_cache(maxsize=256)(self._seconds.labels)
        self._decision = lru_cache(maxsize=256)(self._decisions.labels)

    def answered(self, rule: str, status: int, code: str, seconds: float) -> None:
        """Count one answer of the HTTP layer."""
        self._answer(rule, status, code).inc()
        self._second(rule).observe(seconds)

    def decided(self, answer: JsonObject) -> None:
        """Count the decisions of an answer: one, or those of a batch."""
        batch = answer.get("decisions")
        items = [answer] if batch is None else cast("Sequence[JsonObject]", batch)
        for item in items:
            reasons = cast("Sequence[Mapping[str, str]]", item.get("reasons") or ())
            code = reasons[0]["code"] if reasons else ""
            family = self._family(code.partition(".")[0])
            self._decision(str(item.get("effect")), str(item.get("enforcement")), family).inc()

    def _family(self, name: str) -> str:
        if name not in self._families:
            if len(self._families) >= _MAX_CODE_FAMILIES:
                return _OTHER
            self._families.add(name)
        return name


def exposition(directory: str) -> bytes:
    """Return the sum over all processes that counted in `directory`, as text."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
