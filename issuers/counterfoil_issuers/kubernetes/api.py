"""Speaks to API servers, as the issuer or as a job's account. No credential is in an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests

from counterfoil_issuers.contract import TargetError
from counterfoil_issuers.kubernetes.settings import Settings

TIMEOUT_SECONDS: Final = 10.0
SAID: Final = 300
"""Of a server's own words no more than this goes into a log."""
MERGE: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"  # JSON is YAML; servers since 1.16 take it


class Refused(TargetError):
    """The server answered, and not with success."""

    def __init__(self, method: str, path: str, status: int, said: str) -> None:
        super().__init__(f"{method} {path}: {status}: {said[:SAID]}")
        self.status = status
        self.said = said


class Api:
    """One API server, and one account. Not to be shared between threads."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self.url = url
        self._session = session

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        media: str = "application/json",
        **query: str,
    ) -> dict[str, Any]:
        """One request; redirects are not followed.

        Raises:
            Refused: the answer is no success.
            TargetError: there is no answer, or none that can be read.
        """
        try:
            answer = self._session.request(
                method,
                f"{self.url}{path}",
                json=body,
                params=query,
                headers={"Content-Type": media} if body is not None else {},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            value: Any = answer.json()
        except requests.RequestException as error:
            # Its text may quote headers of the request: only its kind is told.
            said = f"{self.url} gives no answer that can be read ({type(error).__name__})"
            raise TargetError(f"{method} {path}: {said}") from None
        if not isinstance(value, dict):
            raise TargetError(f"{method} {path}: {self.url} answered no object")
        if not 200 <= answer.status_code < 300:  # noqa: PLR2004 -- success, RFC 9110 §15.3
            raise Refused(method, path, answer.status_code, str(value.get("message", "")))
        return value

    def delete(self, path: str, uid: str | None = None) -> None:
        """Delete one object, if it is there; with `uid`, only that very one.

        Raises:
            TargetError: it may still be there.
        """
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        try:
            self.call("DELETE", path, body)
        except Refused as error:
            # 409: the name is another object's by now.
            if error.status not in {404, 409} or (error.status == 409 and uid is None):  # noqa: PLR2004
                raise

    def get(self, path: str) -> dict[str, Any] | None:
        """One object, or None where there is none.

        Raises:
            TargetError: it cannot be told.
        """
        try:
            return self.call("GET", path)
        except Refused as error:
            if error.status == 404:  # noqa: PLR2004
                return None
            raise

    def list(self, path: str, selector: str) -> list[dict[str, Any]]:
        """The objects that carry the labels.

        Raises:
            TargetError: it cannot be told.
        """
        items = self.call("GET", path, labelSelector=selector).get("items")
        return [item for item in items or () if isinstance(item, dict)]


@contextmanager
def connect(settings: Settings, url: str, token: str | None = None) -> Iterator[Api]:
    """An API server by its URL: as the account of `token`, else as the issuer itself.

    Raises:
        TargetError: the issuer's own credential cannot be read.
    """
    with requests.Session() as session:
        session.trust_env = False  # no proxy, .netrc or other authority of the environment
        session.verify = settings.ca_file or True
        if token is None and settings.token_file is not None:
            token = _own_token(settings.token_file)
        if token is not None:
            session.headers["Authorization"] = f"Bearer {token}"
        elif settings.certificate_file is not None:
            session.cert = settings.certificate_file
        yield Api(url, session)


def _own_token(path: str) -> str:
    try:
        return Path(path).read_text("ascii").strip()  # each time: a projected one is renewed
    except (OSError, ValueError) as error:
        raise TargetError(f"token_file {path} cannot be read") from error
