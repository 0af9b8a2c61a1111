"""A saved plan, seen to be the one that was judged: the obligation `plan_digest`, kept.

```python
async def terraform_apply(plan: str) -> str:
    with judged_plan("/srv/infra/tfplan") as file:
        return await run("terraform", "apply", "-input=false", file)

guard = Guard(url, honours=["terraform_apply"])
```
The file is copied to where nobody else writes before it is shown, and the copy is what is
applied: what takes the file's place meanwhile is not.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from autogen_counterfoil.beneath import Root
from autogen_counterfoil.errors import HookError
from autogen_counterfoil.grant import Grant, current_grant

MAX_PLAN_BYTES = 67_108_864
"""A plan holds its configuration and state; a larger file is refused, never cut."""

SHOW_SECONDS = 60.0
"""How long showing a plan may take: it starts the plan's providers for their schemas."""


class PlanRefusedError(HookError):
    """The plan is not the one that was judged, or nobody judged one."""


@contextmanager
def judged_plan(file: str | Path, *, program: str = "terraform") -> Iterator[Path]:
    """Give a private copy of a plan file that shows as the JSON that was judged.

    Args:
        file: what is to be applied, in the folder of its configuration.
        program: `terraform` or `tofu`, by name or path; it shows the copy in that folder.

    Raises:
        PlanRefusedError: no allow for a plan is held, or the file is of another plan.
        PathRefusedError: the file is a link, or no plain file.
        OSError: the file, or the program, is not there.
    """
    grant = current_grant()
    wanted = _wanted(grant)
    path = Path(os.path.abspath(file))  # noqa: PTH100 -- resolve() would follow a link
    with tempfile.TemporaryDirectory(prefix="counterfoil-plan-") as folder:
        copy = Path(folder) / "plan"
        copy.write_bytes(_bytes(path))
        copy.chmod(0o400)
        shown = _shown(program, copy, path.parent, _environment(grant))
        # The program ends its JSON with a newline, which a caller may have sent or not.
        if wanted not in {_digest(shown), _digest(shown.removesuffix(b"\n"))}:
            raise PlanRefusedError("the file is of another plan than the one that was judged")
        yield copy


def _wanted(grant: Grant | None) -> str:
    session = grant.session if grant is not None else None
    digest = (session or {}).get("plan_digest")
    if not isinstance(digest, str):
        raise PlanRefusedError("no plan was judged for this call")
    return digest


def _environment(grant: Grant | None) -> dict[str, str]:
    """This process's own, with what the allow pins: no provider or option from elsewhere."""
    session = (grant.session if grant is not None else None) or {}
    pinned = session.get("environment")
    given = pinned if isinstance(pinned, Mapping) else {}
    return {**os.environ, **{str(name): str(value) for name, value in given.items()}}


def _bytes(path: Path) -> bytes:
    root = Root(path.parent)
    try:
        with os.fdopen(root.open(path.name, os.O_RDONLY), "rb") as opened:
            data = opened.read(MAX_PLAN_BYTES + 1)
    finally:
        root.close()
    if len(data) > MAX_PLAN_BYTES:
        raise PlanRefusedError(f"the file has more than {MAX_PLAN_BYTES} bytes")
    return data


def _shown(program: str, copy: Path, folder: Path, environment: dict[str, str]) -> bytes:
    try:
        done = subprocess.run(
            [program, "show", "-json", "-no-color", str(copy)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SHOW_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PlanRefusedError(f"{program} did not show the plan in time") from error
    if done.returncode != 0:
        raise PlanRefusedError(f"{program} cannot show the plan")
    return done.stdout


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
