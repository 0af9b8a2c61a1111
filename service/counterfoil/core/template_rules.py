"""Whether a template answers for an action that needs approval.

    1. the same person, agent and run asks, under the same prompt
    2. the same tool on the same resource, its arguments those that were approved with the holes
    3. it would do, need and run the same, but that the holes' words are others
    4. policy asks for the very approval that was given, under the same revision
    5. it is not used up, over, ended or revoked; and what gave it was not withdrawn

Policy is asked once more, with whoever gave the template, when the action is sent again.
"""

from __future__ import annotations

from typing import cast

from counterfoil.core.approval import Approval, Status
from counterfoil.core.model import JsonObject
from counterfoil.core.template import same_but_for, words_of


def answers(giver: Approval, wanted: Approval, now: float) -> bool:
    """Whether the template that `giver` gave answers what `wanted` asks for; but for revocation."""
    template = giver.similar
    if template is None or not template.is_open(now) or giver.ended is Status.CANCELLED:  # 5
        return False
    if giver.asker != wanted.asker or giver.prompt_digest != wanted.prompt_digest:  # 1
        return False
    if giver.policy_revision != wanted.policy_revision or giver.terms != wanted.terms:  # 4
        return False
    before, after = giver.input, wanted.input
    asked, now_asked = (cast("JsonObject", each["action"]) for each in (before, after))
    if before["resource"] != after["resource"]:  # 2
        return False
    if (asked["name"], asked["family"]) != (now_asked["name"], now_asked["family"]):
        return False
    words = words_of(
        template.holes,
        cast("JsonObject", asked["arguments"]),
        cast("JsonObject", now_asked["arguments"]),
    )
    return words is not None and same_but_for(words, _measured(giver), _measured(wanted))  # 3


def _measured(approval: Approval) -> JsonObject:
    """What `core.approval.measure` compares, as values."""
    value = approval.input
    return {
        **{name: value[name] for name in ("operations", "required", "ambient")},
        "execute": approval.asked["execute"],
    }
