"""A launcher's registered certificate, and no other, proves it (RFC 8705 §2.2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Never

import pytest

from certificates import ClientCertificate
from counterfoil.config import load_config
from counterfoil.config_model import LauncherEntry
from counterfoil.core.token_request import LauncherCredential
from counterfoil.errors import ConfigError, IdentityUnavailable, InvalidLauncher
from counterfoil.identity.certificates import check_certificates
from counterfoil.identity.credentials import check_key_files
from counterfoil.identity.launchers import LauncherAuthenticator
from counterfoil.system import SystemClock

CLOCK = SystemClock()
NOW, DAY = CLOCK.now(), dt.timedelta(days=1)
TODAY = dt.datetime.fromtimestamp(NOW, dt.UTC)
SHOWN, OTHER = ClientCertificate.make("desk"), ClientCertificate.make("other")


class NothingSpent:
    """A certificate is no credential that is used up."""

    def spend(self, name: Sequence[str], *, expires_at: float, deadline: float) -> Never:
        raise AssertionError(name, expires_at, deadline)


def entry(name: str, folder: Path, *shown: ClientCertificate) -> LauncherEntry:
    file = folder / f"{name}.pem"
    file.write_bytes(b"".join(one.pem for one in shown))
    return LauncherEntry(
        id=name,
        tenant="default",
        jwks_file=None,
        algorithms=("ES256",),
        secret_file=None,
        certificate_file=file,
    )


@pytest.fixture
def launchers(tmp_path: Path) -> LauncherAuthenticator:
    secret = tmp_path / "secret"
    secret.write_text("s" * 40)
    secret.chmod(0o600)
    by_secret = LauncherEntry(
        id="secretive", tenant="default", jwks_file=None, algorithms=(), secret_file=secret
    )
    return LauncherAuthenticator(
        [entry("desk", tmp_path, SHOWN), entry("other", tmp_path, OTHER), by_secret],
        audiences=(),
        spent=NothingSpent(),
        clock=CLOCK,
        leeway_seconds=60,
        timeout_seconds=1.0,
    )


def proves(launchers: LauncherAuthenticator, name: str, certificate: bytes | None) -> bool:
    credential = LauncherCredential(unverified_id=name)
    try:
        found = launchers.authenticate(credential, certificate=certificate, now=NOW)
    except InvalidLauncher:
        return False
    return found.id == name


def test_the_registered_certificate_proves_its_launcher(launchers: LauncherAuthenticator) -> None:
    assert proves(launchers, "desk", SHOWN.der)
    assert proves(launchers, "other", OTHER.der)


@pytest.mark.parametrize(
    ("name", "certificate"),
    [
        ("desk", None),
        ("desk", b""),
        ("desk", OTHER.der),
        ("other", SHOWN.der),
        ("stranger", SHOWN.der),
        ("", SHOWN.der),
        ("secretive", SHOWN.der),
        ("desk", SHOWN.der + b"\0"),
        ("desk", SHOWN.pem),
        ("desk", ClientCertificate.make("desk").der),  # the same name, another key
        ("desk", ClientCertificate.make("desk", key=SHOWN.key).der),  # reissued, not registered
    ],
)
def test_no_other_certificate_proves_it(
    launchers: LauncherAuthenticator, name: str, certificate: bytes | None
) -> None:
    assert not proves(launchers, name, certificate)
    assert proves(launchers, "desk", SHOWN.der)


def test_a_certificate_beside_another_method_lends_it_nothing(
    launchers: LauncherAuthenticator,
) -> None:
    for credential in (
        LauncherCredential(unverified_id="desk", unverified_secret="x" * 40),
        LauncherCredential(unverified_id="secretive", unverified_secret="x" * 40),
        LauncherCredential(unverified_id="desk", unverified_assertion="a.b.c"),
        LauncherCredential(unverified_id=None),
    ):
        with pytest.raises(InvalidLauncher):
            launchers.authenticate(credential, certificate=SHOWN.der, now=NOW)


@pytest.mark.parametrize(
    ("begins", "lasts", "holds"),
    [
        (TODAY - 2 * DAY, DAY, False),
        (TODAY + DAY, DAY, False),
        (TODAY - DAY, 2 * DAY, True),
        (TODAY + dt.timedelta(seconds=30), DAY, True),  # the launcher's clock is ahead
    ],
)
def test_a_certificate_counts_in_its_own_time(
    launchers: LauncherAuthenticator,
    tmp_path: Path,
    begins: dt.datetime,
    lasts: dt.timedelta,
    *,
    holds: bool,
) -> None:
    dated = ClientCertificate.make("desk", begins=begins, lasts=lasts)
    entry("desk", tmp_path, dated)
    assert proves(launchers, "desk", dated.der) is holds


def test_two_count_while_one_takes_over_from_the_other(
    launchers: LauncherAuthenticator, tmp_path: Path
) -> None:
    fresh = ClientCertificate.make("desk")
    entry("desk", tmp_path, SHOWN, fresh)
    assert proves(launchers, "desk", SHOWN.der)
    assert proves(launchers, "desk", fresh.der)
    entry("desk", tmp_path, fresh)
    assert not proves(launchers, "desk", SHOWN.der)
    assert proves(launchers, "desk", fresh.der)


@pytest.mark.parametrize("content", [None, b"", b"rubbish", b"x" * 70_000])
def test_certificates_that_cannot_be_read_prove_nobody_and_stop_the_start(
    launchers: LauncherAuthenticator, tmp_path: Path, content: bytes | None
) -> None:
    desk = entry("desk", tmp_path, SHOWN)
    check_certificates([desk])
    assert proves(launchers, "desk", SHOWN.der)
    file = tmp_path / "desk.pem"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(IdentityUnavailable):
        proves(launchers, "desk", SHOWN.der)
    config = tmp_path / "counterfoil.toml"
    config.write_text(
        '[server]\nproxy_socket = "proxy.sock"\n'
        '[[identity.launcher]]\nid = "desk"\ncertificate_file = "desk.pem"\n'
    )
    with pytest.raises(ConfigError) as refused:
        check_key_files(load_config(config, {}), now=NOW)
    assert refused.value.pointer == "identity.launcher[0].certificate_file"
