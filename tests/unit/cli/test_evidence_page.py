"""The page is read in a browser by somebody with rights: no word of a record may act there."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli.evidence_folder import Lists, report_of, write_report
from counterfoil.core.columns import Record
from counterfoil.core.evidence_figures import Figures, record_line

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</td></table><iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>click</a>",
    "<!--",
    "]]>&lt;b&gt;",
    "<meta http-equiv=refresh content='0;url=https://attacker.example/'>",
    "../../../../etc/passwd",
    "\x00\u202e<style>*{display:none}</style>",
)
KNOWN = frozenset(
    {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "tr"),
        *("td", "th", "a", "code"),
    }
)


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def about() -> dict[str, Any]:
    return {
        "v": 1,
        "tenant": "acme",
        "log": "ledger.example.test/log/acme",
        "size": 2,
        "since": None,
        "until": None,
        "made_at": "2026-03-01T00:00:00Z",
        "verification": {"done": True, "whole": True, "records": 2, "findings": []},
    }


def written(folder: Path, word: str, **more: Any) -> Tags:
    """A page over records that say `word` wherever a record can say anything."""
    folder.mkdir(exist_ok=True)
    figures, lists = Figures(), Lists(folder)
    said = {
        "caller": json.dumps({"subject": {"iss": word, "sub": word}}).encode(),
        "request": json.dumps({"action": word}).encode(),
    }
    plains: list[tuple[str, dict[str, Any]]] = [
        ("decided", {"effect": "allow", "reasons": [word], "actor": {"sub": word}, "policy": word}),
        ("failed", {"code": word}),
        ("approval_requested", {"approval": word}),
        ("approval_answered", {"approval": word, "answer": word, "status": word}),
    ]
    for index, (kind, plain) in enumerate(plains):
        leaf = {
            "event": kind,
            "event_id": f"evt_{index}",
            "decision_id": word,
            "time": f"2026-03-01T00:00:0{index}.000000Z",
            "subject_key": None,
            "plain": plain,
        }
        record = Record(index=index, leaf_hash="", leaf=leaf, said=said)
        for figure in figures.take(record):
            lists.add(figure, record_line(record))
    write_report(folder, report_of(figures, lists, {**about(), **more}))
    tags = Tags()
    tags.feed((folder / "index.html").read_text("utf-8"))
    return tags


@pytest.mark.parametrize("word", PAYLOADS)
def test_no_word_of_a_record_acts_in_the_page(tmp_path: Path, word: str) -> None:
    finding = {"where": word, "what": word}
    broken = {"done": True, "whole": False, "records": 2, "findings": [finding]}
    tags = written(tmp_path, word, verification=broken, since=word)
    plain = written(tmp_path / "control", "word", verification=broken, since="word")
    assert [tag for tag, _ in tags.tags] == [tag for tag, _ in plain.tags]
    assert {tag for tag, _ in tags.tags} <= KNOWN
    for tag, attributes in tags.tags:
        assert set(attributes) <= {"href", "class", "lang", "charset", "http-equiv", "content"}
        if tag == "a":
            name = str(attributes["href"])
            assert name.startswith("records/")
            assert (tmp_path / name).is_file()
    assert word.replace("\x00", "").split("\u202e")[-1] in "".join(tags.text).replace("\x00", "")


def test_what_was_not_done_is_not_claimed(tmp_path: Path) -> None:
    """No check, no reconciliation: the page says so and shows no number for it."""
    undone: dict[str, Any] = {"done": False, "whole": None, "records": 0, "findings": []}
    text = "".join(written(tmp_path, "word", verification=undone).text)
    assert "Not done" in text
    assert "Whole:" not in text
    assert "No reconciliation was recorded" in text
    control = "".join(written(tmp_path / "control", "word").text)
    assert "Whole: 2 records" in control


def test_each_number_leads_to_as_many_records(tmp_path: Path) -> None:
    written(tmp_path, "word")
    report = json.loads((tmp_path / "evidence.json").read_bytes())
    assert report["figures"]
    for figure in report["figures"]:
        assert len((tmp_path / figure["records"]).read_text().splitlines()) == figure["count"]
    assert set(report["files"]) == {
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != "evidence.json"
    }
