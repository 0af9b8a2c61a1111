"""A path has one meaning, beneath a registered root, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.roots import Place, resolve, resolve_word, root_of, roots_of
from counterfoil.core.model import Resource
from words import API, ROOT, SHOP, SHOP2

ROOTS = roots_of((SHOP, SHOP2, API))


@pytest.mark.parametrize(
    ("path", "root", "relative"),
    [
        ("/srv/data/shop/orders.csv", "shop", "orders.csv"),
        ("/srv/data/shop2/orders.csv", "shop2", "orders.csv"),
        ("/srv/data/shop", "shop", "."),
        ("/srv/data/shop/.hidden/a b", "shop", ".hidden/a b"),
        ("/srv/data/shop/%2e%2e/x", "shop", "%2e%2e/x"),
        ("/srv/data/shop/Straße", "shop", "Straße"),
    ],
)
def test_a_whole_path_belongs_to_the_root_whose_parts_it_begins_with(
    path: str, root: str, relative: str
) -> None:
    place = resolve(path, ROOTS)
    assert (place.root.id, place.relative, place.absolute) == (root, relative, path)


def test_of_roots_within_roots_the_deepest_counts() -> None:
    inner = Resource(type="filesystem", id="inner", location="file:/srv/data/shop/inner")
    roots = roots_of((SHOP, inner))
    assert resolve("/srv/data/shop/inner/x", roots).root.id == "inner"
    assert resolve("/srv/data/shop/inner2/x", roots).root.id == "shop"


def test_a_relative_path_begins_where_the_line_is() -> None:
    assert resolve("a/b", (), Place(root=ROOT, parts=("src",))).relative == "src/a/b"
    assert resolve("a/b", (ROOT,)).relative == "a/b"
    with pytest.raises(Unreadable, match="path_root"):
        resolve("a/b", ROOTS)


@pytest.mark.parametrize("word", [".", "./x", "x/", "./x/", "x"])
def test_words_of_a_line_are_written_out(word: str) -> None:
    place = resolve_word(word, ROOTS, Place(root=ROOT, parts=("src",)))
    assert place.absolute == "/srv/data/shop/src" + ("" if word == "." else "/x")


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("file:/proc", "resource_location"),
        ("file:/srv/../etc", "resource_location"),
        ("file:/", "resource_location"),
        ("file:/srv//x", "resource_location"),
        ("file:/srv/%2e%2e", "resource_location"),
        ("file://host/srv", "resource_location"),
        ("file:///srv", "resource_location"),
        ("file://srv", "resource_location"),
    ],
)
def test_a_root_is_a_plain_path(location: str, code: str) -> None:
    with pytest.raises(Unreadable, match=code):
        root_of(Resource(type="filesystem", id="x", location=location))
    assert root_of(SHOP).parts == ("srv", "data", "shop")  # control


@given(st.text(max_size=60))
def test_what_is_accepted_is_spelt_as_it_is_run(text: str) -> None:
    try:
        place = resolve(text, ROOTS, Place(root=ROOT))
    except Unreadable:
        return
    assert place.root.id in {"shop", "shop2"}
    whole = text if text.startswith("/") else f"/srv/data/shop/{text}"
    assert place.absolute == whole
    assert not {"..", ".", ""} & set(place.parts)
