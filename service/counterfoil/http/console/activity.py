"""*Activity*: decisions found, counted and drawn; one decision's whole story; an export."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, cast
from urllib.parse import urlencode

from flask import Blueprint

from counterfoil.core.columns import neutral
from counterfoil.flows.access import AUDITOR
from counterfoil.flows.activity import Counts
from counterfoil.http.console.charts import Chart, chart
from counterfoil.http.console.door import ConsoleDoor, Visit
from counterfoil.http.console.pages import FRAME
from counterfoil.http.console.story import story
from counterfoil.http.console.words import line, shown
from counterfoil.http.decisions import ReadsTrail, Searches
from counterfoil.http.exchange import Reply, hang
from counterfoil.http.inbound import known_id
from counterfoil.http.saml import query_of

PATH: Final = "/console/activity"
SHOWN: Final = 40
EXPORTED: Final = 1_000
FILTERS: Final = ("since", "until", "effect", "tool", "run", "actor", "issuer", "subject")
COLUMNS: Final = (
    *("decision_id", "time", "index", "effect", "enforcement", "family", "tool", "reasons"),
    *("issuer", "subject", "actor", "run", "policy"),
)


class CountsDecisions(Protocol):
    """`flows.activity.ActivityFlow`."""

    def run(
        self, *, unverified_query: Sequence[tuple[str, str]], unverified_token: str
    ) -> Counts | None:
        """The counts for a search; raises `CounterfoilError`."""


class TellsPrompts(Protocol):
    """`flows.run_prompt.RunPromptFlow`."""

    def run(self, tenant: str, run: str) -> str | None:
        """The prompt that a run was opened with; raises `LedgerError`."""


def activity_blueprint(
    door: ConsoleDoor,
    *,
    search: Searches,
    trail: ReadsTrail,
    counting: CountsDecisions,
    prompts: TellsPrompts,
) -> Blueprint:
    """Hang the pages."""
    blueprint = Blueprint("console_activity", __name__)

    def listed(visit: Visit) -> Reply:
        asked = query_of(visit.environ)
        filters = _filters(asked)
        counts = counting.run(unverified_query=list(filters.items()), unverified_token=visit.token)
        cursor = {"cursor": asked["cursor"]} if asked.get("cursor") else {}
        found = _page(search, visit, {**filters, **cursor, "limit": str(SHOWN)})
        rows = [_row(item) for item in found["decisions"]]
        following = None
        if found["next"] is not None:
            following = f"{PATH}?{urlencode({**filters, 'cursor': found['next']})}"
        values = {
            "rows": rows,
            "filters": {name: filters.get(name, "") for name in FILTERS},
            "following": following,
            "first": not cursor,
            "export": f"{PATH}/export?{urlencode(filters)}",
            "charts": charts(counts, rows),
            "counts": counts,
            "auditor": AUDITOR in visit.caller.roles,
        }
        return door.pages.render("activity.html", {**visit.base, **values})

    def one(visit: Visit, decision_id: str) -> Reply:
        value = trail.run(
            decision_id=known_id("dec", decision_id), unverified_token=visit.token, proof=None
        )
        told = cast("Mapping[str, Any]", value)
        values = {**story(told), "of_run": False, "auditor": AUDITOR in visit.caller.roles}
        if values["prompt"] is None and values["run"]:
            prompt = prompts.run(visit.caller.tenant, str(values["run"]))
            if prompt is not None:
                values |= {"prompt": shown(prompt), "of_run": True}
        return door.pages.render("decision.html", {**visit.base, **values})

    def export(visit: Visit) -> Reply:
        rows = _all(search, visit, _filters(query_of(visit.environ)))
        name = ("Content-Disposition", 'attachment; filename="decisions.csv"')
        return Reply(200, _csv(rows), "text/csv; charset=utf-8", (*FRAME, name))

    hang(blueprint, PATH, "listed", door.page(listed), method="GET")
    hang(blueprint, f"{PATH}/export", "export", door.page(export), method="GET")
    hang(blueprint, f"{PATH}/<decision_id>", "one", door.page(one), method="GET")
    return blueprint


def charts(counts: Counts | None, rows: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """The figures; tools are sealed, so they are counted of what is listed alone."""
    tools = Counter(str(row["tool"] or "erased") for row in rows)
    drawn = [] if counts is None else [("effect", "By effect", counts.effects)]
    if counts is not None:
        drawn.append(("family", "By kind of action", counts.families))
    drawn.append(("tool", "By tool, of those listed", tools.most_common()))
    if counts is not None and counts.people:
        drawn.append(("person", "By person", counts.people))
    return [chart(name, title, found) for name, title, found in drawn if found]


def _filters(asked: Mapping[str, str]) -> dict[str, str]:
    """What a form of filters says; empty fields say nothing."""
    return {name: asked[name].strip() for name in FILTERS if asked.get(name, "").strip()}


def _page(search: Searches, visit: Visit, query: Mapping[str, str]) -> Mapping[str, Any]:
    value = search.run(
        unverified_query=list(query.items()), unverified_token=visit.token, proof=None
    )
    return cast("Mapping[str, Any]", value)


def _all(search: Searches, visit: Visit, filters: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """At most so many as one file takes; each page is a search, and recorded as one."""
    query, count = {**filters, "limit": "100"}, 0
    while count < EXPORTED:
        found = _page(search, visit, query)
        yield from found["decisions"]
        count += len(found["decisions"])
        if found["next"] is None:
            return
        query["cursor"] = found["next"]


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": item["decision_id"],
        "time": item["time"],
        "effect": item["effect"],
        "enforcement": item["enforcement"],
        "tool": item["tool"],
        "tool_shown": line(item["tool"] or "erased"),
        "subject": line((item["subject"] or {}).get("sub", "erased")),
        "actor": line((item["actor"] or {}).get("sub", "")),
        "reasons": ", ".join(item["reasons"] or ()),
    }


def _csv(rows: Iterator[Mapping[str, Any]]) -> bytes:
    """RFC 4180 in UTF-8, a heading first; no cell is a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for item in rows:
        subject, actor = item["subject"] or {}, item["actor"] or {}
        flat = {
            **item,
            "reasons": " ".join(item["reasons"] or ()),
            "issuer": subject.get("iss"),
            "subject": subject.get("sub"),
            "actor": actor.get("sub"),
        }
        writer.writerow([neutral(flat.get(name)) for name in COLUMNS])
    return text.getvalue().encode("utf-8", "replace")
