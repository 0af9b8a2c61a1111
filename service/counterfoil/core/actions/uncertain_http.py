"""What cannot be known of a request, and what to write instead: title and solution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HTTP: Final[Mapping[str, tuple[str, str]]] = {
    "argument": (
        "The request has an argument that is not read",
        "Send method, url, headers and body alone; write query parameters into the URL.",
    ),
    "method": (
        "The method is not read",
        "Write GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in upper case.",
    ),
    "url": (
        "Clients read this URL differently",
        "Write https://host[:port]/path?query, without user name, fragment or backslash.",
    ),
    "host": (
        "Resolvers read this host differently",
        "Write the plain name, or the address in its one form: 10.0.0.1 or [2001:db8::1].",
    ),
    "path": (
        "Servers read this path differently",
        "Write the path plainly: no dot or empty segment, no escaped letter, slash, dot or %.",
    ),
    "query": (
        "Servers read this query differently",
        "Write letters and digits as they are, no escaped escapes, and no _method.",
    ),
    "header": (
        "A header changes where a request goes or what it means, or is not known",
        "Leave it out; docs/actions/http.md lists the headers that are read.",
    ),
    "body": (
        "The body does not fit the request",
        "Send a body with POST, PUT, PATCH or DELETE alone, without a _method in it.",
    ),
    "operation": (
        "The registered API has no such operation",
        "Use a method and path of the API's OpenAPI document.",
    ),
    "parameter": (
        "A parameter is not as the API's document declares it",
        "Send each declared parameter once, with a value of its type; the details name it.",
    ),
}
