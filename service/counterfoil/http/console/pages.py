"""Templates to replies: every page leaves here, with the headers that all of them have.

Jinja escapes all that is not marked safe, and no template marks anything. No page has inline
script or style; both come from files of this package, whose names change with their content.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from counterfoil.errors import CounterfoilError, NotFound
from counterfoil.http.exchange import Headers, Reply
from counterfoil.http.problems import RETRY_AFTER_SECONDS, may_be_told

HTML: Final = "text/html; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
FRAME: Final[Headers] = (
    ("Content-Security-Policy", _POLICY),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
_KINDS: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_HOME: Final = Path(__file__).parent
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_TOO_MANY, _UNAVAILABLE = 429, 503


def _static() -> dict[str, Reply]:
    found = {}
    for path in sorted((_HOME / "static").iterdir()):
        if path.suffix in _KINDS:
            data = path.read_bytes()
            mark = urlsafe_b64encode(sha256(data).digest()[:9]).decode()
            reply = Reply(200, data, _KINDS[path.suffix], FRAME, cache_control=_IMMUTABLE)
            found[f"{path.stem}.{mark}{path.suffix}"] = reply
    return found


@dataclass(frozen=True)
class Pages:
    """Renders pages; `development` marks them all."""

    development: bool
    files: Mapping[str, Reply] = field(default_factory=_static)
    _templates: Environment = field(init=False)

    def __post_init__(self) -> None:
        templates = Environment(
            loader=FileSystemLoader(_HOME / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.globals["development"] = self.development
        templates.globals["static"] = {
            f"{name.split('.')[0]}{Path(name).suffix}": name for name in self.files
        }
        object.__setattr__(self, "_templates", templates)

    def render(
        self, template: str, values: Mapping[str, Any], *, status: int = 200, headers: Headers = ()
    ) -> Reply:
        """A page."""
        text = self._templates.get_template(template).render(values)
        return Reply(status, text.encode("utf-8", "replace"), HTML, (*FRAME, *headers))

    def file(self, name: str) -> Reply:
        """A script or a style sheet.

        Raises:
            NotFound: there is none of that name.
        """
        reply = self.files.get(name)
        if reply is None:
            raise NotFound
        return reply

    def refusal(self, error: CounterfoilError, base: Mapping[str, Any]) -> Reply:
        """What went wrong, as the problem details say it."""
        detail = error.detail if may_be_told(error) and error.detail else ""
        values = {
            **base,
            "heading": error.title,
            "detail": detail,
            "solution": error.solution,
            "code": error.code,
        }
        again: Headers = ()
        if error.status in {_UNAVAILABLE, _TOO_MANY}:
            wait = RETRY_AFTER_SECONDS if error.status == _UNAVAILABLE else 60
            again = (("Retry-After", str(wait)),)
        page = self.render("refusal.html", values, status=error.status, headers=again)
        return Reply(page.status, page.body, page.content_type, page.headers, code=error.code)


def redirect(path: str, headers: Headers = ()) -> Reply:
    """To a path of the console's own (303: what follows is read, never sent again)."""
    return Reply(303, b"", "text/plain; charset=utf-8", (("Location", path), *FRAME, *headers))
