"""The events of reading: who read or exported what was said, and by which question."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.case import caller_json
from counterfoil.core.export_manifest import EXPORTED
from counterfoil.core.model import Caller, JsonObject
from counterfoil.ports import Event

READ = "record_read"
_NAMED = ("format", "opened", "first", "size", "records", "about")


def record_read(
    caller: Caller,
    *,
    via: str,
    decisions: Sequence[str],
    query: JsonObject,
    about: str | None = None,
    event_id: str,
    now: float,
) -> Event:
    """A person read decisions, opened. Sealed under the reader's own key, as what they did.

    It stands outside the trails of those decisions: an agent that reads its own learns
    nothing of its auditors.

    Args:
        caller: who read.
        via: `search`, `trail` or `approval`.
        decisions: what was shown; none is an answer too.
        query: the filters but for a person: whom it asked about is no word of the reader's,
            and must go with that person.
        about: the data key of that person.
        event_id: a fresh id.
        now: seconds since the epoch.
    """
    return Event(
        kind=READ,
        event_id=event_id,
        time=now,
        tenant=caller.tenant,
        subject=(caller.subject.issuer, caller.subject.sub),
        plain={"via": via, "decisions": list(decisions), "about": about},
        payload={
            "reader": canonical_bytes(caller_json(caller)),
            "query": canonical_bytes(query),
        },
    )


def shipping(
    tenant: str,
    *,
    name: str,
    where: str,
    opened: bool,
    first: int,
    event_id: str,
    now: float,
) -> Event:
    """From here on records go to another system, by the configuration; said once for each.

    Args:
        tenant: whose records.
        name: the entry's.
        where: the collector's address, or the folder; sealed.
        opened: whether with what was said.
        first: the place in the log from which on.
        event_id: a fresh id.
        now: seconds since the epoch.
    """
    return Event(
        kind=EXPORTED,
        event_id=event_id,
        time=now,
        tenant=tenant,
        subject=None,
        plain={"via": "shipper", "export": name, "opened": opened, "first": first},
        payload={"where": where.encode()},
    )


def exported(
    caller: Caller, *, manifest: JsonObject, digest: str, event_id: str, now: float
) -> Event:
    """An export was made. The receipt over this leaf is the manifest's signature.

    Args:
        caller: who asked.
        manifest: what it says of itself.
        digest: `export_manifest.manifest_digest` of it.
        event_id: a fresh id.
        now: seconds since the epoch.
    """
    return Event(
        kind=EXPORTED,
        event_id=event_id,
        time=now,
        tenant=caller.tenant,
        subject=(caller.subject.issuer, caller.subject.sub),
        plain={"manifest": digest, **{name: manifest[name] for name in _NAMED}},
        payload={
            "reader": canonical_bytes(caller_json(caller)),
            "query": canonical_bytes(manifest["filters"]),
        },
    )
