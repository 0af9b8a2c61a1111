"""Each entry's own authorities, and no others, say who its provider is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from certificates import Authority
from counterfoil.config import load_config
from counterfoil.config_model import Config
from counterfoil.errors import ConfigError
from counterfoil.identity.fetch import Fetcher, FetchFailed
from counterfoil.identity.fetchers import make_fetcher, saml_fetcher
from simulators.provider import KEYS, running_provider

OIDC = '[[identity.oidc]]\nissuer = "{url}"\naudience = "counterfoil"\n'
SAML = '[[identity.saml]]\nentity_id = "urn:us"\nmetadata_url = "{url}/keys"\nissuer = "urn:them"\n'
KINDS = {"oidc": OIDC, "saml": SAML}


def configured(folder: Path, kind: str, url: str, ca_file: Path | None) -> Config:
    path = folder / "counterfoil.toml"
    named = "" if ca_file is None else f'ca_file = "{ca_file}"\n'
    path.write_text(KINDS[kind].format(url=url) + named)
    return load_config(path, {})


def fetcher_of(config: Config) -> Fetcher:
    """As the providers' process makes it."""
    if config.identity.oidc:
        return make_fetcher(config.identity.oidc[0])
    entry = config.identity.saml[0]
    assert entry.metadata_url
    return saml_fetcher(entry, entry.metadata_url)


def get(config: Config, url: str) -> bytes:
    async def fetched() -> bytes:
        async with fetcher_of(config) as fetcher:
            return await fetcher.get(url + KEYS)

    return asyncio.run(fetched())


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_is_who_its_entrys_authority_says(tmp_path: Path, kind: str) -> None:
    ours, other = Authority.make(tmp_path, "ours"), Authority.make(tmp_path, "other")
    with running_provider(tls=ours.server(tmp_path)) as provider:
        for ca_file in (other.file, None):
            with pytest.raises(FetchFailed):
                get(configured(tmp_path, kind, provider.url, ca_file), provider.url)
        assert provider.requests == []
        found = get(configured(tmp_path, kind, provider.url, ours.file), provider.url)
        assert b'"keys"' in found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [None, "rubbish"])
def test_authorities_that_cannot_be_read_stop_the_start(
    tmp_path: Path, kind: str, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    config = configured(tmp_path, kind, "https://idp.example.com", file)

    async def made() -> None:
        async with fetcher_of(config):
            pass

    with pytest.raises(ConfigError) as refused:
        asyncio.run(made())
    assert refused.value.pointer == f"identity.{kind}.ca_file"
