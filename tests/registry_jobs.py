"""Ordinary jobs at a registry, and whether a credential is enough for one, necessary, and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from counterfoil.core.model import Permission
from counterfoil_issuers.contract import TargetError
from registry_client import Client, delete, digest_of, manifest_of, mount, pull, push
from registry_world import World, job_of

THERE = "acme/there"
"""A repository with an image of the tag `1`, from which layers are mounted."""
DIGEST = digest_of(manifest_of("plain"))
_ACTIONS = ("pull", "push", "delete")
_NAMES = ("acme/web", "acme/team-a/api__v2.x", "a/b/c/d/e/f", "x", "acme/web-2", "acme/9--z")
Act = Callable[[World, Client], bool]


@dataclass(frozen=True, slots=True)
class Text:
    """One job: the verb, the repository, what of it, and where layers come from."""

    verb: str
    name: str
    what: str
    source: str | None = None

    @property
    def image(self) -> str:
        return self.name + self.what

    def __str__(self) -> str:
        return f"{self.verb} {self.image}" + (f" from {self.source}" if self.source else "")

    def permissions(self, world: World) -> tuple[Permission, ...]:
        more: dict[str, Any] = {"from": self.source} if self.source else {}
        return world.decided(self.verb, self.image, **more)

    def run(self, world: World, client: Client) -> bool:
        """Do it; True where every step of it was let through and did what it should."""
        reference = world.reference(self.image)
        if self.source:
            return mount(client, reference, world.reference(self.source))
        return {"push": push, "pull": pull, "delete": delete}[self.verb](client, reference)


JOBS: tuple[Text, ...] = (
    *(Text("push", name, ":1") for name in _NAMES),
    *(Text("pull", name, ":1") for name in _NAMES),
    *(Text("pull", name, f"@{DIGEST}") for name in _NAMES[:3]),
    *(Text("delete", name, f"@{DIGEST}") for name in _NAMES),
    *(Text("delete", name, ":1") for name in _NAMES[:3]),
    *(Text("push", name, ":2", f"{THERE}:1") for name in _NAMES),
)
FEW: tuple[Text, ...] = (
    Text("push", "acme/new", ":1"),
    Text("push", THERE, ":2"),
    Text("push", "acme/team-a/api__v2.x", ":1"),
    Text("pull", THERE, ":1"),
    Text("pull", THERE, f"@{DIGEST}"),
    Text("delete", "acme/web", f"@{DIGEST}"),
    Text("delete", "acme/web", ":1"),
    Text("push", "acme/mounted", ":1", f"{THERE}:1"),
)


@dataclass
class Found:
    """What was tried, and what came out otherwise than it should; `wrong` names each."""

    tried: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, kind: str, what: str, *, right: bool) -> None:
        self.tried[kind] += 1
        if not right:
            self.wrong.append(f"{kind}: {what}")

    def of(self, kind: str) -> str:
        bad = sum(one.startswith(f"{kind}:") for one in self.wrong)
        return f"{self.tried[kind] - bad} of {self.tried[kind]}"


def singles(permissions: Sequence[Permission]) -> list[tuple[str, str]]:
    """Repository and action, one by one."""
    found: list[tuple[str, str]] = []
    for item in permissions:
        actions: Any = item["actions"]
        found += [(str(item["identifier"]), action) for action in actions]
    return found


def holding(world: World, rights: Sequence[tuple[str, str]]) -> Client:
    """A new credential for single rights; for none there is no credential, so for one elsewhere."""
    kept = rights or [("acme/next", "pull")]
    return world.client([world.right(name, action) for name, action in kept])


def prepare(world: World, name: str) -> None:
    """See that a repository has the image, by its tag."""
    assert push(holding(world, [(name, "pull"), (name, "push")]), world.reference(f"{name}:1"))


def hold(world: World, text: Text, found: Found) -> None:
    """Try one job: with each right less, as decided, its neighbours, and after its end."""
    prepare(world, THERE)
    if text.verb != "push":
        prepare(world, text.name)
    permissions = text.permissions(world)
    rights = singles(permissions)
    for less in rights:
        narrow = holding(world, [one for one in rights if one != less])
        found.note("necessary", f"{text} without {less}", right=not text.run(world, narrow))
    job = job_of(permissions)
    holder = world.holder(job)
    for other, needed in _neighbours(text, rights):
        if other.verb != "push":
            prepare(world, other.name)
        let = other.run(world, holder)
        found.note("tight", f"{text} and then {other}", right=not let)
        able = other.run(world, holding(world, needed))  # the control: it is the right that lacks
        found.note("control", f"{other} with its rights", right=able)
    if text.verb != "push":
        prepare(world, text.name)
    found.note("sufficient", str(text), right=text.run(world, holder))
    with suppress(TargetError):  # a token of before may work; whoever asks now gets none
        world.issuer.end(job)
    if text.verb != "push":
        prepare(world, text.name)
    found.note("after the end", str(text), right=not text.run(world, holder))


def _neighbours(
    text: Text, rights: Sequence[tuple[str, str]]
) -> Iterator[tuple[Text, list[tuple[str, str]]]]:
    """Acts next to a job, each with the rights that it would need."""
    held = set(rights)
    names = [f"{text.name}-too", f"{text.name}/below", text.name.rpartition("/")[0], "zz/other"]
    for name in filter(None, [text.name, *names]):
        for verb, what in (("push", ":9"), ("pull", ":1"), ("delete", f"@{DIGEST}")):
            needed = [(name, one) for one in {"push": ("pull", "push")}.get(verb, (verb,))]
            if not held.issuperset(needed):
                yield Text(verb, name, what), needed
