"""Signing in at the console by OpenID Connect, at a provider on loopback that misbehaves on demand."""

from __future__ import annotations

import json
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.config import Config, load_config
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import (
    ConfigError,
    CounterfoilError,
    IdentityError,
    IdentityUnavailable,
    SignInRefused,
)
from counterfoil.identity.console_oidc import OidcSignIn
from counterfoil.identity.credentials import Verifier
from counterfoil.identity.published import Providers
from counterfoil.identity.signing import Es256Signer
from fetching import fetching, now
from simulators.provider import METADATA, Handler, Provider, running_provider

SECRET = "s3cret:+ %"


@dataclass
class World:
    """A provider, and the console that signs in there."""

    provider: Provider
    config: Config
    sign_in: OidcSignIn

    def gives(self, **claims: Any) -> None:
        """The ID token that the token endpoint gives; None removes a claim."""
        at = int(now())
        said: dict[str, Any] = {
            "iss": self.provider.url,
            "sub": "bob",
            "aud": "the-console",
            "nonce": "n-1",
        }
        said |= {"iat": at, "exp": at + 300, "groups": ["database-admins"], "sid": "s-1", **claims}
        token = self.provider.signers[-1].sign({k: v for k, v in said.items() if v is not None})
        self.answers(json.dumps({"id_token": token, "access_token": "never used"}).encode())

    def answers(self, body: bytes, status: int = 200) -> None:
        self.provider.serve("/token", lambda h: h.answer(body, status=status))

    def redeem(self) -> VerifiedSource:
        return self.sign_in.redeem("c-1", code_verifier="v" * 43, nonce="n-1", now=now())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="cf-") as name, running_provider() as provider:
        folder = Path(name)
        key = ec.generate_private_key(ec.SECP256R1())
        provider.signers = [Es256Signer(key, typ="JWT")]
        config = configured(folder, provider)
        with fetching(config):
            verifier = Verifier(config)
            providers = Providers(config.server.run_directory)
            sign_in = OidcSignIn(config.console, verifier, providers, leeway_seconds=60)
            yield World(provider, config, sign_in)


def configured(
    folder: Path,
    provider: Provider,
    more: str = "",
    *,
    public: bool = False,
) -> Config:
    (folder / "run").mkdir(exist_ok=True)
    (folder / "secret").write_text(SECRET + "\n")
    path = folder / "counterfoil.toml"
    secret = "" if public else 'client_secret_file = "secret"\n'
    path.write_text(
        f'[server]\nrun_directory = "run"\n[[identity.oidc]]\nissuer = "{provider.url}"\n'
        f'audience = "counterfoil"\njwks_retry_seconds = 1\n[console]\nissuer = "{provider.url}"\n'
        f'client_id = "the-console"\n{secret}{more}'
    )
    return load_config(path, {})


def test_the_browser_goes_to_the_provider_with_all_that_binds_the_sign_in(world: World) -> None:
    address = urlsplit(world.sign_in.address(state="s", nonce="n", code_challenge="c"))
    assert address._replace(query="").geturl() == world.provider.url + "/authorize"
    assert dict(parse_qsl(address.query)) == {
        "response_type": "code",
        "client_id": "the-console",
        "redirect_uri": "http://127.0.0.1:8282/console/signin/callback",
        "scope": "openid",
        "state": "s",
        "nonce": "n",
        "code_challenge": "c",
        "code_challenge_method": "S256",
    }
    fresh = world.sign_in.address(state="s", nonce="n", code_challenge="c", fresh=True)
    assert dict(parse_qsl(urlsplit(fresh).query))["prompt"] == "login"


def test_a_code_is_redeemed_with_verifier_and_secret_and_says_who(world: World) -> None:
    world.gives()
    source = world.redeem()
    assert (source.subject.sub, source.subject.groups) == ("bob", ("database-admins",))
    assert source.session == "s-1"
    asked = world.provider.requests[-1]
    form = parse_qs(asked.body.decode())
    assert form["code"] == ["c-1"]
    assert form["code_verifier"] == ["v" * 43]
    assert form["redirect_uri"] == ["http://127.0.0.1:8282/console/signin/callback"]
    basic = b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode()
    assert basic == "the-console:s3cret%3A%2B%20%25"  # RFC 6749 §2.3.1


def test_a_public_client_says_its_name_and_nothing_else() -> None:
    with running_provider() as provider, tempfile.TemporaryDirectory(prefix="cf-") as name:
        provider.signers = [Es256Signer(ec.generate_private_key(ec.SECP256R1()), typ="JWT")]
        config = configured(Path(name), provider, public=True)
        with fetching(config):
            verifier, providers = Verifier(config), Providers(config.server.run_directory)
            sign_in = OidcSignIn(config.console, verifier, providers, leeway_seconds=60)
            world = World(provider, config, sign_in)
            world.gives()
            assert world.redeem().subject.sub == "bob"
        asked = provider.requests[-1]
        assert parse_qs(asked.body.decode())["client_id"] == ["the-console"]
        assert "Authorization" not in asked.headers


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "n-2"}, {"nonce": None}, {"aud": "counterfoil"}, {"azp": "x"}, {"iss": "https://x"}],
)
def test_an_id_token_of_another_sign_in_is_refused(world: World, claims: dict[str, Any]) -> None:
    world.gives()
    assert world.redeem().subject.sub == "bob"
    world.gives(**claims)
    with pytest.raises(IdentityError):
        world.redeem()


def test_a_token_of_another_key_is_refused(world: World) -> None:
    good = list(world.provider.signers)
    other = ec.generate_private_key(ec.SECP256R1())
    world.provider.signers = [Es256Signer(other, typ="JWT")]
    world.gives()
    world.provider.signers = good  # those are what it publishes
    with pytest.raises(IdentityError):
        world.redeem()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"error": "invalid_grant"}', 400),
        (b"{}", 200),
        (b'{"id_token": 5}', 200),
        (b"[]", 200),
        (b"not JSON", 200),
        (b"[" * 100_000, 200),
        (b'{"id_token": "a.b.c"}', 200),
        (b"", 302),
    ],
)
def test_whatever_else_the_provider_says_signs_nobody_in(
    world: World, body: bytes, status: int
) -> None:
    world.answers(body, status)
    with pytest.raises((SignInRefused, IdentityError)):
        world.redeem()
    world.gives()  # and the next sign-in goes through
    assert world.redeem().subject.sub == "bob"


def test_a_provider_that_cannot_be_asked_is_said(world: World, tmp_path: Path) -> None:
    alone = OidcSignIn(
        world.config.console, Verifier(world.config), Providers(tmp_path), leeway_seconds=60
    )
    with pytest.raises(IdentityUnavailable):
        alone.address(state="s", nonce="n", code_challenge="c")
    with pytest.raises(CounterfoilError):
        alone.redeem("c", code_verifier="v", nonce="n", now=now())


def test_another_providers_metadata_send_nobody_anywhere(tmp_path: Path) -> None:
    with running_provider() as provider, tempfile.TemporaryDirectory(prefix="cf-") as name:

        def wrong(handler: Handler) -> None:
            said = provider.metadata(authorization_endpoint="http://evil.example/authorize")
            handler.answer(json.dumps(said).encode())

        provider.serve(METADATA, wrong)
        config = configured(Path(name), provider)
        with fetching(config):
            sign_in = OidcSignIn(
                config.console,
                Verifier(config),
                Providers(config.server.run_directory),
                leeway_seconds=60,
            )
            with pytest.raises(IdentityUnavailable):
                sign_in.address(state="s", nonce="n", code_challenge="c")


@pytest.mark.parametrize(
    ("more", "setting"),
    [
        (
            'redirect_uri = "http://counterfoil.example.com/console/signin/callback"\n',
            "redirect_uri",
        ),
        ('redirect_uri = "https://counterfoil.example.com/elsewhere"\n', "redirect_uri"),
        ('redirect_uri = "https://c.example/console/signin/callback?x=1"\n', "redirect_uri"),
        ('scope = "profile"\n', "scope"),
        ("session_seconds = 90000\n", "session_seconds"),
    ],
)
def test_a_console_that_would_not_be_safe_stops_the_start(
    world: World, tmp_path: Path, more: str, setting: str
) -> None:
    assert configured(tmp_path, world.provider).console.client is not None
    with pytest.raises(ConfigError) as refusal:
        configured(tmp_path, world.provider, more)
    assert refusal.value.pointer == f"console.{setting}"


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ('[console]\nissuer = "https://i.example"\n', "client_id"),
        ('[console]\nclient_id = "c"\n', "client_id"),
        ('[console]\nissuer = "https://i.example"\nclient_id = "c"\n', "issuer"),
        ('[console]\nclient_secret_file = "s"\n', "client_secret_file"),
    ],
)
def test_half_a_client_stops_the_start(tmp_path: Path, text: str, setting: str) -> None:
    path = tmp_path / "counterfoil.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load_config(path, {})
    assert f"console.{setting}" in f"{refusal.value.pointer} {refusal.value.detail}"
