"""A file is opened beneath its root or not at all, whatever its name has become meanwhile.

Each attack stands beside its control: an honest path in the same folder, opened in the same way.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autogen_counterfoil import PathRefusedError, Root

SECRET = "outside"
ROUNDS = 400


@pytest.fixture(params=[True, False], ids=["openat2", "walk"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Root]:
    folder = tmp_path / "root"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "honest.txt").write_text("honest", "utf-8")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "honest.txt").write_text(SECRET, "utf-8")
    opened = Root(folder, kernel=request.param)
    yield opened
    opened.close()


def read(root: Root, path: str) -> str:
    with os.fdopen(root.open(path, os.O_RDONLY)) as file:
        return file.read()


def test_honest_paths_are_opened(root: Root) -> None:
    assert read(root, "src/honest.txt") == "honest"
    assert read(root, f"{root.path}/src/honest.txt") == "honest"
    os.close(root.open(".", os.O_RDONLY | os.O_DIRECTORY))


def linked_folder(root: Root) -> str:
    (root.path / "link").symlink_to(root.path.parent / "outside")
    return "link/honest.txt"


def linked_file(root: Root) -> str:
    (root.path / "link.txt").symlink_to(root.path.parent / "outside/honest.txt")
    return "link.txt"


def link_within(root: Root) -> str:
    (root.path / "within.txt").symlink_to("src/honest.txt")
    return "within.txt"


def hard_link(root: Root) -> str:
    os.link(root.path.parent / "outside/honest.txt", root.path / "hard.txt")
    return "hard.txt"


def pipe(root: Root) -> str:
    os.mkfifo(root.path / "pipe")
    return "pipe"


def magic_link(root: Root) -> str:
    (root.path / "root").symlink_to("/proc/self/root")
    return f"root{root.path.parent}/outside/honest.txt"


ATTACKS: dict[str, Callable[[Root], str]] = {
    "a folder that is a link": linked_folder,
    "a file that is a link": linked_file,
    "a link within the root": link_within,
    "a hard link to a file outside": hard_link,
    "a pipe": pipe,
    "a link to the kernel's own root": magic_link,
    "dots that lead out": lambda root: "../outside/honest.txt",
    "dots on the way": lambda root: "src/../../outside/honest.txt",
    "dots that come back": lambda root: "src/../src/honest.txt",
    "a whole path elsewhere": lambda root: str(root.path.parent / "outside/honest.txt"),
    "a whole path that begins alike": lambda root: f"{root.path}2/honest.txt",
    "a whole path with dots": lambda root: f"{root.path}/../outside/honest.txt",
    "the kernel's view of this process": lambda root: "/proc/self/root/etc/passwd",
    "an empty part": lambda root: "src//honest.txt",
    "an empty part after the root": lambda root: f"{root.path}//src/honest.txt",
    "a name with NUL": lambda root: "src/honest.txt\0",
    "a slash behind": lambda root: "src/honest.txt/",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_open_nothing(root: Root, attack: str) -> None:
    path = ATTACKS[attack](root)
    with pytest.raises(PathRefusedError):
        root.open(path, os.O_RDONLY)
    with pytest.raises(PathRefusedError):
        root.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    assert (root.path.parent / "outside/honest.txt").read_text("utf-8") == SECRET
    assert read(root, "src/honest.txt") == "honest"  # control


def test_a_folder_that_becomes_a_link_after_it_was_looked_at(root: Root) -> None:
    path = root.path / "src"
    assert not path.is_symlink()  # the look of a careful tool
    path.rename(root.path / "moved")
    path.symlink_to(root.path.parent / "outside")
    assert (path / "honest.txt").read_text("utf-8") == SECRET  # what its open then reads
    with pytest.raises(PathRefusedError):
        root.open("src/honest.txt", os.O_RDONLY)
    assert read(root, "moved/honest.txt") == "honest"  # control


def test_a_folder_that_changes_all_the_time_shows_nothing_from_outside(root: Root) -> None:
    stop = threading.Event()
    folder, link, away = root.path / "src", root.path / "link", root.path / "away"
    link.symlink_to(root.path.parent / "outside")

    def swap() -> None:
        while not stop.is_set():
            folder.rename(away)
            link.rename(folder)
            folder.rename(link)
            away.rename(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    found: set[str] = set()
    try:
        for _ in range(ROUNDS):
            try:
                found.add(read(root, "src/honest.txt"))
            except (PathRefusedError, FileNotFoundError):
                continue
    finally:
        stop.set()
        thread.join()
    assert found <= {"honest"}
    assert read(root, "src/honest.txt") == "honest"  # control


def test_a_root_that_is_moved_stays_the_folder_that_was_registered(root: Root) -> None:
    root.path.rename(root.path.parent / "elsewhere")
    root.path.symlink_to(root.path.parent / "outside")
    assert read(root, "src/honest.txt") == "honest"
    with pytest.raises(OSError, match=r"directory|symbolic"):
        Root(root.path)


def test_a_file_is_emptied_only_once_it_is_known_to_be_plain(root: Root) -> None:
    path = hard_link(root)
    with pytest.raises(PathRefusedError):
        root.open(path, os.O_WRONLY | os.O_TRUNC)
    assert (root.path / path).read_text("utf-8") == SECRET
    os.close(root.open("src/honest.txt", os.O_WRONLY | os.O_TRUNC))  # control
    assert not read(root, "src/honest.txt")


def test_what_is_deleted_or_made_lies_in_a_folder_that_was_opened_so(root: Root) -> None:
    linked_folder(root)
    for path in ("link/honest.txt", "../outside/honest.txt", ".", "/etc/passwd"):
        with pytest.raises(PathRefusedError), root.parent(path):
            pytest.fail("a folder was opened")
    with root.parent("src/honest.txt") as (folder, name):  # control
        os.unlink(name, dir_fd=folder)
    assert not (root.path / "src/honest.txt").exists()
    assert (root.path.parent / "outside/honest.txt").exists()


def test_a_file_that_is_missing_is_missing_and_nothing_else(root: Root) -> None:
    with pytest.raises(FileNotFoundError):
        root.open("src/none.txt", os.O_RDONLY)
