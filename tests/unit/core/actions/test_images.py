"""OCI references by the whole grammar (distribution/reference v0.6)."""

# ruff: noqa: RUF001
# Digits of other scripts are an attack here.

from __future__ import annotations

import pytest

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.images import parse_image

DIGEST = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("reference", "text", "pulled"),
    [
        ("nginx", "docker.io/library/nginx:latest", None),
        ("acme/web:1.4-alpine", "docker.io/acme/web:1.4-alpine", None),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest", None),
        ("registry.example.com/acme/web:1", "registry.example.com/acme/web:1", None),
        ("registry.example.com:443/acme/web", "registry.example.com:443/acme/web:latest", None),
        ("localhost/web", "localhost/web:latest", None),
        ("localhost:5000/a/b/c__d-e.f:t", "localhost:5000/a/b/c__d-e.f:t", None),
        # without a slash there is no host
        ("images.example.org", "docker.io/library/images.example.org:latest", None),
        ("images.example.org:443", "docker.io/library/images.example.org:443", None),
        (f"h.example/x@{DIGEST}", f"h.example/x@{DIGEST}", None),
        # with tag and digest the digest decides
        (f"h.example/x:1@{DIGEST}", f"h.example/x:1@{DIGEST}", f"h.example/x@{DIGEST}"),
        ("h.example/x@sha512:" + "b" * 128, "h.example/x@sha512:" + "b" * 128, None),
    ],
)
def test_defaults_are_written_out(reference: str, text: str, pulled: str | None) -> None:
    image = parse_image(reference)
    assert image.text == text
    assert image.pulled == (pulled or text)
    assert parse_image(image.text) == image


@pytest.mark.parametrize(
    "reference",
    [
        "",
        " ",
        "h.example/shop/../x",
        "h.example/shop//x",
        "h.example/x ",
        "h.example/x\n",
        "h.example/x:1\n",
        f"h.example/x@{DIGEST}\n",
        f"h.example/x@{DIGEST}@{DIGEST}",
        f"h.example/x@{DIGEST[:-1]}",
        f"h.example/x@{DIGEST.upper()}",
        "h.example/x@md5:" + "a" * 32,
        "h.example/x:",
        "h.example/x:.tag",
        "h.example/x:" + "t" * 129,
        "h.example/x:1:2",
        "H.example/x",
        "h.example/X",
        "Acme/web",
        "h.example./x",
        "h..example/x",
        "-h.example/x",
        "h.example:0/x",
        "h.example:65536/x",
        "h.example:/x",
        "h.example:١/x",
        "https://h.example/x",
        "user@h.example/x",
        "xn--80ak6aa92e.example/x",
        "h.example/ꞏx",
        "h.example/x%2f",
        "h.example/x?y",
        "h.example/",
        "/x",
        "scratch",
        "scratch:1",
        "a" * 64,
        "h.example/" + "a" * 260,
        "a" * 5_000,
        "..",
        ".example/x",
        "h.example/.x",
        "h.example/x-",
        "h.example/a___b",
    ],
)
def test_what_readers_disagree_about_is_uncertain(reference: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        parse_image(reference)
    assert refusal.value.code == "uncertain.manifest_image"
