"""A `samlp:Response` → what its identity provider signed: rules 1 to 3 and 6 of `identity/saml.py`.

The document is looked at twice and never mixed: before the signature, its structure, which
can only refuse; after it, the elements that signxml returned as signed. Of an answer whose
assertion alone is signed, the envelope's own attributes are unsigned; they too only refuse.

An encrypted assertion is read in two steps, for this process has no key: its envelope first,
with what has to be decrypted; then, as a document of its own, what came out of it. That must
carry the provider's own signature: a Response's covers what anybody may have encrypted.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final

from lxml import etree

from counterfoil.core.saml import (
    UNSPECIFIED,
    Assertion,
    AuthnStatement,
    Conditions,
    Confirmation,
    Envelope,
    NameId,
    SamlAnswer,
    SealedAnswer,
)
from counterfoil.reading.saml_document import DS, SAML, SAMLP, Refused, elements, parse_document
from counterfoil.reading.saml_sealed import read_sealed
from counterfoil.reading.saml_signature import verified

_VERSION: Final = "2.0"
_SEALED: Final = f"{SAML}EncryptedAssertion"
_OF_RESPONSE: Final = "./"
_OF_ASSERTION: Final = f"./{SAML}Assertion/"
_MAX_STATUSES: Final = 4  # a code and its refinement; the schema nests them without end
_ENCRYPTED: Final = frozenset({"EncryptedAssertion", "EncryptedID", "EncryptedAttribute"})
_AUDIENCES: Final = f"{SAML}AudienceRestriction"
# OneTimeUse asks for what rule 5 does to every assertion.
_KEPT_ANYWAY: Final = f"{SAML}OneTimeUse"


def read_answer(
    data: bytes, keys: Mapping[str, Sequence[bytes]], opens: Container[str] = ()
) -> SamlAnswer | SealedAnswer:
    """Read one answer.

    Args:
        data: the document as it was posted, decoded from base64.
        keys: by provider, the DER certificates of its signing keys, from its metadata.
        opens: the providers that there is a key for to decrypt what they encrypted.

    Raises:
        Refused: one of the rules is broken.
    """
    root = parse_document(data)
    opened = (root.findtext(f"{SAML}Issuer") or "") in opens
    assertion = _check_structure(root, encrypted_too=opened)
    own, inner = _check_places(root, assertion)
    # The issuer chooses the keys before anything is verified, and rule 4 holds the signed
    # assertion to the same one.
    certificates = keys.get(_text(_one(root, "Issuer")))
    if certificates is None:
        raise Refused("4", "the issuer is not configured")
    signed_assertion: etree._Element | None = None
    signed_response: etree._Element | None = None
    if own is not None:
        signed_response = verified(root, own, certificates, location=_OF_RESPONSE)
    envelope = root if signed_response is None else signed_response
    if assertion.tag == _SEALED:
        if inner is not None:
            raise Refused("2", "a Signature beside what is encrypted")
        return SealedAnswer(
            envelope=_envelope(envelope, signed=signed_response is not None),
            sealed=read_sealed(_one(envelope, "EncryptedAssertion")),
        )
    if signed_response is not None:
        signed_assertion = _one(signed_response, "Assertion")
    if inner is not None:
        signed_assertion = verified(root, inner, certificates, location=_OF_ASSERTION)
    if signed_assertion is None:
        raise Refused("2", "neither response nor assertion is signed")
    return SamlAnswer(
        envelope=_envelope(envelope, signed=signed_response is not None),
        assertion=_assertion(signed_assertion),
    )


def read_assertion(data: bytes, certificates: Sequence[bytes]) -> Assertion:
    """Read what an `EncryptedAssertion` held: one assertion, signed by its provider.

    It is a document of its own, so nothing around it can lend it a namespace, an ID or a
    signature.

    Raises:
        Refused: one of the rules is broken.
    """
    root = parse_document(data)
    if root.tag != f"{SAML}Assertion" or root.get("Version") != _VERSION:
        raise Refused("1", "what was encrypted is not an Assertion of SAML 2.0")
    for element in elements(root):
        name = etree.QName(element).localname
        if name in _ENCRYPTED:
            raise Refused("6", f"the encrypted assertion holds an {name}")
        if name in {"Assertion", "Response"} and element is not root:
            raise Refused("1", f"the encrypted assertion holds a second {name}")
    own, _ = _check_places(root, root)
    if own is None:
        raise Refused("2", "what was encrypted is not signed")
    return _assertion(verified(root, own, certificates, location="./"))


def _check_structure(root: etree._Element, *, encrypted_too: bool) -> etree._Element:
    """Rule 1: a response that holds one assertion, its child; and nothing that stays encrypted."""
    if root.tag != f"{SAMLP}Response" or root.get("Version") != _VERSION:
        raise Refused("1", "the root is not a SAML 2.0 Response")
    found = []
    for element in elements(root):
        name = etree.QName(element)
        if name.localname in _ENCRYPTED and not (encrypted_too and element.tag == _SEALED):
            raise Refused("6", f"the answer holds an {name.localname}", encrypted=True)
        # By local name in any namespace: a second assertion in whatever dress is an attack.
        if name.localname in {"Assertion", "EncryptedAssertion"}:
            found.append(element)
        if name.localname == "Response" and element is not root:
            raise Refused("1", "a second Response")
    wanted = {f"{SAML}Assertion", _SEALED}
    if len(found) != 1 or found[0].tag not in wanted or found[0].getparent() is not root:
        raise Refused("1", "there is not exactly one Assertion as child of the Response")
    if found[0].tag != _SEALED and found[0].get("Version") != _VERSION:
        raise Refused("1", "the Assertion is not of SAML 2.0")
    return found[0]


def _check_places(
    root: etree._Element, assertion: etree._Element
) -> tuple[etree._Element | None, etree._Element | None]:
    """The response's and the assertion's signature; one anywhere else is refused (XSW)."""
    own: etree._Element | None = None
    inner: etree._Element | None = None
    for element in elements(root):
        if etree.QName(element).localname != "Signature":
            continue
        parent = element.getparent()
        if element.tag != f"{DS}Signature" or parent is None:
            raise Refused("2", "a Signature of another kind")
        if parent is root and own is None:
            own = element
        elif parent is assertion and inner is None:
            inner = element
        else:
            raise Refused("2", "a Signature is not the only one of the Response or Assertion")
    return own, inner


def _envelope(root: etree._Element, *, signed: bool) -> Envelope:
    statuses = []
    code = _optional(_one(root, "Status", SAMLP), "StatusCode", SAMLP)
    while code is not None:
        statuses.append(code.get("Value") or "")
        if len(statuses) > _MAX_STATUSES:
            raise Refused("4", "the status is nested too deeply")
        code = _optional(code, "StatusCode", SAMLP)
    return Envelope(
        issuer=_text(_one(root, "Issuer")),
        statuses=tuple(statuses),
        destination=root.get("Destination"),
        in_response_to=root.get("InResponseTo"),
        issue_instant=root.get("IssueInstant") or "",
        signed=signed,
    )


def _assertion(root: etree._Element) -> Assertion:
    subject = _one(root, "Subject")
    name_id = _optional(subject, "NameID")
    conditions = _optional(root, "Conditions")
    return Assertion(
        id=root.get("ID") or "",
        issuer=_text(_one(root, "Issuer")),
        issue_instant=root.get("IssueInstant") or "",
        name_id=None if name_id is None else _name_id(name_id),
        confirmations=tuple(_confirmation(item) for item in _all(subject, "SubjectConfirmation")),
        conditions=None if conditions is None else _conditions(conditions),
        statements=tuple(_statement(item) for item in _all(root, "AuthnStatement")),
        attributes=_attributes(root),
    )


def _name_id(element: etree._Element) -> NameId:
    return NameId(
        text=_text(element),
        format=element.get("Format") or UNSPECIFIED,  # SAML core §2.2.2: absent means this
        name_qualifier=element.get("NameQualifier"),
        sp_name_qualifier=element.get("SPNameQualifier"),
    )


def _confirmation(element: etree._Element) -> Confirmation:
    data = _optional(element, "SubjectConfirmationData")
    values = {} if data is None else {str(k): str(v) for k, v in data.attrib.items()}
    return Confirmation(
        method=element.get("Method") or "",
        identified=any(_optional(element, name) is not None for name in ("NameID", "BaseID")),
        recipient=values.get("Recipient"),
        in_response_to=values.get("InResponseTo"),
        not_before=values.get("NotBefore"),
        not_on_or_after=values.get("NotOnOrAfter"),
    )


def _conditions(element: etree._Element) -> Conditions:
    others = [child for child in element if child.tag not in {_AUDIENCES, _KEPT_ANYWAY}]
    return Conditions(
        not_before=element.get("NotBefore"),
        not_on_or_after=element.get("NotOnOrAfter"),
        audiences=tuple(
            tuple(_text(audience) for audience in _all(restriction, "Audience"))
            for restriction in _all(element, "AudienceRestriction")
        ),
        others=tuple(etree.QName(child).localname for child in others),
    )


def _statement(element: etree._Element) -> AuthnStatement:
    return AuthnStatement(
        instant=element.get("AuthnInstant") or "",
        session_index=element.get("SessionIndex"),
        session_not_on_or_after=element.get("SessionNotOnOrAfter"),
    )


def _attributes(root: etree._Element) -> dict[str, tuple[str | None, ...]]:
    # Some providers repeat the attribute for each value: the values join in order.
    found: dict[str, list[str | None]] = {}
    for statement in _all(root, "AttributeStatement"):
        for attribute in _all(statement, "Attribute"):
            values = found.setdefault(attribute.get("Name") or "", [])
            values.extend(_plain(value) for value in _all(attribute, "AttributeValue"))
    return {name: tuple(values) for name, values in found.items()}


def _plain(element: etree._Element) -> str | None:
    return None if len(element) else element.text or ""


def _text(element: etree._Element) -> str:
    # Rule 6: the whole text content. With no comment in the document there is one text node;
    # an element inside would split it (the comment truncation family, CVE-2017-11427).
    if len(element) or not element.text:
        raise Refused("6", f"{etree.QName(element).localname} is not plain text")
    return element.text


def _all(element: etree._Element, name: str, namespace: str = SAML) -> list[etree._Element]:
    return [child for child in element if child.tag == namespace + name]


def _optional(element: etree._Element, name: str, namespace: str = SAML) -> etree._Element | None:
    found = _all(element, name, namespace)
    if len(found) > 1:
        raise Refused("1", f"{name} occurs twice")
    return found[0] if found else None


def _one(element: etree._Element, name: str, namespace: str = SAML) -> etree._Element:
    found = _optional(element, name, namespace)
    if found is None:
        raise Refused("1", f"{name} is missing")
    return found
