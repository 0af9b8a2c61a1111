"""What the service would decide of many commands under rights of a test's choice, unrecorded.

The product's own path of steps 3 to 6 (`flows/explain.py`): catalogue of tools, readers in
their children, real OPA. Nothing between `POST /authorize` and the ledger is left out.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterfoil.cli.explain import asking_of
from counterfoil.config import DEVELOPMENT_ISSUER, load_config
from counterfoil.core.model import (
    Actor,
    AuthorizationRequest,
    Caller,
    Context,
    Effect,
    Subject,
)
from counterfoil.flows.explain import Explained
from counterfoil.resources import packaged
from counterfoil.system import SystemClock
from simulators.real_opa import policy_folder

ACCESS = "data/access/default/data.json"
_GROUP = 64


def rights(**families: Any) -> dict[str, str]:
    """The development data with the rights of some families replaced, as a policy's file."""
    data = json.loads((packaged("rego") / ACCESS).read_text("utf-8"))
    return {ACCESS: json.dumps({**data, **families})}


def decided(
    config: str, policy: Mapping[str, str], tool: str, asked: Mapping[str, Mapping[str, Any]]
) -> dict[str, Explained]:
    """The decision on each set of arguments, by its name; alice asks, through the coder."""
    caller = Caller(
        tenant="default",
        subject=Subject(issuer=DEVELOPMENT_ISSUER, sub="alice", groups=("developers",)),
        actor=Actor(issuer=DEVELOPMENT_ISSUER, sub="coder"),
        run_id=None,
        prompt_digest=None,
        expires_at=SystemClock().now() + 900,
    )
    requests = [
        AuthorizationRequest(action_name=tool, arguments=arguments, context=Context())
        for arguments in asked.values()
    ]
    with tempfile.TemporaryDirectory(prefix="cf-") as scratch:
        folder = Path(scratch)
        policy_folder(folder / "rego", policy)
        file = folder / "counterfoil.toml"
        file.write_text(f'policy.bundle = "{folder}/rego"\n{config}', "utf-8")
        with asking_of(load_config(file, {}, dev=True), caller) as asking:
            found: list[Explained] = []
            for start in range(0, len(requests), _GROUP):
                found += asking.flow.run(requests[start : start + _GROUP], caller)
    return dict(zip(asked, found, strict=True))


def assert_nothing(explained: Explained) -> None:
    """A decision that permits nothing and says why."""
    decision = explained.decision
    assert decision.effect is not Effect.ALLOW, explained.case.reading
    assert decision.permissions == decision.obligations == ()
    for reason in decision.reasons:
        assert reason.code
        assert reason.title
        assert reason.solution
