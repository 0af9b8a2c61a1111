"""`aws s3`: objects by whole names, and the files that they come from or go to.

`cp`, `mv` and `rm` of one object, `ls`, `mb` and `rb`; a call is what the `cloud` family says
of it. Whole trees (`--recursive`, `sync`) name what nobody has listed, a copy between buckets
carries what is not seen (tags), and a signed URL outlives the decision: those are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from counterfoil.core.actions.argv import Options, Parsed, Reading, joined, parse, written
from counterfoil.core.actions.cloud.arns import AWS, Account, account_of
from counterfoil.core.actions.cloud.aws import SESSION, call
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.roots import Place
from counterfoil.core.actions.shell.files import options
from counterfoil.core.actions.shell.ground import Ground, Touch, touches
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonValue

_SCHEME: Final = "s3://"
_STREAM: Final = "-"
_QUIET: Final = "quiet only-show-errors no-progress no-cli-pager region="
_SENT: Final = "content-type= content-encoding= cache-control= content-language="
_COPY: Final = options(long=f"{_QUIET} {_SENT}")
_PLAIN: Final = options(long=_QUIET)
_LIST: Final = options(long=f"{_QUIET} recursive human-readable summarize")
_READ_BY_AWS: Final = ("file://", "fileb://", "http://", "https://")
"""Values that the command line itself would fetch and put in their place."""
Thing = tuple[str, str]
"""A bucket and a key; the key is empty for the bucket itself."""


def storage(words: Sequence[str], ground: Ground) -> Reading:
    """Read one call of `aws s3`.

    Raises:
        Unreadable: account, command, option or name is not sure.
    """
    accounts = [item for item in ground.around.resources if item.type == AWS]
    if len(accounts) != 1:
        raise Unreadable("uncertain.cloud_account", "one account must be registered")
    read = _COMMANDS.get(words[2]) if len(words) > 2 else None  # noqa: PLR2004 -- aws s3 NAME
    if read is None:
        raise Unreadable("uncertain.cloud_call", " ".join(words[:3])[:64])
    account = account_of(accounts[0])
    return replace(read(words[2:], account, ground), session=SESSION)


def _said(words: Sequence[str], known: Options, account: Account) -> tuple[Parsed, list[str]]:
    parsed = parse(words[1:], known)
    if parsed.value("--region") not in {None, account.region}:
        raise Unreadable("uncertain.cloud_account", "another region is named")
    if any((value or "").lower().startswith(_READ_BY_AWS) for _, value in parsed.options):
        raise Unreadable("uncertain.cloud_member", "a file or URL in place of the value")
    return parsed, [*parsed.operands, *(parsed.after_dashes or ())]


def _runs(name: str, parsed: Parsed, account: Account, *operands: str) -> tuple[str, ...]:
    kept = tuple(item for item in parsed.options if item[0] != "--region")
    return (
        *("aws", "s3", name, f"--region={account.region}"),
        *written(replace(parsed, options=kept)),
        *operands,
    )


def _thing(word: str) -> Thing:
    bucket, _, key = word.removeprefix(_SCHEME).partition("/")
    if not word.startswith(_SCHEME):
        raise Unreadable("uncertain.operands", "s3://BUCKET/KEY")
    return bucket, key


def _called(operation: str, thing: Thing, account: Account) -> Reading:
    bucket, key = thing
    members: dict[str, JsonValue] = {"Bucket": bucket} if bucket else {}
    if key:
        members["Key"] = key
    operations, required = call("s3", operation, members, account)
    return Reading(operations=operations, required=required, words=())


def _both(words: Sequence[str], *readings: Reading) -> Reading:
    operations, required, ambient = joined(readings)
    return Reading(operations=operations, required=required, ambient=ambient, words=tuple(words))


def _ls(words: Sequence[str], account: Account, ground: Ground) -> Reading:
    del ground
    parsed, operands = _said(words, _LIST, account)
    if not operands:
        return _both(_runs("ls", parsed, account), _called("ListBuckets", ("", ""), account))
    if len(operands) != 1:
        raise Unreadable("uncertain.operands", "aws s3 ls s3://BUCKET/PREFIX")
    bucket, prefix = _thing(operands[0])
    if not prefix.isprintable():
        raise Unreadable("uncertain.cloud_name", ascii(prefix)[1:65])
    place = f"{_SCHEME}{bucket}/{prefix}"
    return _both(
        _runs("ls", parsed, account, place), _called("ListObjectsV2", (bucket, ""), account)
    )


def _one(name: str, operation: str, *, whole: bool) -> Callable[..., Reading]:
    """A command on one object, or on one whole bucket."""
    form = "s3://BUCKET" if whole else "s3://BUCKET/KEY"

    def read(words: Sequence[str], account: Account, ground: Ground) -> Reading:
        del ground
        parsed, operands = _said(words, _PLAIN, account)
        thing = _thing(operands[0]) if len(operands) == 1 else ("", "")
        if whole == bool(thing[1]):
            raise Unreadable("uncertain.operands", f"aws s3 {name} {form}")
        place = _SCHEME + thing[0] + ("" if whole else f"/{thing[1]}")
        return _both(_runs(name, parsed, account, place), _called(operation, thing, account))

    return read


def _cp(words: Sequence[str], account: Account, ground: Ground) -> Reading:
    """`cp` and `mv`: from a file to an object, or from an object to a file."""
    name = words[0]
    parsed, operands = _said(words, _COPY, account)
    away = [word.startswith(_SCHEME) for word in operands]
    if away == [False, True]:
        return _upload(name, parsed, operands, account, ground)
    if away == [True, False] and not any(item[0].startswith("--c") for item in parsed.options):
        return _download(name, parsed, operands, account, ground)
    raise Unreadable("uncertain.operands", f"aws s3 {name} FILE s3://BUCKET/KEY, or the other way")


def _upload(
    name: str, parsed: Parsed, operands: Sequence[str], account: Account, ground: Ground
) -> Reading:
    bucket, key = _thing(operands[1])
    if operands[0] == _STREAM:
        if name == "mv" or not ground.piped:
            raise Unreadable("uncertain.operands", "- is for cp behind a pipe")
        spelled, found = _STREAM, list[Touch]()
    else:
        place = ground.place(operands[0])
        spelled, found = ground.spelled(place), [("read", "file", place)]
        if name == "mv":
            found.append(("delete", "file", place))
        if not key or key.endswith("/"):  # the program would put the file's own name there
            key += (place.parts or (".",))[-1]
    put = _called("PutObject", (bucket, key), account)
    run = _runs(name, parsed, account, spelled, f"{_SCHEME}{bucket}/{key}")
    return _both(run, put, *([touches((), found)] if found else []))


def _download(
    name: str, parsed: Parsed, operands: Sequence[str], account: Account, ground: Ground
) -> Reading:
    """What runs names the file itself: `cp` into what is a folder would name another."""
    thing = _thing(operands[0])
    get = _called("GetObject", thing, account)
    if operands[1] == _STREAM and name == "cp":
        run = _runs(name, parsed, account, _SCHEME + "/".join(thing), _STREAM)
        return _both(run, get)
    if name == "mv":
        raise Unreadable("uncertain.operands", "aws s3 cp, then aws s3 rm")
    place = ground.place(operands[1])
    if operands[1] == "." or operands[1].endswith("/"):
        place = _in(place, thing[1], ground)
    members: dict[str, JsonValue] = {"Bucket": thing[0], "Key": thing[1]}
    run = (
        "aws", "s3api", "get-object", f"--region={account.region}", "--output=json",
        "--cli-input-json", canonical_bytes(members).decode(), ground.spelled(place),
    )  # fmt: skip
    return _both(run, get, touches((), [("write", "file", place)]))


def _in(folder: Place, key: str, ground: Ground) -> Place:
    """The file of the object's own name in a folder, read as any path."""
    return ground.place(f"{folder.absolute}/{key.rpartition('/')[2]}")


_COMMANDS: Final[Mapping[str, Callable[..., Reading]]] = {
    "ls": _ls,
    "cp": _cp,
    "mv": _cp,
    "rm": _one("rm", "DeleteObject", whole=False),
    "mb": _one("mb", "CreateBucket", whole=True),
    "rb": _one("rb", "DeleteBucket", whole=True),
}
