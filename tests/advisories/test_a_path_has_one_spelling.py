"""`GET http://evil.example/livez` was served for a `Host` of ours, and `/%61uthorize` too.

An absolute target names its own host, which goes before the header (RFC 9112 §3.2.2); and
whoever in front judges paths as they are written was passed by another spelling.
"""

from __future__ import annotations

import pytest

from main_path import assert_problem
from service import Service

FORMS = ["http://evil.example/livez", "http://127.0.0.1/livez", "/livez#x", "livez", "*"]
SPELLINGS = [
    "/%6civez",
    "/%6Civez",
    "/.well-known%2Fjwks.json",
    "/livez%",
    "/livez%zz",
    "/livez%2f",
]


@pytest.mark.parametrize("target", FORMS)
def test_another_form_than_a_path_is_refused(service: Service, target: str) -> None:
    assert service.request("GET", target).status == 400
    assert service.request("GET", "/livez").status == 200  # control


@pytest.mark.parametrize("path", SPELLINGS)
def test_another_spelling_of_a_path_is_not_that_path(service: Service, path: str) -> None:
    assert_problem(service.request("GET", path), 404, "request.not_found")
    assert service.request("GET", "/.well-known/jwks.json").status == 200  # control


def test_what_must_be_encoded_may_be(service: Service) -> None:
    assert service.request("GET", "/no%20such%2520path").status == 404
    assert service.request("GET", "/livez?%76erbose").status == 200  # queries are not paths
