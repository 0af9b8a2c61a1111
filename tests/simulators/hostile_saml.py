"""A seeded stream of hostile SAML answers: honest ones changed at random, and rubbish.

Documents change as bytes, as text and as trees, and the named attacks of `saml_cases`, the
encrypted ones among them, come again with further changes on top; so do base64, RelayState and the form around them.
"""

from __future__ import annotations

import copy
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote_from_bytes

from lxml import etree

from saml_cases import encrypted, meaning, parsing, signatures, wrapping
from saml_cases.workshop import Recipe, Workshop

_SLOW = {"too_large", "wide_tree", "deeper_than_the_parser", "huge", "wide_inside"}  # to make
_RECIPES: tuple[Recipe, ...] = (
    *(
        recipe
        for table in (parsing, wrapping, signatures, meaning, encrypted)
        for name, (_, recipe) in table.DOCUMENTS.items()
        if name not in _SLOW
    ),
    *encrypted.HONEST.values(),
)
_BYTES = (
    b"\x00", b"\xff", b"\xc0\x80", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"<", b">", b"&", b"]]>", b"<!--",
    b"-->", b"<![CDATA[", b"<?x?>", b"&#0;", b"&#xD800;", b"&lt;", b"&x;", b"\r\n", b"\t", b"'", b'"',
    "\u202e".encode(), "\ufffe".encode(), "\U0001d11e".encode(), b"A" * 70_000,
)  # fmt: skip
_WORDS = (
    "ds:Signature", "ds:SignedInfo", "ds:Reference", "ds:Transform", "ds:DigestValue", "a:Assertion",
    "a:Subject", "a:NameID", "a:Conditions", "a:Audience", "a:AttributeValue", "p:Response", "p:Status",
    "ID=", "URI=", "Version=", "Algorithm=", "2.0", "http://www.w3.org", "urn:oasis", "sha256",
)  # fmt: skip
_RUBBISH = (
    b"", b"x", b"<", b"<x/>", b"{}", b"\x00" * 64, b"\xff\xfe<\x00x\x00/\x00>\x00", b"<" * 5_000,
    b"<x>" * 3_000, b"<x " + b"a='b' " * 3_000 + b"/>", b"<?xml version='1.0'?>", b"<x xmlns='" + b"u" * 9_000 + b"'/>",
    b"<x>" + b"&#x41;" * 9_000 + b"</x>",
)  # fmt: skip


@dataclass(slots=True)
class HostileSaml:
    """Makes forms for one open request each."""

    seed: int
    rng: Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)  # noqa: S311 -- the same stream again, not a secret

    def form(self, workshop: Workshop, relay: str) -> bytes:
        """The body of one `POST /saml/acs`."""
        document = self._document(workshop)
        for _ in range(self.rng.choice([0, 1, 1, 1, 2, 4])):
            document = self._changed(document)
        text = self._encoded(document)
        fields: Mapping[str, bytes] = {
            "SAMLResponse": text,
            "RelayState": self._relay(relay).encode("utf-8", "surrogatepass"),
        }
        body = b"&".join(
            name.encode() + b"=" + quote_from_bytes(value, safe="").encode()
            for name, value in fields.items()
        )
        return self._changed(body) if self.rng.random() < 0.02 else body

    def _document(self, workshop: Workshop) -> bytes:
        draw = self.rng.random()
        if draw < 0.05:
            return self.rng.choice(_RUBBISH)
        made: str | bytes
        if draw < 0.55:
            made = workshop.idp.signed(
                workshop.answer(),
                assertion=self.rng.random() < 0.8,
                response=self.rng.random() < 0.4,
            )
        else:
            made = self.rng.choice(_RECIPES)(workshop)
        return made if isinstance(made, bytes) else made.encode("utf-8", "surrogatepass")

    def _changed(self, data: bytes) -> bytes:
        changes: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._insert, self._cut, self._repeat, self._swap_words, self._tree,
        )  # fmt: skip
        return self.rng.choice(changes)(data)

    def _place(self, data: bytes) -> int:
        return self.rng.randrange(len(data) + 1)

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        changed = bytearray(data)
        for _ in range(self.rng.choice([1, 1, 3])):
            changed[self.rng.randrange(len(changed))] ^= 1 << self.rng.randrange(8)
        return bytes(changed)

    def _insert(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + self.rng.choice(_BYTES) + data[at:]

    def _cut(self, data: bytes) -> bytes:
        start, end = sorted((self._place(data), self._place(data)))
        return data[:start] + data[min(end, start + 400) :]

    def _repeat(self, data: bytes) -> bytes:
        start, end = sorted((self._place(data), self._place(data)))
        return data[:end] + data[start : min(end, start + 2_000)] + data[end:]

    def _swap_words(self, data: bytes) -> bytes:
        one, two = (word.encode() for word in self.rng.sample(_WORDS, 2))
        return data.replace(one, two, self.rng.choice([1, 1, -1]))

    def _tree(self, data: bytes) -> bytes:
        """Move, copy or drop a whole element."""
        try:
            root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
        except (etree.XMLSyntaxError, ValueError):
            return self._flip(data)
        found = [item for item in root.iter(etree.Element) if item.getparent() is not None]
        if not found:
            return data
        element, target = self.rng.choice(found), self.rng.choice(found)
        parent = element.getparent()
        if self.rng.random() < 0.3 and parent is not None:
            parent.remove(element)
        else:
            target.insert(self.rng.randrange(len(target) + 1), copy.deepcopy(element))
        return etree.tostring(root)

    def _encoded(self, document: bytes) -> bytes:
        text = b64encode(document)
        draw = self.rng.random()
        if draw < 0.9:
            return text
        if draw < 0.95:
            return self._flip(text)
        return self.rng.choice((b"", text[:-1], text * 2, text.replace(b"=", b""), document))

    def _relay(self, relay: str) -> str:
        draw = self.rng.random()
        if draw < 0.9:
            return relay
        return self.rng.choice(
            (
                "",
                relay[:-1],
                relay + "A",
                relay.swapcase(),
                "\0",
                "https://evil.example",
                "\u202e" * 20,
            )
        )
