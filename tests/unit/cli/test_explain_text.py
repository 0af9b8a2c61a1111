"""What `counterfoil explain` calls things."""

from __future__ import annotations

import pytest

from counterfoil.cli.explain_text import _named


@pytest.mark.parametrize(
    ("group", "said"), [("apps", "apps.main.staging.web"), ("", "main.staging.web")]
)
def test_core_group_of_a_cluster_is_no_part_of_a_name(group: str, said: str) -> None:
    target = {"api_group": group, "cluster": "main", "namespace": "staging", "name": "web"}
    assert _named("Deployment", {**target}) == said
