"""The `cloud` family: calls of AWS, lines of its command line, and plans of Terraform.

    1. the call and its members, by closed tables      calls.py
    2. whole ARNs in the registered account            arns.py
    3. IAM actions, dependent ones included            aws.py
    4. a plan's changes, resource by resource          terraform.py

The type of the registered resource says which of them a tool is: `aws_sts` (an account in one
region) or `terraform` (docs/actions/cloud.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.core.actions.argv import Around
from counterfoil.core.actions.cloud import terraform
from counterfoil.core.actions.cloud.arns import AWS, account_of
from counterfoil.core.actions.cloud.aws import SESSION, call, read_aws
from counterfoil.core.actions.contract import Limits, Unreadable, check_size, command_text
from counterfoil.core.actions.git import argument_words
from counterfoil.core.model import Command, Execute, Interpretation

_CALL = frozenset({"account", "service", "operation", "parameters"})


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read a call, a command line or a plan.

    Raises:
        Unreadable: something in it is not sure.
    """
    resource = command.resource
    if resource is not None and resource.type == terraform.TERRAFORM:
        text = command_text(command)
        check_size(text, terraform.MAX_PLAN_BYTES)
        return terraform.plan(command, text, resource)
    account = account_of(resource)
    if resource is None or "service" not in command.arguments:
        return _line(command)
    further = command.arguments.keys() - _CALL
    if further:
        raise Unreadable("uncertain.cloud_member", min(further))
    service, operation, parameters = (
        command.arguments.get(name) for name in ("service", "operation", "parameters")
    )
    if not isinstance(service, str) or not isinstance(operation, str):
        raise Unreadable("uncertain.cloud_call", "service and operation are text")
    if not isinstance(parameters, Mapping):
        raise Unreadable("uncertain.cloud_member", "parameters are an object")
    check_size(str(parameters), limits.manifest_bytes)
    operations, required = call(service, operation, parameters, account)
    return Interpretation(
        operations=operations,
        required=required,
        execute=Execute(
            arguments=command.arguments,
            session={**SESSION, "region": account.region, "account": account.number},
        ),
    )


def _line(command: Command) -> Interpretation:
    argument = command.command_argument or ""
    value = command.arguments.get(argument)
    words = argument_words(value)
    assert command.resource is not None  # noqa: S101 -- read before
    reading = read_aws(words, Around(resources=(command.resource,)))
    if isinstance(value, str):
        # Its JSON holds quotes, and a text of words has none: there is one form that runs.
        raise Unreadable("uncertain.words", "send a list of words")
    return Interpretation(
        operations=reading.operations,
        required=reading.required,
        execute=Execute(
            arguments={**command.arguments, argument: list(reading.words)},
            session=reading.session,
        ),
    )


__all__ = ["AWS", "interpret", "read_aws"]
