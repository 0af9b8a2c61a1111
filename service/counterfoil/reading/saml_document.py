"""Bytes → an XML tree that may be looked at: rules 0 and 1 of `identity/saml.py`.

Everything hostile is refused here before a signature is looked for. The text is UTF-8 and
holds no `<!` and no `<?` behind its declaration: so no DTD, entity, comment, processing
instruction or CDATA section can be in it, whatever a parser would make of them. The parser
is told the same, and the tree is searched again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

SAML: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP: Final = "{urn:oasis:names:tc:SAML:2.0:protocol}"
DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
XML: Final = "{http://www.w3.org/XML/1998/namespace}"

MAX_DOCUMENT_BYTES: Final = 196_608  # 150 groups with long names take 30 KB; base64 must fit a body
MAX_DEPTH: Final = 32  # a signed assertion is 9 deep
MAX_ELEMENTS: Final = 8_192  # each attribute value is one
MAX_ATTRIBUTES: Final = 32  # of one element, namespace declarations not counted
MAX_METADATA_BYTES: Final = 1_048_576  # one provider's, or a small federation's

_DECLARATION: Final = re.compile(
    rb"<\?xml\s+version\s*=\s*(\"1\.0\"|'1\.0')"
    rb"(\s+encoding\s*=\s*(\"utf-8\"|'utf-8'))?"
    rb"(\s+standalone\s*=\s*(\"(yes|no)\"|'(yes|no)'))?\s*\?>",
    re.IGNORECASE,
)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_COMMENT: Final = re.compile(rb"<!--(?:[^-]|-[^-])*-->")


class Refused(Exception):
    """The document breaks a rule; `rule` is its number in `identity/saml.py`.

    The text names the rule and nothing of the document. `encrypted`: something in it is, and
    there is no key. `unknown_key`: it is in order but for the key, which may be a new one.
    """

    def __init__(
        self, rule: str, text: str, *, encrypted: bool = False, unknown_key: bool = False
    ) -> None:
        super().__init__(text)
        self.rule = rule
        self.text = text
        self.encrypted = encrypted
        self.unknown_key = unknown_key


def hardened_parser() -> etree.XMLParser:
    """A parser without entities, DTD, network, recovery and huge trees."""
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=False,
        remove_pis=False,
        remove_blank_text=False,
        strip_cdata=False,
    )


def without_comments(data: bytes) -> bytes:
    """Metadata is written by people too: its comments are taken out before it is parsed.

    A signature over it stays valid, as canonical form leaves them out.
    """
    return _COMMENT.sub(b"", data)


def parse_document(data: bytes, *, max_bytes: int = MAX_DOCUMENT_BYTES) -> etree._Element:
    """Parse what rule 0 and the parts of rule 1 that hold for any document let through.

    Raises:
        Refused: too large, not UTF-8, a DTD, entity, comment, processing instruction or
            CDATA section, not well-formed, too deep, `xml:id`, or one ID twice.
    """
    if len(data) > max_bytes:
        raise Refused("0", "the document is too large")
    text = data.removeprefix(_BYTE_ORDER_MARK)
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("0", "the document is not UTF-8") from None
    if b"\x00" in text:
        raise Refused("0", "the document is not UTF-8")
    if text.startswith(b"<?"):
        declaration = _DECLARATION.match(text)
        if declaration is None:
            raise Refused("0", "the XML declaration is not of XML 1.0 in UTF-8")
        text = text[declaration.end() :]
    if b"<!" in text or b"<?" in text:
        raise Refused("0", "a DTD, comment, CDATA section or processing instruction")
    try:
        root = etree.fromstring(text, hardened_parser())
    except (etree.XMLSyntaxError, ValueError):
        raise Refused("0", "the document is not well-formed") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused("0", "a DTD")
    _bound(root)
    _check_ids(root)
    return root


def elements(root: etree._Element) -> Iterator[etree._Element]:
    """All elements of a tree, itself first."""
    return root.iter(etree.Element)


def _bound(root: etree._Element) -> None:
    if root.getprevious() is not None or root.getnext() is not None:
        raise Refused("1", "something stands beside the root")
    count = 0
    stack = [(root, 1)]
    while stack:
        element, depth = stack.pop()
        count += 1
        if not isinstance(element.tag, str):
            raise Refused("1", "an entity, comment or processing instruction")
        if depth > MAX_DEPTH or count > MAX_ELEMENTS or len(element.attrib) > MAX_ATTRIBUTES:
            raise Refused("1", "the tree is too deep or too large")
        stack.extend((child, depth + 1) for child in element)


def _check_ids(root: etree._Element) -> None:
    # Whoever looks an element up by its ID, in whatever spelling, must find one alone.
    seen: set[str] = set()
    for element in elements(root):
        for name, value in element.attrib.items():
            if name == f"{XML}id":
                raise Refused("1", "xml:id")
            if etree.QName(name).localname.lower() == "id":
                if value in seen:
                    raise Refused("1", "an ID occurs twice")
                seen.add(str(value))
