"""What a refusal must look like, in OAuth's form, whichever client saw it."""

from __future__ import annotations

import service
from simulators import http_door


def assert_refused(
    answer: http_door.Answer | service.Answer,
    code: str,
    error: str = "invalid_request",
    status: int = 400,
) -> None:
    """A refusal in OAuth's form, which carries no token; a code without a family is `token`'s."""
    said = answer.json if isinstance(answer, http_door.Answer) else answer.body
    assert (answer.status, said["error"]) == (status, error), said
    code = code if "." in code else f"token.{code}"
    assert said["error_uri"] == f"urn:counterfoil:problem:{code}", said
    assert answer.headers["cache-control"] == "no-store"
    assert not {"access_token", "run", "receipt"} & said.keys()
