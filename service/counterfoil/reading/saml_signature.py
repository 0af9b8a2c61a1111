"""Rule 2 of `identity/saml.py`: which signature counts, and which element it covers.

signxml computes; here stands what it leaves open: where a signature may be, what it may be
made of, and that no key comes from the document. What is returned is what was signed, parsed
from its canonical bytes; nothing else of the document may be looked at afterwards (rule 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from counterfoil.reading.saml_document import DS, Refused, hardened_parser

MAX_CERTIFICATES: Final = 16  # of one provider; a rotation needs two
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_PREFIXES: Final = "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces"
# RSA and ECDSA with SHA-256 or better: no SHA-1, no SHA-224, no DSA, and never HMAC, whose
# "key" would be a public certificate.
_METHODS: Final = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1,
        SignatureMethod.SHA384_RSA_MGF1,
        SignatureMethod.SHA512_RSA_MGF1,
    }
)
_DIGESTS: Final = frozenset(
    {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
)


def verified(
    root: etree._Element, signature: etree._Element, certificates: Sequence[bytes], *, location: str
) -> etree._Element:
    """Return the signed element, parsed from the bytes that were signed.

    Args:
        root: the document.
        signature: its `ds:Signature`; the parent is what it must cover.
        certificates: DER certificates of the signing keys that are trusted.
        location: where signxml finds that signature: `./`, or the path of its parent.

    Raises:
        Refused: the signature is of another make, or no trusted key made it.
    """
    parent = signature.getparent()
    if parent is None:
        raise Refused("2", "the signature is the document")
    _check_make(signature, parent)
    for certificate in certificates[:MAX_CERTIFICATES]:
        signed = _verify(root, x509.load_der_x509_certificate(certificate), location)
        if signed is None:
            continue
        if signed.tag != parent.tag or signed.get("ID") != parent.get("ID"):
            raise Refused("2", "the signature covers another element")
        return signed
    raise Refused("2", "no trusted key made the signature", unknown_key=True)


def _verify(
    root: etree._Element, certificate: x509.Certificate, location: str
) -> etree._Element | None:
    # The dates of a certificate say nothing: metadata is what makes a key trusted, and takes
    # it back (SAML V2.0 Metadata Interoperability Profile §2.6.1).
    middle = (
        certificate.not_valid_before_utc
        + (certificate.not_valid_after_utc - certificate.not_valid_before_utc) / 2
    )
    configuration = SignatureConfiguration(
        require_x509=True,
        location=location,
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        ignore_ambiguous_key_info=True,  # KeyInfo is not read at all
        verification_time=middle,
    )
    try:
        result = XMLVerifier().verify(
            root,
            x509_cert=certificate,
            id_attribute="ID",
            parser=hardened_parser(),
            expect_config=configuration,
        )
    except (SignXMLException, etree.LxmlError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return result.signed_xml if isinstance(result, VerifyResult) else None


def _check_make(signature: etree._Element, parent: etree._Element) -> None:
    parts = _children(signature, "SignedInfo", "SignatureValue", optional="KeyInfo")
    _text_only(parts[1])
    information = _children(parts[0], "CanonicalizationMethod", "SignatureMethod", "Reference")
    method, algorithm, reference = information
    if method.get("Algorithm") != _EXCLUSIVE:
        raise Refused("2", "SignedInfo is not in exclusive canonical form")
    _only_prefixes(method)
    if len(algorithm):  # HMACOutputLength, or parameters nobody needs
        raise Refused("2", "the signature method has parameters")
    identifier = parent.get("ID")
    if not identifier or reference.get("URI") != f"#{identifier}":
        raise Refused("2", "the reference is not to the signature's parent")
    transforms, digest, value = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    steps = _children(transforms, "Transform", "Transform")
    if [step.get("Algorithm") for step in steps] != [_ENVELOPED, _EXCLUSIVE]:
        raise Refused("2", "other transforms than enveloped signature and exclusive canonical form")
    if len(steps[0]) or len(digest):
        raise Refused("2", "a transform or the digest method has parameters")
    _only_prefixes(steps[1])
    _text_only(value)


def _children(
    element: etree._Element, *names: str, optional: str | None = None
) -> list[etree._Element]:
    """The children of an element that has exactly these, in this order."""
    children = list(element)
    expected = [DS + name for name in names]
    found = [child.tag for child in children]
    if found != expected and not (optional and found == [*expected, DS + optional]):
        raise Refused("2", f"{etree.QName(element).localname} has other children than it must")
    return children


def _only_prefixes(element: etree._Element) -> None:
    children = list(element)
    if [child.tag for child in children] not in ([], [_PREFIXES]) or any(map(len, children)):
        raise Refused("2", "a canonicalization has other parameters than a prefix list")


def _text_only(element: etree._Element) -> None:
    if len(element) or not (element.text or "").strip():
        raise Refused("2", f"{etree.QName(element).localname} is not plain text")
