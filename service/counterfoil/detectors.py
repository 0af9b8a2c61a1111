"""Secrets in what people, agents and commands said, found by detect-secrets (Apache-2.0).

Hides when somebody reads: a better detector finds more in old records, too. When something is
recorded, what is found marks the record (`ledger/marking.py`). Detectors with a form of their own
alone: those that guess by entropy or by a word nearby find much that is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

import orjson

from counterfoil.core.model import JsonValue
from counterfoil.ports_masking import Finding, Masked
from counterfoil.secret_hints import may_hold_secret

BUDGET_SECONDS: Final = 0.25
"""Of one payload. 64 KiB of ordinary text take 30 ms, a usual event less than one."""

PIECE_CHARACTERS: Final = 8_192  # some expressions take a square of it
OVERLAP_CHARACTERS: Final = 4_096  # so long is a token that is always found whole
UNSEEN: Final = "not_looked_at"
_PRIVATE_KEY: Final = "private_key"
_WORD: Final = re.compile(r"[^\s\"'`<>,;(){}\[\]|]+")
_PLUGINS: Final = (
    ("artifactory", "ArtifactoryDetector"),
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("npm", "NpmDetector"),
    ("openai", "OpenAIDetector"),
    ("private_key", "PrivateKeyDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)

Detector = Callable[[str], Iterator[tuple[str, str]]]
"""A text → (kind, a part of the secret) of all that is found in it."""


def found_in(text: str) -> Iterator[tuple[str, str]]:
    """What the detectors find."""
    for kind, plugin in _detectors():
        for part in plugin.analyze_string(text):
            if part:
                yield kind, part


@lru_cache(maxsize=1)
def _detectors() -> list[tuple[str, Any]]:
    """Loaded at the first look: a worker that is never read from does not pay for them."""
    loaded = [
        getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        for module, name in _PLUGINS
    ]
    return [(_code(plugin.secret_type), plugin) for plugin in loaded]


def _code(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


class _OutOfTime(Exception):
    """The budget is spent."""


@dataclass(frozen=True, slots=True)
class SecretMasker:
    """Implements `ports_masking.Masker`."""

    monotonic: Callable[[], float]
    detect: Detector = found_in
    budget_seconds: float = BUDGET_SECONDS

    def mask(self, payload: Mapping[str, JsonValue]) -> Masked:
        """Hide what looks like a secret (`ports_masking.Masker`)."""
        until = self.monotonic() + self.budget_seconds
        shown: dict[str, JsonValue] = {}
        findings: list[Finding] = []
        for name, value in payload.items():
            place = f"/{name}"
            found: list[Finding] = []
            try:
                shown[name] = self._value(value, place, until, found)
                findings += found
            except Exception:  # noqa: BLE001 -- whatever fails here, the field is not shown
                shown[name] = f"[{UNSEEN}]"
                findings.append(Finding(place, UNSEEN))
        return Masked(shown, tuple(findings))

    def hide(self, fields: Mapping[str, bytes]) -> dict[str, bytes]:
        """Those fields of a payload, as it is recorded, in which something is hidden now."""
        values = _values(fields)
        if not values:
            return {}
        masked = self.mask(values).payload
        return {
            name: value.encode() if isinstance(value := masked[name], str) else _json(value)
            for name in values
            if masked[name] != values[name]
        }

    def kinds(self, fields: Mapping[str, bytes]) -> dict[str, list[str]]:
        """Which kinds of secrets stand in which fields of a payload, as it is recorded."""
        found: dict[str, set[str]] = {}
        for finding in self.mask(values).findings if (values := _values(fields)) else ():
            found.setdefault(finding.at.split("/")[1], set()).add(finding.kind)
        return {name: sorted(kinds) for name, kinds in found.items()}

    def _value(self, value: JsonValue, place: str, until: float, found: list[Finding]) -> JsonValue:
        if isinstance(value, str):
            return self._text(value, place, until, found)
        if isinstance(value, Mapping):
            return {
                self._text(name, place, until, found): self._value(
                    item, f"{place}/{_pointer(name)}", until, found
                )
                for name, item in value.items()
            }
        if isinstance(value, Sequence):
            return [
                self._value(item, f"{place}/{number}", until, found)
                for number, item in enumerate(value)
            ]
        return value

    def _text(self, text: str, place: str, until: float, found: list[Finding]) -> str:
        secrets: dict[str, str] = {}
        step = PIECE_CHARACTERS - OVERLAP_CHARACTERS
        for start in range(0, max(1, len(text)), step):
            if self.monotonic() > until:
                raise _OutOfTime
            piece = text[start : start + PIECE_CHARACTERS]
            for kind, part in self.detect(piece):
                secrets.update(dict.fromkeys(_words(piece, part), kind))
        found += [Finding(place, kind) for kind in sorted(set(secrets.values()))]
        if _PRIVATE_KEY in secrets.values():  # its first line is found, and the rest is the key
            return f"[{_PRIVATE_KEY}]"
        for word in sorted(secrets, key=len, reverse=True):
            text = text.replace(word, f"[{secrets[word]}]")
        return text


def _values(fields: Mapping[str, bytes]) -> dict[str, JsonValue]:
    """The fields that may hold a secret: JSON where it is JSON, else text."""
    if not may_hold_secret(b"\n".join(fields.values())):
        return {}
    found: dict[str, JsonValue] = {}
    for name, data in fields.items():
        if may_hold_secret(data):
            try:
                found[name] = orjson.loads(data)
            except ValueError:
                found[name] = data.decode(errors="replace")
    return found


def _json(value: JsonValue) -> bytes:
    return orjson.dumps(value)


def _words(text: str, part: str) -> Iterator[str]:
    """The whole words around a part: some detectors give no more than a token's first letters."""
    for match in _WORD.finditer(text):
        if part in match.group():
            yield match.group()
    if not _WORD.fullmatch(part):
        yield part


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
