"""Each code of doubt is explained, and each explanation is used."""

from __future__ import annotations

import re
from pathlib import Path

import counterfoil
from counterfoil.core.actions.uncertain import UNCERTAIN, reason
from counterfoil.core.model import Uncertainty

ROOT = Path(counterfoil.__file__).parent


def used_codes() -> set[str]:
    text = "\n".join(
        path.read_text("utf-8")
        for path in sorted(ROOT.rglob("*.py"))
        if path.name != "uncertain.py"
    )
    return set(re.findall(r'"(uncertain\.[a-z_]+)"', text))


def test_every_code_in_use_is_explained_and_none_is_left_over() -> None:
    assert used_codes() == set(UNCERTAIN)


def test_explanations_say_what_happened_and_what_to_do() -> None:
    for code, text in UNCERTAIN.items():
        assert re.fullmatch(r"uncertain\.[a-z][a-z0-9_]*", code)
        assert text.title
        assert text.solution.endswith(".")


def test_a_reason_carries_place_and_detail() -> None:
    found = reason(Uncertainty(code="uncertain.sql_function", span=(7, 15), detail="pg_sleep"))
    assert found.code == "uncertain.sql_function"
    assert found.title == UNCERTAIN["uncertain.sql_function"].title
    assert found.details == {"span": [7, 15], "detail": "pg_sleep"}
    assert reason(Uncertainty(code="uncertain.reader_failed")).details is None


def test_a_code_of_tomorrow_still_has_words() -> None:
    assert reason(Uncertainty(code="uncertain.new_thing")).title
