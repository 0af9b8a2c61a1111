"""Counterfoil for AutoGen: every action of a team is judged before it runs.

```python
guard = Guard("http://127.0.0.1:8282")
team = protect(team, guard)
result = await run(guard, team, task="…", token=get_delegation_token)
```
"""

from __future__ import annotations

from autogen_counterfoil.agentchat import protect, run, run_stream
from autogen_counterfoil.approvals import PendingApproval
from autogen_counterfoil.beneath import PathRefusedError, Root
from autogen_counterfoil.code import GuardedCodeExecutor
from autogen_counterfoil.dpop import DPoPKey
from autogen_counterfoil.errors import (
    CredentialError,
    CredentialNotIssuedError,
    GuardedComponentError,
    HookError,
    UnguardedSurfaceError,
)
from autogen_counterfoil.files import file_tools
from autogen_counterfoil.gateways import through_gateway
from autogen_counterfoil.grant import Grant, current_grant
from autogen_counterfoil.guard import Guard
from autogen_counterfoil.guarding import guard_tools
from autogen_counterfoil.issued import Credential
from autogen_counterfoil.login_files import docker_config, kubeconfig
from autogen_counterfoil.plans import PlanRefusedError, judged_plan
from autogen_counterfoil.refusal import ActionRefusedError
from autogen_counterfoil.tool_agent import GuardedToolAgent
from autogen_counterfoil.workbench import GuardedWorkbench

__all__ = [
    "ActionRefusedError",
    "Credential",
    "CredentialError",
    "CredentialNotIssuedError",
    "DPoPKey",
    "Grant",
    "Guard",
    "GuardedCodeExecutor",
    "GuardedComponentError",
    "GuardedToolAgent",
    "GuardedWorkbench",
    "HookError",
    "PathRefusedError",
    "PendingApproval",
    "PlanRefusedError",
    "Root",
    "UnguardedSurfaceError",
    "current_grant",
    "docker_config",
    "file_tools",
    "guard_tools",
    "judged_plan",
    "kubeconfig",
    "protect",
    "run",
    "run_stream",
    "through_gateway",
]
