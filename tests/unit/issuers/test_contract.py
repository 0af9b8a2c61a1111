"""A credential's name is the request's alone, and fits every target."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterfoil_issuers.contract import CREDENTIAL_NAME, Made, credential_name


def test_name_of_a_credential_is_published_and_never_changes() -> None:
    assert credential_name("jti_01K8Z0V4H1") == "cf-7oruaqxrte4q5dqhhb5jsiiw5v"


@given(st.text(max_size=200), st.text(max_size=200))
def test_two_requests_never_share_a_credential(one: str, other: str) -> None:
    names = {credential_name(one), credential_name(other)}
    assert len(names) == len({one, other})
    assert all(CREDENTIAL_NAME.fullmatch(name) for name in names)


def test_secret_of_a_credential_is_not_printed() -> None:
    made = Made(secret={"password": "hunter-2-hunter"}, public={"user": "cf-a"})
    assert "hunter" not in repr(made)
    assert "cf-a" in repr(made)
