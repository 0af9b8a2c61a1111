"""Every hostile SAML document is refused by the rule that is meant, every honest one accepted.

The documents go through the real verifier and its supervised child. Each hostile one comes
with its control: an honest answer to the same request, by the same keys, is accepted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.errors import (
    EncryptedAssertion,
    GroupsOverage,
    IdentityError,
    SamlRefused,
    SamlRequestUnknown,
    UnknownKey,
)
from counterfoil.identity.saml import MAX_ANSWER_CHARS
from saml_cases import honest, meaning, parsing, signatures, wrapping
from saml_cases.workshop import ALICE, Hostile, Workshop
from saml_door import CHALLENGE, Door, open_door
from simulators.saml_idp import IDP, SamlIdp
from simulators.saml_signing import MORE, Signing

HOSTILE: Hostile = {
    **parsing.DOCUMENTS,
    **wrapping.DOCUMENTS,
    **signatures.DOCUMENTS,
    **meaning.DOCUMENTS,
}

OVERAGE = {"too_many_groups", "link_in_the_place_of_groups"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door(tmp_path_factory.mktemp("saml"), SamlIdp()) as opened:
        yield opened


@pytest.fixture
def open_request(door: Door) -> tuple[Workshop, str]:
    return door.workshop(door.start())


def accepted(door: Door, document: str | bytes, relay: str) -> None:
    login = door.verify(document, relay)
    subject = login.source.subject
    assert (subject.issuer, subject.sub) == (IDP, ALICE)
    assert subject.groups == ("developers", "on call")
    assert login.pending.code_challenge == CHALLENGE


def test_there_are_as_many_hostile_documents_as_there_should_be() -> None:
    tables = (parsing.DOCUMENTS, wrapping.DOCUMENTS, signatures.DOCUMENTS, meaning.DOCUMENTS)
    assert len(HOSTILE) == sum(map(len, tables)) >= 200  # no name hides another


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused(
    door: Door, open_request: tuple[Workshop, str], name: str
) -> None:
    workshop, relay = open_request
    rule, recipe = HOSTILE[name]
    document = recipe(workshop)
    with pytest.raises(IdentityError) as refusal:
        door.verify(document, relay)
    assert refusal.value.detail.startswith(f"SAML rule {rule}: "), refusal.value.detail
    assert isinstance(refusal.value, GroupsOverage) == (name in OVERAGE)
    assert isinstance(refusal.value, SamlRequestUnknown) == (rule == "4d")
    assert isinstance(refusal.value, EncryptedAssertion) == name.startswith("encrypted")
    accepted(door, workshop.honest(), relay)  # control


@pytest.mark.parametrize("name", honest.DOCUMENTS)
def test_an_honest_document_is_accepted(
    door: Door, open_request: tuple[Workshop, str], name: str
) -> None:
    workshop, relay = open_request
    accepted(door, honest.DOCUMENTS[name](workshop), relay)


@pytest.mark.parametrize(
    ("signing", "method"),
    [
        (Signing.ec(), f"{MORE}ecdsa-sha256"),
        (Signing.ec(ec.SECP384R1()), f"{MORE}ecdsa-sha384"),
        (Signing.ec(ec.SECP521R1()), f"{MORE}ecdsa-sha512"),
        (Signing.rsa(3072), f"{MORE}rsa-sha256"),
        (
            Signing.of(ec.generate_private_key(ec.SECP256R1()), days=(-20, -10)),
            f"{MORE}ecdsa-sha256",
        ),
        (Signing.of(ec.generate_private_key(ec.SECP256R1()), days=(10, 20)), f"{MORE}ecdsa-sha256"),
    ],
    ids=["p_256", "p_384", "p_521", "rsa_3072", "certificate_expired", "certificate_not_yet_valid"],
)
def test_each_key_of_the_metadata_verifies(tmp_path: Path, signing: Signing, method: str) -> None:
    idp = SamlIdp(published=[signing])
    with open_door(tmp_path, idp) as door:
        workshop, relay = door.workshop(door.start())
        accepted(door, workshop.by(signing, method=method), relay)
        accepted(door, workshop.honest(), relay)  # the other key, as during a rotation
        with pytest.raises(UnknownKey):
            door.verify(workshop.by(Signing.ec(), method=f"{MORE}ecdsa-sha256"), relay)


@pytest.mark.parametrize(
    ("started", "counts"), [(-600, True), (-601, False), (60, True), (61, False)]
)
def test_an_answer_counts_within_ten_minutes_of_its_start(
    door: Door, started: int, *, counts: bool
) -> None:
    workshop, relay = door.workshop(door.start(now=door.now + started))
    if counts:
        accepted(door, workshop.honest(), relay)
        return
    with pytest.raises(SamlRequestUnknown, match="too long ago"):
        door.verify(workshop.honest(), relay)


def test_an_answer_of_one_character_more_than_the_bound_is_not_even_decoded(
    door: Door, open_request: tuple[Workshop, str]
) -> None:
    _, relay = open_request
    for length, reason in (
        (MAX_ANSWER_CHARS, "the document"),
        (MAX_ANSWER_CHARS + 4, "the answer"),
    ):
        with pytest.raises(SamlRefused) as refusal:
            door.provider.verify("A" * length, relay, now=door.now, deadline=time.monotonic() + 30)
        assert refusal.value.detail.startswith(f"SAML rule 0: {reason} "), refusal.value.detail
