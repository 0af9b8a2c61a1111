"""What entries may not be beside each other, once their metadata are read; and without any."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import ConfigError, IdentityUnavailable
from saml_door import NOW, open_door
from simulators.saml_idp import IDP, SamlIdp, instant

AGAIN = '[[identity.saml]]\nmetadata_file = "idp.xml"\nentity_id = "urn:us:again"\n'
OIDC = f'[[identity.oidc]]\nissuer = "{IDP}"\naudience = "us"\njwks_file = "keys.json"\n'


@pytest.mark.parametrize(
    ("more", "place"),
    [
        (AGAIN, "identity.saml[1].metadata_file"),
        # Keycloak has one name for both: equal names in the two protocols are two people.
        (OIDC, "identity.saml[0].subject_namespace"),
    ],
)
def test_what_only_the_metadata_tell_stops_the_start(tmp_path: Path, more: str, place: str) -> None:
    with open_door(tmp_path, SamlIdp(), more=more) as door:
        with pytest.raises(ConfigError) as refused:
            door.provider.check()
        assert refused.value.pointer == place
    with open_door(tmp_path, SamlIdp(), more='subject_namespace = "urn:people"\n' + OIDC) as door:
        door.provider.check()  # control


def test_an_answer_while_no_provider_is_known_is_nobodys_fault(tmp_path: Path) -> None:
    idp = SamlIdp()
    with open_door(tmp_path, idp) as door:
        until = f'validUntil="{instant(NOW + 60)}"'
        (tmp_path / "idp.xml").write_text(idp.metadata(attributes=until))
        workshop, relay = door.workshop(door.start())
        assert door.verify(workshop.honest(), relay).source.provider == IDP  # control
        door.now += 120
        with pytest.raises(IdentityUnavailable):
            door.verify(workshop.honest(), relay)
