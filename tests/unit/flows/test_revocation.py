"""Up to when a revocation reaches back."""

from __future__ import annotations

import pytest

from counterfoil.core.model import RevocationRequest
from counterfoil.core.revocation import TIMED, By
from counterfoil.errors import SchemaViolation
from counterfoil.flows.revocation import _moment

PAST, AHEAD, NOW = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", 1_800_000_000.0


@pytest.mark.parametrize("by", By)
def test_what_is_ended_for_good_has_no_moment_before_which(by: By) -> None:
    request = RevocationRequest(by=by.value, parts=("x",), before=PAST)
    if by in TIMED:
        assert _moment(request, NOW) < NOW
    else:
        with pytest.raises(SchemaViolation):
            _moment(request, NOW)
    assert _moment(RevocationRequest(by=by.value, parts=("x",)), NOW) == NOW


@pytest.mark.parametrize("before", [AHEAD, "yesterday", ""])
def test_a_moment_that_has_not_passed_is_refused(before: str) -> None:
    with pytest.raises(SchemaViolation):
        _moment(RevocationRequest(by="everything", parts=(), before=before), NOW)
