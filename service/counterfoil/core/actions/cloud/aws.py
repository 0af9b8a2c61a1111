"""AWS calls and lines of its command line: IAM actions on whole ARNs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from counterfoil.core.actions.argv import Around, Options, Parsed, Reading, parse
from counterfoil.core.actions.cloud.arns import AWS, Account, account_of, filled, role_arn, value_of
from counterfoil.core.actions.cloud.calls import CALLS, CLI_NAMES, TYPES, Call
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonObject, JsonValue, Operation, Permission

ANYTHING: Final = "*"
"""What IAM itself writes for an action that is on no resource."""
_GLOBAL_VALUES: Final = frozenset({"--region", "--output", "--query"})
_GLOBAL_FLAGS: Final = frozenset({"--no-cli-pager", "--no-paginate"})
SESSION: Final[JsonObject] = {
    "environment": {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_PAGER": "",
    }
}
"""No profile, no other endpoint, no pager of a configuration that nobody here sees."""
_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "s": str, "i": int, "b": bool, "l": (list, tuple), "o": (dict, list, tuple),
}  # fmt: skip


def call(
    service: str, operation: str, parameters: Mapping[str, JsonValue], account: Account
) -> tuple[tuple[Operation, ...], tuple[Permission, ...]]:
    """What one call does, and the rights that it needs, dependent ones included.

    Raises:
        Unreadable: the call, or one of its members, is not in the table.
    """
    row = CALLS.get(service, {}).get(operation)
    if row is None:
        raise Unreadable("uncertain.cloud_call", f"{service}.{operation}"[:64])
    named = {member for kind in row.on for member in TYPES[service][kind].fill}
    for member, value in parameters.items():
        if member not in named and member not in row.passes:
            _check(row, member, value)
    operations = [
        _operation(account, f"{service}:{row.action}", arn)
        for arn in _on(service, row, parameters, account)
    ]
    for member in row.passes:
        if member in parameters:
            arn = role_arn(parameters[member], account)
            operations.append(_operation(account, "iam:PassRole", arn))
    return tuple(operations), tuple(
        _permission(account, item, index) for index, item in enumerate(operations)
    )


def _on(
    service: str, row: Call, parameters: Mapping[str, JsonValue], account: Account
) -> Sequence[str]:
    """The ARNs that the call is on; `*` where IAM knows of no resource for it."""
    if not row.on:
        return (ANYTHING,)
    found: list[str] = []
    for kind in row.on:
        type_of = TYPES[service][kind]
        values: dict[str, tuple[str, ...]] = {}
        for member, (variable, how) in type_of.fill.items():
            if member not in parameters:
                raise Unreadable("uncertain.cloud_member", f"{member} is needed")
            values[variable] = value_of(how, parameters[member], type_of.arn, account)
        many = max(len(items) for items in values.values())
        found.extend(
            filled(
                type_of.arn,
                account,
                {name: items[min(i, len(items) - 1)] for name, items in values.items()},
            )
            for i in range(many)
        )
    return found


def _check(row: Call, member: str, value: JsonValue) -> None:
    kind = row.harmless.get(member)
    wanted = _KINDS.get(kind or "")
    fits = wanted is not None and isinstance(value, wanted)
    if not fits or (kind == "i" and isinstance(value, bool)):
        raise Unreadable("uncertain.cloud_member", member[:64])


def _operation(account: Account, action: str, arn: str) -> Operation:
    return Operation(
        family="cloud",
        verb=action,
        object={"kind": "aws", "account": account.id, "arn": arn},
        details={"parts": arn.split("/")},
    )


def _permission(account: Account, operation: Operation, index: int) -> Permission:
    return {
        "type": AWS,
        "locations": [account.location],
        "identifier": operation.object["arn"],
        "actions": [operation.verb],
        "operations": [index],
    }


def read_aws(words: Sequence[str], around: Around) -> Reading:
    """Read the words of one AWS command line; the first is `aws`.

    Raises:
        Unreadable: account, call, option or value is not sure.
    """
    accounts = [item for item in around.resources if item.type == AWS]
    if len(accounts) != 1:
        raise Unreadable("uncertain.cloud_account", "one account must be registered")
    account = account_of(accounts[0])
    if len(words) < 3 or words[0] != "aws" or words[1].startswith("-"):  # noqa: PLR2004
        raise Unreadable("uncertain.cloud_call", " ".join(words)[:64])
    service = CLI_NAMES.get(words[1], words[1])
    known = {cli_name(name): name for name in CALLS.get(service, {})}
    # `aws s3` is another program than `aws s3api`: only a line of a shell has its files.
    operation = known.get(words[2]) if words[1] != "s3" else None
    if operation is None:
        raise Unreadable("uncertain.cloud_call", " ".join(words[1:3])[:64])
    parameters = _parameters(service, operation, words[3:], account)
    operations, required = call(service, operation, parameters, account)
    text = canonical_bytes(parameters).decode()
    return Reading(
        operations=operations,
        required=required,
        words=(
            "aws", words[1], words[2], "--region", account.region, "--output", "json",
            "--cli-input-json", text,
        ),
        session=SESSION,
    )  # fmt: skip


def cli_name(name: str) -> str:
    """`ListObjectsV2` as the command line has it: `list-objects-v2` (botocore.xform_name)."""
    if name.startswith("DB"):
        name = "Db" + name[2:]
    name = name.replace("DBInstance", "DbInstance")
    spaced = re.sub(r"(.)([A-Z][a-z]+)", r"\1-\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", spaced).lower()


def _parameters(
    service: str, operation: str, words: Sequence[str], account: Account
) -> dict[str, JsonValue]:
    row = CALLS[service][operation]
    named = {m for kind in row.on for m in TYPES[service][kind].fill} | set(row.passes)
    kinds = {**row.harmless, **dict.fromkeys(named, "s")}
    if operation.endswith("Instances") and "InstanceIds" in named:
        kinds["InstanceIds"] = "l"
    options = {f"--{cli_name(member)}": member for member in kinds}
    lists = {name for name, member in options.items() if kinds[member] == "l"}
    flags = {name for name, member in options.items() if kinds[member] == "b"}
    grammar = Options(
        flags=frozenset(flags) | _GLOBAL_FLAGS,
        values=(frozenset(options) - flags) | _GLOBAL_VALUES,
    )
    said = _lists(words, lists, grammar)
    _check_globals(said, account)
    found: dict[str, JsonValue] = {}
    for name, value in said.options:
        if name in _GLOBAL_FLAGS | _GLOBAL_VALUES:
            continue
        member = options[name]
        if member in found and kinds[member] != "l":
            raise Unreadable("uncertain.option", f"{name} twice")
        found[member] = _value(kinds[member], value, found.get(member))
    return found


def _lists(words: Sequence[str], lists: set[str], grammar: Options) -> Parsed:
    """`--instance-ids a b c`: a list's words go on until the next option."""
    spread: list[str] = []
    current = ""
    for word in words:
        if word.startswith("-"):
            current = word if word in lists else ""
            if current:
                continue
        elif current:
            spread.append(f"{current}={word}")
            continue
        spread.append(word)
    said = parse(spread, grammar)
    if said.operands or said.after_dashes is not None:
        raise Unreadable("uncertain.operands", "only options follow the operation")
    return said


def _check_globals(said: Parsed, account: Account) -> None:
    region = said.value("--region")
    if region not in {None, account.region}:
        raise Unreadable("uncertain.cloud_account", "another region is named")


def _value(kind: str, text: str | None, before: JsonValue) -> JsonValue:
    """A value as JSON. `file://x`, `fileb://x` and URLs would be read and put in its place."""
    if kind == "b":
        return True
    value = text or ""
    if re.match(r"(file|fileb|https?)://", value, re.IGNORECASE) and "://sqs." not in value[:14]:
        raise Unreadable("uncertain.cloud_member", value[:64])
    if kind == "i":
        if not re.fullmatch(r"[0-9]{1,15}", value, re.ASCII):
            raise Unreadable("uncertain.cloud_member", value[:64])
        return int(value)
    if kind == "l":
        return [*(before if isinstance(before, (list, tuple)) else ()), value]
    return _structure(value) if kind == "o" else value


def _structure(text: str) -> JsonValue:
    """JSON alone: the command line's own shorthand is another grammar.

    Raises:
        Unreadable: it is none, or a name stands in it twice.
    """
    try:
        value: JsonValue = json.loads(
            text, object_pairs_hook=_once, parse_constant=_none, parse_float=_none
        )
    except (ValueError, RecursionError):
        raise Unreadable("uncertain.cloud_member", "write the value as JSON") from None
    return value


def _once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice")
    return value


def _none(text: str) -> JsonValue:
    raise ValueError(text)
