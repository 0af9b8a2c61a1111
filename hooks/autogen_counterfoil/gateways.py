"""A decided request sent through the gateway that holds the API's own key (`http_proxy`).

    url, headers = through_gateway(current_grant().credential(), url)
    requests.post(url, data=body, headers=headers, allow_redirects=False)

The gateway takes the decided request alone, once: path, query and body stay as they were judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def through_gateway(credential: Mapping[str, str], url: str) -> tuple[str, dict[str, str]]:
    """Where the request to `url` goes instead, and the header that lets it through.

    Args:
        credential: of an `http_proxy` issuer.
        url: the judged one, as the tool was given it. No byte after its origin is changed.

    Raises:
        KeyError: it is a credential of another kind.
        ValueError: the URL is not http(s)://host/path.
    """
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    target = url.removeprefix(origin)
    if parts.scheme not in {"http", "https"} or not parts.netloc or not target.startswith("/"):
        raise ValueError("it is no judged URL")
    headers = {"Authorization": f"Bearer {credential['key']}"}
    return credential["url"] + target, headers
