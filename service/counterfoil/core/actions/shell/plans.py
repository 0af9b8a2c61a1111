"""`terraform apply PLANFILE`: the changes of a saved plan, read by the `cloud` family.

A saved plan is no text. Its JSON comes beside the line, as the tool's argument `plan`; the
obligation `plan_digest` has whoever runs the line see first that the file is of that JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.argv import Reading, joined
from counterfoil.core.actions.cloud import terraform as plans
from counterfoil.core.actions.contract import Unreadable, check_size
from counterfoil.core.actions.shell.ground import Ground, touches
from counterfoil.core.model import JsonValue

_FLAGS: Final = frozenset({"-auto-approve", "-input=false", "-no-color", "-compact-warnings"})
"""A saved plan is applied without asking: what these say, or less."""
_ENVIRONMENT: Final = {
    "TF_CLI_ARGS": "",
    "TF_CLI_ARGS_apply": "",
    "TF_CLI_CONFIG_FILE": "/dev/null",
    "TF_REATTACH_PROVIDERS": "",
}
"""No option, other provider or override of a configuration that nobody here sees."""


def terraform(words: Sequence[str], ground: Ground) -> Reading:
    """Read one apply of a saved plan, by `terraform` or `tofu`.

    Raises:
        Unreadable: another command, an option, the file or its plan is not sure.
    """
    if "".join(words[1:2]) != "apply":
        raise Unreadable("uncertain.plan_command", " ".join(words[:2])[:64])
    options = [word for word in words[2:] if word.startswith("-")]
    files = [word for word in words[2:] if not word.startswith("-")]
    odd = set(options) - _FLAGS
    if odd:
        raise Unreadable("uncertain.option", min(odd)[:64])
    if len(files) != 1:
        raise Unreadable("uncertain.operands", f"{words[0]} apply PLANFILE")
    if ground.around.cwd is None:
        raise Unreadable("uncertain.path_root", f"{words[0]} needs a folder")
    place = ground.place(files[0])
    operations, digest = plans.changes(*_plan(ground))
    said: dict[str, JsonValue] = {"plan_digest": digest, "plan_file": place.absolute}
    found, required, ambient = joined(
        [Reading(operations=operations, words=()), touches((), [("read", "file", place)])]
    )
    flags = ("-input=false", *(word for word in sorted(set(options)) if word != "-input=false"))
    return Reading(
        operations=found,
        required=required,
        ambient=ambient,
        words=(words[0], "apply", *flags, ground.spelled(place)),
        session={**said, "environment": _ENVIRONMENT},
    )


def _plan(ground: Ground) -> tuple[str, str]:
    """The plan's text, and the one registered workspace that it is for."""
    workspaces = [item for item in ground.around.resources if item.type == plans.TERRAFORM]
    if len(workspaces) != 1:
        raise Unreadable("uncertain.resource_unknown", "one registered workspace is needed")
    if not isinstance(ground.plan, str):
        raise Unreadable("uncertain.plan_missing")
    check_size(ground.plan, plans.MAX_PLAN_BYTES)
    return ground.plan, workspaces[0].id
