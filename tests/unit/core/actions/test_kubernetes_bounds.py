"""Bounds of a manifest: the last that is read, and the first that is not."""

from __future__ import annotations

import pytest

from commands import codes, read_manifest
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.kubernetes.reader import (
    MAX_DEPTH,
    MAX_DOCUMENTS,
    MAX_NODES,
    read_documents,
)


def documents(count: int) -> str:
    return "---\na: b\n" * count


def yaml_nodes(count: int) -> str:
    return "- a\n" * (count - 1)  # and the list itself


def yaml_depth(depth: int) -> str:
    return "[" * (depth - 1) + "a" + "]" * (depth - 1)


def json_nodes(count: int) -> str:
    # Keys count as well, so twice as many; two stand before the list's items, and the root.
    return '{"a": [' + ",".join(["1"] * (2 * count - 3)) + "]}"


@pytest.mark.parametrize(
    ("made", "bound"),
    [
        (documents, MAX_DOCUMENTS),
        (yaml_nodes, MAX_NODES),
        (yaml_depth, MAX_DEPTH),
        (json_nodes, MAX_NODES),
    ],
    ids=["documents", "nodes of YAML", "depth of YAML", "nodes of JSON"],
)
def test_manifest_at_a_bound_is_read_and_beyond_it_refused(made: object, bound: int) -> None:
    assert callable(made)
    assert read_documents(made(bound))
    with pytest.raises(Unreadable) as doubt:
        read_documents(made(bound + 1))
    assert doubt.value.code == "uncertain.too_deep"


@pytest.mark.parametrize(
    "text",
    [
        '{"apiVersion": ["v1"], "kind": "Pod"}',
        '{"apiVersion": "v1", "kind": {"a": 1}}',
        '{"kind": "Pod"}',
        '{"apiVersion": "v1"}',
    ],
)
def test_attack_of_a_kind_that_is_no_text_is_a_doubt_and_no_error(text: str) -> None:
    assert codes(read_manifest(text)) == ["uncertain.manifest_kind"]
