"""At a real CNCF registry whose realm the issuer is: enough for the job, necessary, no more.

The registry checks the tokens itself; the client holds a user name and a password and nothing
else, and asks for whatever the registry tells it to ask for.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

import registry_world
from counterfoil_issuers.contract import Ended, TargetError
from registry_client import Act, Client, delete, digest_of, manifest_of, mount, pull, push
from registry_jobs import DIGEST, FEW, THERE, Found, Text, hold, singles
from registry_world import World, job_of, now

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with registry_world.running(tmp_path_factory.mktemp("registry"), by_certificate=True) as one:
        yield one


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Another registry with an issuer of its own; its tokens name their key by `kid`."""
    with registry_world.running(tmp_path_factory.mktemp("other"), by_certificate=False) as one:
        yield one


@pytest.fixture(autouse=True)
def _there(world: World) -> None:
    rights = world.right(THERE, "pull", "push")
    assert push(world.client([rights]), world.reference(f"{THERE}:1"))


def _mount(client: Client, reference: str) -> bool:
    host = reference.partition("/")[0]
    return mount(client, reference, f"{host}/{THERE}:1")


@pytest.mark.parametrize("text", FEW, ids=str)
def test_what_was_read_from_a_job_is_enough_necessary_and_no_more(world: World, text: Text) -> None:
    found = Found()
    hold(world, text, found)
    assert found.wrong == []
    assert found.tried["necessary"] == len(singles(text.permissions(world)))
    assert found.tried["tight"] == found.tried["control"] > 10


def test_pushed_image_is_the_one_that_others_pull(world: World) -> None:
    image = world.reference("acme/story:7")
    assert push(world.client(world.decided("push", "acme/story:7")), image, name="story")
    reader = world.client(world.decided("pull", "acme/story:7"))
    assert pull(reader, image)
    assert pull(reader, world.reference(f"acme/story@{digest_of(manifest_of('story'))}"))


ATTACKS: dict[str, tuple[str, Act, str]] = {
    "push-with-a-pull": ("pull", push, f"{THERE}:3"),
    "delete-with-a-push": ("push", delete, f"{THERE}@{DIGEST}"),
    "delete-with-a-pull": ("pull", delete, f"{THERE}@{DIGEST}"),
    "push-to-another-repository": ("push", push, "acme/elsewhere:1"),
    "push-to-a-name-that-begins-alike": ("push", push, f"{THERE}-too:1"),
    "push-below-the-repository": ("push", push, f"{THERE}/below:1"),
    "push-above-the-repository": ("push", push, "acme:1"),
    "mount-without-its-right": ("push", _mount, "acme/taken:1"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_neighbours_of_a_job_are_refused_by_the_registry(world: World, name: str) -> None:
    verb, act, image = ATTACKS[name]
    repository = "acme/taken" if name.startswith("mount") else THERE
    held = world.decided(verb, f"{repository}:1")
    assert not act(world.client(held), world.reference(image))
    # The control: the same act by the same client, with the right that it needs.
    needed = [world.right(image.partition(":")[0].partition("@")[0], "pull", "push", "delete")]
    source = [world.right(THERE, "pull")] if name.startswith("mount") else []
    assert act(world.client([*needed, *source]), world.reference(image))


def test_tags_and_catalogue_are_not_listed_beyond_the_job(world: World) -> None:
    holder = world.client(world.decided("pull", f"{THERE}:1"))
    assert holder.send("GET", f"/v2/{THERE}/tags/list").status_code == 200
    assert holder.send("GET", "/v2/acme/story/tags/list").status_code == 401
    assert holder.send("GET", "/v2/_catalog").status_code == 401


def test_wider_scope_asked_of_the_realm_gives_no_more_than_was_decided(world: World) -> None:
    holder = world.client(world.decided("pull", f"{THERE}:1"))
    wide = f"repository:{THERE}:pull,push,delete,* repository:acme/x:pull registry:catalog:*"
    token = holder.token(world.realm, _service(world), wide)
    assert token is not None
    assert _access(token) == [{"type": "repository", "name": THERE, "actions": ["pull"]}]
    bearer = {"Authorization": f"Bearer {token}"}
    url = f"{world.url}/v2/{THERE}"
    assert holder.session.get(f"{url}/tags/list", headers=bearer).status_code == 200
    assert holder.session.post(f"{url}/blobs/uploads/", headers=bearer).status_code == 401


def test_less_asked_of_the_realm_gives_less(world: World) -> None:
    holder = world.client(world.decided("push", f"{THERE}:1"))
    token = holder.token(world.realm, _service(world), f"repository:{THERE}:pull")
    assert token is not None
    assert _access(token) == [{"type": "repository", "name": THERE, "actions": ["pull"]}]
    assert _access(str(holder.token(world.realm, _service(world), None))) == []


def test_credential_and_tokens_of_one_registry_are_worth_nothing_at_another(
    world: World, other: World
) -> None:
    name = f"{THERE}:1"
    assert push(other.client(other.decided("push", name)), other.reference(name))  # by kid
    here = world.client(world.decided("pull", name))
    elsewhere = dataclasses.replace(here, url=other.url)
    assert not pull(elsewhere, other.reference(name))
    scope = f"repository:{THERE}:pull"
    # Nor does our realm speak for the other one, nor a token of ours pass there.
    assert here.token(world.realm, _service(other), scope) is None
    bearer = {"Authorization": f"Bearer {here.token(world.realm, _service(world), scope)}"}
    assert here.session.get(f"{world.url}/v2/{THERE}/tags/list", headers=bearer).status_code == 200
    assert here.session.get(f"{other.url}/v2/{THERE}/tags/list", headers=bearer).status_code == 401


def test_another_password_or_an_unknown_user_gets_no_token(world: World) -> None:
    holder = world.client(world.decided("pull", f"{THERE}:1"))
    reference = world.reference(f"{THERE}:1")
    second = world.client(world.decided("pull", f"{THERE}:1"))
    for name, password in (
        (holder.username, second.password),
        (holder.username, ""),
        (holder.username, holder.password[:-1]),
        (second.username, holder.password),
        ("cf-" + "a" * 26, holder.password),
        ("", ""),
    ):
        changed = dataclasses.replace(holder, username=name, password=password)
        assert not pull(changed, reference)
    assert pull(holder, reference)


def test_check_asks_the_registry_whether_it_knows_its_realm(world: World) -> None:
    assert world.issuer.reach() == []
    other = dataclasses.replace(world.issuer.tokens, service="another")
    (finding,) = dataclasses.replace(world.issuer, tokens=other).reach()
    assert "auth.token.service" in finding


def test_no_token_leaves_after_the_end_and_the_last_one_is_told_of(world: World) -> None:
    job = job_of(world.decided("pull", f"{THERE}:1"))
    holder = world.holder(job)
    assert pull(holder, world.reference(f"{THERE}:1"))
    assert job.name in world.issuer.names()
    with pytest.raises(TargetError, match="works for"):
        world.issuer.end(job)
    assert not pull(holder, world.reference(f"{THERE}:1"))
    assert job.name in world.issuer.names()  # of which a token may still work


def test_end_of_a_credential_that_was_never_used_is_the_end(world: World) -> None:
    job = job_of(world.decided("pull", f"{THERE}:1"))
    holder = world.holder(job)
    assert world.issuer.end(job) == world.issuer.end(job) == Ended()
    assert job.name not in world.issuer.names()
    assert not pull(holder, world.reference(f"{THERE}:1"))


def test_registry_itself_refuses_a_token_after_the_deadline(world: World) -> None:
    job = job_of(world.decided("pull", f"{THERE}:1"), seconds=4)
    holder = world.holder(job)
    token = holder.token(world.realm, _service(world), f"repository:{THERE}:pull")
    bearer = {"Authorization": f"Bearer {token}"}
    url = f"{world.url}/v2/{THERE}/tags/list"
    assert holder.session.get(url, headers=bearer).status_code == 200
    time.sleep(job.deadline + 1.1 - now())  # the registry's own clock is the judge
    assert holder.session.get(url, headers=bearer).status_code == 401
    assert holder.token(world.realm, _service(world), f"repository:{THERE}:pull") is None
    assert world.issuer.end(job) == Ended()
    assert job.name not in world.issuer.names()


def _service(world: World) -> str:
    return world.issuer.tokens.service


def _access(token: str) -> Any:
    return jwt.decode(token, options={"verify_signature": False})["access"]
