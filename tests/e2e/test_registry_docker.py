"""Docker's own client at a real registry, with a job's credential as its login and nothing else."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import registry_world
from registry_client import Client
from registry_world import World
from servers.compose import docker

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(docker_compose_command: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The fixture says so where no daemon was prepared."""
    with registry_world.running(tmp_path_factory.mktemp("registry"), by_certificate=True) as one:
        yield one


@pytest.fixture
def image(world: World) -> Iterator[str]:
    """An image of one small file, under the name that is pushed."""
    name = world.reference("acme/by-docker:1")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    command = ["docker", "import", "-", name]
    subprocess.run(command, input=archive.getvalue(), check=True, capture_output=True)
    yield name
    docker("image", "rm", "--force", name, check=False)


def _as(folder: Path, holder: Client, *words: str) -> str:
    """What docker says, logged in as the holder of a credential."""
    folder.mkdir()
    pair = base64.b64encode(f"{holder.username}:{holder.password}".encode()).decode()
    host = holder.url.partition("://")[2]
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": pair}}}), "utf-8")
    command = ["docker", "--config", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "done" if done.returncode == 0 else done.stdout + done.stderr


def test_docker_pushes_and_pulls_exactly_what_was_decided(
    world: World, image: str, tmp_path: Path
) -> None:
    name = image.partition("/")[2]
    puller = world.client(world.decided("pull", name))
    assert "denied" in _as(tmp_path / "pull-only", puller, "push", image)
    elsewhere = world.client(world.decided("push", "acme/elsewhere:1"))
    assert "denied" in _as(tmp_path / "elsewhere", elsewhere, "push", image)
    pusher = world.client(world.decided("push", name))
    assert _as(tmp_path / "push", pusher, "push", image) == "done"
    docker("image", "rm", "--force", image)
    assert _as(tmp_path / "stranger", elsewhere, "pull", image) != "done"
    assert _as(tmp_path / "pull", puller, "pull", image) == "done"
