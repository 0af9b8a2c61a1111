"""An `EncryptedAssertion` (SAML core §2.3.4) → what has to be decrypted, as plain values.

One `EncryptedData` and one `EncryptedKey`, in its `KeyInfo` or beside it. Of XML Encryption 1.1
alone what no padding oracle has been built on: AES-GCM for the content and RSA-OAEP for its
key. AES-CBC and RSA PKCS #1 v1.5 are refused here, before anybody uses a key on them ("How to
Break XML Encryption", CCS 2011; "One Bad Apple", NDSS 2013). Nothing that a document points
at is fetched or looked up: no `CipherReference`, no `RetrievalMethod` but to that key.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from lxml import etree

from counterfoil.core.saml import ContentCipher, OaepHash, Sealed
from counterfoil.reading.saml_document import DS, Refused

_XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
_XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_DIGEST: Final = "http://www.w3.org/2000/09/xmldsig#"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
E: Final = f"{{{_XENC}}}"
_E11: Final = f"{{{_XENC11}}}"

_CIPHERS: Final = {_XENC11 + cipher: cipher for cipher in ContentCipher}
_OAEP_MGF1P: Final = f"{_XENC}rsa-oaep-mgf1p"  # MGF1 with SHA-1, whatever the digest (§5.5.2)
_OAEP: Final = f"{_XENC11}rsa-oaep"
_DIGESTS: Final = {
    f"{_DIGEST}sha1": OaepHash.SHA_1,
    f"{_XENC}sha256": OaepHash.SHA_256,
    f"{_MORE}sha384": OaepHash.SHA_384,
    f"{_XENC}sha512": OaepHash.SHA_512,
}
_MASKS: Final = {f"{_XENC11}mgf1{digest}": digest for digest in OaepHash}
_ELEMENT: Final = f"{_XENC}Element"
_MAX_WRAPPED_BYTES: Final = 1_024  # of an RSA key of 8192 bits


def read_sealed(element: etree._Element) -> Sealed:
    """Read an `EncryptedAssertion`.

    Raises:
        Refused: another structure, or an algorithm that is not used here.
    """
    data, beside = _data_and_keys(element)
    if data.get("Type") not in {None, _ELEMENT}:
        raise Refused("6", "what is encrypted is no element")
    method, information, content = _method_and_value(data)
    key = _the_key(information, beside)
    cipher = _CIPHERS.get(method.get("Algorithm") or "")
    if cipher is None or len(method):
        raise Refused("6", "the assertion is encrypted by another algorithm than AES-GCM")
    key_method, _, wrapped = _method_and_value(key)
    digest, mask = _oaep(key_method)
    if len(wrapped) > _MAX_WRAPPED_BYTES:
        raise Refused("6", "the encrypted key is too long")
    return Sealed(cipher=cipher, digest=digest, mask=mask, wrapped_key=wrapped, content=content)


def _data_and_keys(element: etree._Element) -> tuple[etree._Element, Sequence[etree._Element]]:
    children = list(element)
    if [child.tag for child in children[:1]] != [f"{E}EncryptedData"]:
        raise Refused("6", "the EncryptedAssertion does not begin with EncryptedData")
    return children[0], children[1:]


def _the_key(
    information: etree._Element | None, beside: Sequence[etree._Element]
) -> etree._Element:
    """The one `EncryptedKey`, wherever it stands; two would leave open whose is used."""
    inside = [] if information is None else list(information)
    keys = [child for child in (*inside, *beside) if child.tag == f"{E}EncryptedKey"]
    pointers = [child for child in inside if child.tag == f"{DS}RetrievalMethod"]
    if len(keys) != 1 or len(pointers) > 1 or len(inside) + len(beside) != 1 + len(pointers):
        raise Refused("6", "there is not exactly one EncryptedKey")
    for pointer in pointers:
        identifier = keys[0].get("Id")
        if not identifier or pointer.get("URI") != f"#{identifier}" or len(pointer):
            raise Refused("6", "RetrievalMethod points elsewhere than to the EncryptedKey")
    return keys[0]


def _method_and_value(
    element: etree._Element,
) -> tuple[etree._Element, etree._Element | None, bytes]:
    """`EncryptionMethod`, `KeyInfo` where it has one, and the value of its `CipherData`."""
    children = list(element)
    tags = [child.tag for child in children]
    # What may stand behind an EncryptedKey's CipherData says for whom it is; nobody reads it.
    while tags and tags[-1] in {f"{E}ReferenceList", f"{E}CarriedKeyName"}:
        tags.pop()
    short = [f"{E}EncryptionMethod", f"{E}CipherData"]
    whole = [short[0], f"{DS}KeyInfo", short[1]]
    if tags not in (short, whole):
        raise Refused("6", f"{etree.QName(element).localname} has other children than it must")
    data = list(children[len(tags) - 1])
    if [child.tag for child in data] != [f"{E}CipherValue"] or len(data[0]):
        raise Refused("6", "CipherData holds something else than one CipherValue")
    return children[0], children[1] if tags == whole else None, _bytes(data[0].text or "")


def _oaep(method: etree._Element) -> tuple[OaepHash, OaepHash]:
    """The hashes of the key's algorithm."""
    algorithm = method.get("Algorithm")
    if algorithm not in {_OAEP_MGF1P, _OAEP}:
        raise Refused("6", "the key is encrypted by another algorithm than RSA-OAEP")
    found = {DS + "DigestMethod": f"{_DIGEST}sha1", _E11 + "MGF": f"{_XENC11}mgf1sha1"}
    seen: set[object] = set()
    for child in method:
        # OAEPparams would be a label, which no provider uses.
        usable = child.tag == DS + "DigestMethod" or (
            child.tag == _E11 + "MGF" and algorithm == _OAEP
        )
        if not usable or child.tag in seen or len(child):
            raise Refused("6", "RSA-OAEP has other parameters than it must")
        seen.add(child.tag)
        found[str(child.tag)] = child.get("Algorithm") or ""
    digest, mask = _DIGESTS.get(found[DS + "DigestMethod"]), _MASKS.get(found[_E11 + "MGF"])
    if digest is None or mask is None:
        raise Refused("6", "RSA-OAEP with an unknown hash")
    return digest, mask


def _bytes(text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise Refused("6", "CipherValue is not base64") from None
