"""The page of `counterfoil evidence`: whatever comes out of a record is escaped, every cell.

It needs no script and loads nothing, and says so to the browser.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Final

from counterfoil.core.evidence_figures import SECTIONS
from counterfoil.core.model import JsonObject

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_STYLE: Final = (
    "body{font:15px/1.5 sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{border:1px solid #999;"
    "padding:.2rem .6rem;text-align:left;overflow-wrap:anywhere}.bad{color:#a00}"
)
_NONE: Final = {
    "reconciliation": "None. No reconciliation was recorded in this period, so nothing here shows"
    " that the targets' own audit agrees with what agents reported.",
    "gap": "None.",
}


def page_of(report: JsonObject) -> str:
    """The whole page."""
    value: Any = report
    title = f"Evidence of {value['tenant']}"
    parts = [
        (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{_e(title)}</title>'
            f'<meta http-equiv="Content-Security-Policy" content="{_e(_POLICY)}">'
            f"<style>{_STYLE}</style></head><body><h1>{_e(title)}</h1>"
        ),
        _facts(value),
        _verification(value["verification"]),
        *(_section(name, heading, value["figures"]) for name, heading in SECTIONS.items()),
        _approvals(value["approvals"]),
        _table(
            "Policy revisions in force",
            ("revision", "first decision", "last decision"),
            ((p["revision"], p["first_decision"], p["last_decision"]) for p in value["policies"]),
        ),
        _table(
            "Longest silences",
            ("seconds", "after the record", "before the record"),
            ((s["seconds"], s["after"], s["before"]) for s in value["longest_silences"]),
        ),
        (
            "<p>Each number leads to the list of its records: place in the log, event, decision,"
            " time. <code>counterfoil trail</code> tells a decision, <code>counterfoil prove</code>"
            " proves one record alone.</p></body></html>\n"
        ),
    ]
    return "".join(parts)


def _e(value: object) -> str:
    return html.escape(str(value), quote=True)


def _facts(value: Any) -> str:
    facts = (
        ("from (included)", value["since"] or "the beginning"),
        ("until (not included)", value["until"] or value["made_at"]),
        ("log", value["log"]),
        ("read up to", f"{value['size']} records, the log's signed checkpoint"),
        ("made at", value["made_at"]),
    )
    return _table("", (), facts)


def _verification(found: Any) -> str:
    if not found["done"]:
        return "<h2>Verification</h2><p class=bad>Not done (--no-verify).</p>"
    if found["whole"]:
        text = f"Whole: {found['records']} records, every signature and every story checked."
        return f"<h2>Verification</h2><p>{_e(text)}</p>"
    rows = ((item["where"], item["what"]) for item in found["findings"])
    return "<p class=bad>NOT WHOLE</p>" + _table("Failed verifications", ("where", "what"), rows)


def _section(name: str, heading: str, figures: Sequence[Any]) -> str:
    rows = [figure for figure in figures if figure["section"] == name]
    if not rows:
        return f"<h2>{_e(heading)}</h2><p>{_e(_NONE.get(name, 'None in this period.'))}</p>"
    lines = "".join(
        "<tr>"
        + "".join(f"<td>{_e(word)}</td>" for word in row["of"])
        + f'<td><a href="{_e(row["records"])}">{_e(row["count"])}</a></td></tr>'
        for row in rows
    )
    return f"<h2>{_e(heading)}</h2><table>{lines}</table>"


def _approvals(approvals: Any) -> str:
    took = approvals["seconds_to_first_answer"]
    facts = _table("How long answers took, in seconds", (), took.items())
    names = ("approval", "decision_id", "asked", "answered", "seconds", "status")
    rows = ([item[name] for name in names] for item in approvals["each"])
    return facts + _table("Each approval", names, rows)


def _table(heading: str, names: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    head = f"<h2>{_e(heading)}</h2>" if heading else ""
    titles = f"<tr>{''.join(f'<th>{_e(name)}</th>' for name in names)}</tr>" if names else ""
    lines = [
        "<tr>" + "".join(f"<td>{'–' if c is None else _e(c)}</td>" for c in row) + "</tr>"  # noqa: RUF001 -- a dash for none
        for row in rows
    ]
    return head + (f"<table>{titles}{''.join(lines)}</table>" if lines else "<p>None.</p>")
