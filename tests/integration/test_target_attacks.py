"""No manifest and no image permits more than the role has; honest ones beside them are allowed.

All through `counterfoil explain --lines`, which is the service's own path without its record.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explaining import explained_calls
from target_attacks import ALLOWED, ATTACKS


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, Any]]:
    """What the development policy says of each, by name."""
    calls = {**ATTACKS, **{f"honest: {name}": call for name, call in ALLOWED.items()}}
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        yield dict(zip(calls, explained_calls(Path(folder), calls.values()), strict=True))


def test_no_attack_permits_anything(answers: dict[str, Any]) -> None:
    assert len(ATTACKS) >= 150
    assert len({json.dumps(call) for call in ATTACKS.values()}) >= len(ATTACKS) - 12
    for name in ATTACKS:
        answer = answers[name]
        assert answer["effect"] == "deny", name
        assert answer["permissions"] == answer["ambient"] == [], name
        assert "execute" not in answer, name
        for reason in answer["reasons"]:
            assert reason["code"], name
            assert reason["solution"], name


@pytest.mark.parametrize("name", ALLOWED)
def test_honest_work_beside_them_is_allowed(answers: dict[str, Any], name: str) -> None:
    answer = answers[f"honest: {name}"]
    assert answer["effect"] == "allow", answer["reasons"]
    assert answer["permissions"]
