"""One resource by its whole ARN: nothing in it may be a pattern, another account or region."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.model import JsonValue, Resource

AWS: Final = "aws_sts"
"""The type of a registered account, and of the permissions on it."""
_LOCATION: Final = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov):account:"
    r"(?P<region>[a-z]{2}(?:-[a-z]+){1,3}-[0-9]{1,2}):(?P<account>[0-9]{12}):account",
    re.ASCII,
)
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=@-]{0,254}", re.ASCII)
_PATH: Final = re.compile(r"/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*", re.ASCII)
_BUCKET: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){1,61}[a-z0-9]", re.ASCII)
_ODD_BUCKETS: Final = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")
"""Ends of names that are no bucket's: access points and directory buckets have other ARNs."""
_ODD_STARTS: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")
_INSTANCE: Final = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?", re.ASCII)
_ARN_NAME: Final = re.compile(r"[A-Za-z0-9_/+=.@-]{1,512}", re.ASCII)
_MAX_KEY_BYTES: Final = 1_024
_KEY_SIGNS: Final = frozenset("*?$\\")
"""`*` and `?` are patterns in a policy, `$` begins a variable there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A registered account in one region."""

    id: str
    location: str
    partition: str
    region: str
    number: str


def account_of(resource: Resource | None) -> Account:
    """Read a registered account: `arn:aws:account:eu-central-1:123456789012:account`.

    Raises:
        Unreadable: it is none.
    """
    if resource is None or resource.type != AWS:
        raise Unreadable("uncertain.resource_type", "a registered AWS account is needed")
    found = _LOCATION.fullmatch(resource.location)
    if found is None:
        raise Unreadable("uncertain.resource_location", resource.id)
    return Account(
        id=resource.id, location=resource.location, partition=found["partition"],
        region=found["region"], number=found["account"],
    )  # fmt: skip


def filled(template: str, account: Account, values: Mapping[str, str]) -> str:
    """An ARN with all of its variables filled in.

    Raises:
        KeyError: one has no value; a row of the table is wrong.
    """
    known = {"Partition": account.partition, "Region": account.region, "Account": account.number}
    return re.sub(r"\$\{(\w+)\}", lambda found: {**known, **values}[found[1]], template)


def value_of(how: str, value: JsonValue, template: str, account: Account) -> tuple[str, ...]:
    """The variable's value that a member gives; a list of instances gives several.

    Raises:
        Unreadable: it may name more than one thing, or one elsewhere.
    """
    if how == "instances":
        return _instances(value)
    if not isinstance(value, str):
        raise Unreadable("uncertain.cloud_name", "a name is text")
    return (_READERS[how](value, template, account),)


def _instances(value: JsonValue) -> tuple[str, ...]:
    items: Sequence[JsonValue] = value if isinstance(value, (list, tuple)) else ()
    names = tuple(item for item in items if isinstance(item, str) and _INSTANCE.fullmatch(item))
    if not names or len(names) != len(items) or len(set(names)) != len(names):
        raise Unreadable("uncertain.cloud_name", "name each instance once by its id")
    return names


def _name(value: str, template: str, account: Account) -> str:
    del template, account
    return _whole(_NAME, value)


def _path(value: str, template: str, account: Account) -> str:
    del template, account
    return _whole(_PATH, value)


def _slashed(value: str, template: str, account: Account) -> str:
    del template, account
    return _whole(_PATH, value).removeprefix("/")


def _bucket(value: str, template: str, account: Account) -> str:
    del template, account
    if value.endswith(_ODD_BUCKETS) or value.startswith(_ODD_STARTS):
        raise Unreadable("uncertain.cloud_name", value[:64])
    if re.fullmatch(r"[0-9.]+", value):
        raise Unreadable("uncertain.cloud_name", value[:64])
    return _whole(_BUCKET, value)


def _key(value: str, template: str, account: Account) -> str:
    """A key's parts are literal, but a client may fold `.` and `..`, and drop what is empty."""
    del template, account
    odd = {"", ".", ".."} & set(value.split("/"))
    if odd or not value.isprintable() or not _KEY_SIGNS.isdisjoint(value):
        raise Unreadable("uncertain.cloud_name", value[:64])
    if len(value.encode()) > _MAX_KEY_BYTES:
        raise Unreadable("uncertain.cloud_name", f"more than {_MAX_KEY_BYTES} bytes")
    return value


def _key_id(value: str, template: str, account: Account) -> str:
    """An alias may come to mean another key; only an id does not."""
    before = filled(template.partition("${KeyId}")[0], account, {})
    return _whole(_KEY_ID, value.removeprefix(before))


def _arn(value: str, template: str, account: Account) -> str:
    """A whole ARN, of this account and region."""
    before = filled(template.rpartition("${")[0], account, {})
    if not value.startswith(before):
        raise Unreadable("uncertain.cloud_name", value[:128])
    return _whole(_ARN_NAME, value[len(before) :])


def _queue_url(value: str, template: str, account: Account) -> str:
    """A queue's own URL; where it leads is where a client sends, so it is compared whole."""
    del template
    suffix = "amazonaws.com.cn" if account.partition == "aws-cn" else "amazonaws.com"
    before = f"https://sqs.{account.region}.{suffix}/{account.number}/"
    if not value.startswith(before):
        raise Unreadable("uncertain.cloud_name", value[:128])
    return _whole(_NAME, value[len(before) :])


def role_arn(value: JsonValue, account: Account) -> str:
    """The role that a call hands on.

    Raises:
        Unreadable: it is no role of this account, by its whole ARN.
    """
    if not isinstance(value, str):
        raise Unreadable("uncertain.cloud_name", "a role is named by its ARN")
    template = "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"
    return filled(template, account, {"RoleNameWithPath": _arn(value, template, account)})


def _whole(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value) or ".." in value:
        raise Unreadable("uncertain.cloud_name", value[:64])
    return value


_READERS: Final[Mapping[str, Callable[[str, str, Account], str]]] = {
    "name": _name,
    "path": _path,
    "slashed": _slashed,
    "bucket": _bucket,
    "key": _key,
    "key_id": _key_id,
    "arn": _arn,
    "queue_url": _queue_url,
}
