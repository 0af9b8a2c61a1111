"""A seeded stream of hostile requests: each is an honest one, changed somewhere.

Bodies (structure, bytes, commands), headers, paths, methods, credentials and sizes change,
alone or together; the seed and the number of a request find it again.
"""

from __future__ import annotations

import copy
import json
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from random import Random
from typing import Any
from urllib.parse import urlencode

from counterfoil.core.grant import FORM, TOKEN_EXCHANGE
from counterfoil.core.token_request import TokenType
from counterfoil.http.exchange import Environ
from simulators.http_door import honest

Document = dict[str, Any]

SQL = [
    "CREATE TABLE public.invoices (id int)",
    "CREATE TABLE public.a(id int); DROP TABLE public.users",
    "SELECT * FROM public.customers WHERE id = 1",
    "DO $$ BEGIN PERFORM 1; END $$",
    "WITH x AS (DELETE FROM public.t RETURNING *) SELECT * FROM x",
    "COPY public.t TO PROGRAM 'id'",
    "select " + "(" * 3000,
    "SELECT '" + "\U0001d11e" * 200 + "'",
    "INSERT INTO public.t VALUES (1e999, 'NaN', E'\\000')",
    'CREATE TABLE "public"."\u202e" (id int)',
    "\x00",
    "",
    "--",
    "/*" * 2000,
]
MANIFESTS = [
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: staging}\n",
    "a: &a [*a]\n",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n" * 3,
    "!!python/object/apply:os.system [id]",
    '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"}}',
    "---\n---\n",
    "\ufeff{}",
]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 2**63 - 1, 2**53 + 1, "", " ", "\x00", "a" * 300,
    "\U0001d11e" * 257, "\ud7ff\ue000", "../../etc/passwd", "${jndi:ldap://x}", "{{7*7}}", "%s%n",
    "<script>", "alice\n", [], {}, [[]], [{}] * 17, {"": ""}, {"__proto__": {}}, {"$ref": "#"},
    {f"k{n}": n for n in range(300)}, [[[[[[[[]]]]]]]], "dec_" + "0" * 26,
]  # fmt: skip
RAW = [
    b"", b" ", b"null", b"[]", b'"a"', b"{", b"}", b"{}{}", b'{"a":1,"a":2}', b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00", b'{"a":"\\ud800"}', b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\xed\xa0\x80"}',
    b'{"a":' + b"9" * 5000 + b"}", b"[" * 50_000, b'{"a":' * 30_000, b"\x00" * 100,
    b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", b"x" * 300_000,
]  # fmt: skip
FORM_PATHS = ["/token", "/logout/backchannel"]
PATHS = [
    "", "/", "*", "//authorize", "/authorize/", "/Authorize", "/authorize/batch/", "/authorize%2e",
    "/authorize\x00", "/authorize;a=b", "/decisions", "/decisions/", "/decisions/x/outcome",
    "/decisions/" + "a" * 3000, "/decisions/../livez", "/decisions/dec_%00/outcome", "/token",
    "/decisions/dec_" + "0" * 26, "/metrics", "/console", "/static/x", "/.well-known/", "/.env",
    "/\xff\xfe\xfd", "/" + "/" * 500, "/openapi.json/x", "/readyz/x", "/decisions/\u00e9/outcome",
]  # fmt: skip
METHODS = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "post",
    "X-Y",
]
TEXTS = [
    "", " ", "\x00", "\x7f", "é", "a" * 20_000, '"', '"a', "a,b", "a;b", "'", "\\", "a\tb", "(", "%0d%0aX: 1",
    "00-" + "0" * 32 + "-" + "0" * 16 + "-00", "-1", "1" * 400, "1_0", "0x10", "\u0661", "chunked",
    "gzip", "identity", "utf-7", "application/json; charset=utf-16", "text/plain", "application/xml",
]  # fmt: skip
HEADERS = [
    "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_HOST", "HTTP_X_REQUEST_ID", "HTTP_TRACEPARENT",
    "HTTP_TRACESTATE", "HTTP_IDEMPOTENCY_KEY", "HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_ENCODING",
    "HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_COOKIE", "HTTP_ORIGIN", "HTTP_EXPECT",
    "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_COUNTERFOIL_LAST_RECEIPT", "HTTP_COUNTERFOIL_UNRECORDED", "QUERY_STRING", "HTTP_ACCEPT",
]  # fmt: skip


@dataclass
class Hostile:
    """Makes requests; `tokens` are honest ones, `decisions` ids that exist.

    `secret` is that of the development launcher.
    """

    seed: int
    tokens: Sequence[str]
    decisions: list[str] = field(default_factory=list)
    secret: str = ""

    def __post_init__(self) -> None:
        self._rng = Random(self.seed)  # noqa: S311 -- the same stream again, not a secret

    def stream(self, count: int) -> Iterator[Environ]:
        """The first `count` requests of this seed."""
        for _ in range(count):
            yield self._one()

    def _one(self) -> Environ:
        rng = self._rng
        method, path, body = self._honest()
        environ = honest(
            body, REQUEST_METHOD=method, PATH_INFO=path, HTTP_AUTHORIZATION=self._authorization()
        )
        if path in FORM_PATHS and rng.random() < 0.9:
            environ["CONTENT_TYPE"] = FORM
            del environ["HTTP_AUTHORIZATION"]
        changes: list[Callable[[Environ], None]] = [
            self._header, self._path, self._method, self._credential, self._length, self._chunks,
        ]  # fmt: skip
        for change in rng.sample(changes, rng.choice([0, 0, 1, 1, 1, 2, 3])):
            change(environ)
        return environ

    def _honest(self) -> tuple[str, str, bytes]:
        rng, known = self._rng, self.decisions or ["dec_" + "0" * 26]
        kind = rng.random()
        if kind < 0.5:
            return "POST", "/authorize", self._body(self._request())
        if kind < 0.6:
            return self._identity()
        if kind < 0.75:
            items = [self._request() for _ in range(rng.choice([0, 1, 2, 16, 17]))]
            return "POST", "/authorize/batch", self._body({"actions": items})
        if kind < 0.85:
            report = {"status": rng.choice(["ok", "error", "x"]), "length": 3}
            return "POST", f"/decisions/{rng.choice(known)}/outcome", self._body(report)
        if kind < 0.9:
            return "GET", f"/decisions/{rng.choice(known)}", b""
        if kind < 0.96:
            return self._approval()
        return (
            "GET",
            rng.choice(["/livez", "/readyz", "/openapi.json", "/.well-known/jwks.json"]),
            b"",
        )

    def _identity(self) -> tuple[str, str, bytes]:
        """A form of OAuth's endpoints, or a revocation by somebody who may not."""
        rng = self._rng
        if rng.random() < 0.2:
            value: Document = rng.choice([{"run": "run_1"}, {"everything": True}, {"token": "t"}])
            return "POST", "/revocations", self._body(self._restructured(value))
        path, token = rng.choice(FORM_PATHS), rng.choice([*self.tokens, "x", "a.b.c"])
        fields = [("logout_token", token)]
        if path == "/token":
            fields = [
                ("grant_type", TOKEN_EXCHANGE),
                ("subject_token", token),
                ("subject_token_type", rng.choice(list(TokenType)).value),
                ("agent", rng.choice(["coder", "reviewer", "x", ""])),
                ("prompt", self._text("Add a table")),
                ("client_id", "development"),
                ("client_secret", rng.choice([self.secret, "x"])),
            ]
        for _ in range(rng.choice([0, 0, 1, 2])):
            place = rng.randrange(len(fields))
            name, text = fields[place]
            fields[place] = (rng.choice([name, name, name.upper(), "x"]), self._text(text))
            if rng.random() < 0.2:
                fields.append(fields[place])
        body = urlencode(
            [(name, text.encode("utf-8", "replace")) for name, text in fields]
        ).encode()
        return "POST", path, self._mangled(body) if rng.random() < 0.3 else body

    def _approval(self) -> tuple[str, str, bytes]:
        path = self._rng.choice(["/approvals", "/approvals/apr_" + "0" * 26])
        if path == "/approvals" or self._rng.random() < 0.3:
            return "GET", path, b""
        answer = {"answer": "approve", "action_digest": "A" * 43, "comment": "c"}
        body, end = self._rng.choice([(answer, "answer"), ({}, "cancel")])
        return "POST", f"{path}/{end}", self._body(self._restructured(body) if body else body)

    def _request(self) -> Document:
        rng = self._rng
        arguments: Document = {"database": "orders", "sql": self._text(rng.choice(SQL))}
        name = "run_sql"
        if rng.random() < 0.3:
            name, arguments = (
                "kubectl_apply",
                {"cluster": "main", "manifest": self._text(rng.choice(MANIFESTS))},
            )
        request: Document = {
            "action": {"name": name, "properties": {"arguments": arguments}},
            "context": {"prompt": rng.choice(["a", "", "x" * 5000]), "call_id": "c"},
        }
        if rng.random() < 0.1:
            request["context"]["approval"] = {"id": rng.choice(["apr_" + "0" * 26, "", "'", 1])}
        for _ in range(rng.choice([0, 0, 1, 2])):
            request = self._restructured(request)
        return request

    def _restructured(self, document: Document) -> Document:
        changed = copy.deepcopy(document)
        places = [(parent, key) for parent, key in _places(changed)]
        if not places:
            return changed
        parent, key = self._rng.choice(places)
        how = self._rng.random()
        if how < 0.5:
            parent[key] = self._rng.choice(VALUES)
        elif how < 0.7:
            del parent[key]
        elif isinstance(parent, dict):
            parent[self._rng.choice(["subject", "tenant", "", "x" * 300, "é", str(key) + " "])] = 1
        return changed

    def _body(self, document: Document) -> bytes:
        rng = self._rng
        kind = rng.random()
        if kind < 0.05:
            return rng.choice(RAW)
        ascii_only = rng.random() < 0.5
        body = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        return self._mangled(body) if kind < 0.3 else body

    def _mangled(self, body: bytes) -> bytes:
        rng, data = self._rng, bytearray(body)
        for _ in range(rng.choice([1, 1, 2, 8])):
            if not data:
                break
            at = rng.randrange(len(data))
            how = rng.randrange(5)
            if how == 0:
                data[at] ^= 1 << rng.randrange(8)
            elif how == 1:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
            elif how == 2:
                del data[at : at + rng.randrange(1, 20)]
            elif how == 3:
                data[at:at] = data[rng.randrange(len(data)) :][:40]
            else:
                del data[at:]
        return bytes(data)

    def _text(self, text: str) -> str:
        rng = self._rng
        if rng.random() < 0.5 or not text:
            return text
        at = rng.randrange(len(text))
        junk = "".join(rng.choices(string.printable + "\u2028é'\";$\\", k=rng.randrange(1, 6)))
        return text[:at] + junk + text[at + rng.randrange(3) :]

    def _authorization(self) -> str:
        return "Bearer " + self._rng.choice(self.tokens)

    def _header(self, environ: Environ) -> None:
        name = self._rng.choice(HEADERS)
        environ[name] = self._rng.choice(TEXTS)
        if name == "HTTP_IDEMPOTENCY_KEY" and self._rng.random() < 0.7:
            environ[name] = f'"k{self._rng.randrange(20)}"'  # used again, often for another body

    def _path(self, environ: Environ) -> None:
        environ["PATH_INFO"] = self._rng.choice(PATHS)

    def _method(self, environ: Environ) -> None:
        environ["REQUEST_METHOD"] = self._rng.choice(METHODS)

    def _credential(self, environ: Environ) -> None:
        rng, token = self._rng, self._rng.choice(self.tokens)
        head, payload, signature = token.split(".")
        environ["HTTP_AUTHORIZATION"] = rng.choice(
            [
                "", "Bearer", "Bearer x", "Basic YTpi", "Bearer " + token[:-3], "Bearer " + "a." * 5000,
                f"Bearer {payload}.{head}.{signature}", f"Bearer {head}.{payload}.", f"Bearer {token}=",
                f"Bearer eyJhbGciOiJub25lIn0.{payload}.", f"Bearer {token},Bearer {token}",
                f"Bearer {head}.{payload}.{signature[::-1]}", "Bearer " + "é" * 20, "Bearer \x00",
                "Bearer " + self._mangled(token.encode()).decode("latin-1"), f"Bearer .{token}.",
            ]
        )  # fmt: skip
        if rng.random() < 0.1:
            del environ["HTTP_AUTHORIZATION"]

    def _length(self, environ: Environ) -> None:
        environ["CONTENT_LENGTH"] = self._rng.choice(
            ["", "0", "1", "-1", "+5", "9" * 30, "262145", "1e3", " 7", "\uff17", "12, 12"]
        )

    def _chunks(self, environ: Environ) -> None:
        environ["HTTP_TRANSFER_ENCODING"] = self._rng.choice(["chunked", "gzip, chunked", "x"])
        if self._rng.random() < 0.8:
            del environ["CONTENT_LENGTH"]
        if self._rng.random() < 0.2:
            environ["wsgi.input"] = BytesIO(b"{" * 400_000)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in list(children):
        yield value, key
        yield from _places(child)
