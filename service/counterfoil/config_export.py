"""`[[export]]`: where records are shipped to while the service runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from counterfoil.config_findings import finding
from counterfoil.config_model import ExportEntry
from counterfoil.core.urls import UnsafeUrl, check_callable

_OF_KIND = {"otlp": "url", "files": "directory"}
_EVERY_SECONDS = {"otlp": 1, "files": 60}  # a file for each second would be many files
_OTLP_ONLY = ("url", "header_file", "ca_file")


def export_entry(entry: Mapping[str, Any], base: Path) -> ExportEntry:
    """One `[[export]]` as the model's value."""

    def path(name: str) -> Path | None:
        return base / entry[name] if name in entry else None

    return ExportEntry(
        name=entry["name"],
        tenant=entry["tenant"],
        url=entry.get("url"),
        header_file=path("header_file"),
        ca_file=path("ca_file"),
        directory=path("directory"),
        opened=entry["opened"],
        every_seconds=int(entry.get("every_seconds", _EVERY_SECONDS[entry["kind"]])),
    )


def export_findings(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the meaning of the entries forbids."""
    for i, entry in enumerate(entries):
        wanted = _OF_KIND[entry["kind"]]
        if wanted not in entry:
            remedy = f"Write {wanted} in this entry."
            yield finding(("export", i), f"kind {entry['kind']} needs {wanted}.", remedy)
        foreign = _OTLP_ONLY if entry["kind"] == "files" else ("directory",)
        for name in foreign:
            if name in entry:
                remedy = "Leave it out."
                yield finding(("export", i, name), f"means nothing to {entry['kind']}.", remedy)
        if entry["kind"] == "otlp" and "url" in entry:
            yield from _url(entry["url"], i)


def _url(url: str, i: int) -> Iterator[str]:
    """Nothing secret in it, and nobody listens on the way."""
    # The address itself is not repeated: it may hold what should not stand there.
    try:
        check_callable(url, plain_loopback=True)
        if "?" in url:
            raise UnsafeUrl("it holds a query")
    except UnsafeUrl as error:
        remedy = "Write https://host/path; a secret goes into header_file."
        yield finding(("export", i, "url"), f"is not called: {error}.", remedy)
