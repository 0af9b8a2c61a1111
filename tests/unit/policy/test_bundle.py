"""A bundle's revision names exactly its files, whatever its manifest says."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from counterfoil.errors import ConfigError
from counterfoil.policy.build import PolicyRefused, build_bundle, source_files
from counterfoil.policy.bundle import bundle_digest, read_bundle, write_bundle
from counterfoil.policy.server import find_opa
from counterfoil.resources import packaged
from simulators.real_opa import policy_folder

FILES = {
    ".manifest": b'{"roots": ["a"]}',
    "a/a.rego": b"package a\n",
    "a/data.json": b"{}",
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.tar.gz"
    write_bundle(path, FILES, label="v1")
    return path


def repack(path: Path, files: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def content(path: Path) -> dict[str, bytes]:
    return dict(read_bundle(path).files)


def test_revision_is_label_and_digest_of_the_files(bundle: Path) -> None:
    lines = "".join(
        f"{hashlib.sha256(FILES[name]).hexdigest()}  {name}\n"
        for name in ("a/a.rego", "a/data.json")
    )
    expected = hashlib.sha256(lines.encode()).hexdigest()
    assert read_bundle(bundle).revision == f"v1+sha256:{expected}"
    assert bundle_digest(FILES) == expected


def test_equal_files_give_equal_bytes(bundle: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.tar.gz"
    write_bundle(again, dict(reversed(FILES.items())), label="v1")
    assert again.read_bytes() == bundle.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"a/a.rego": b"package a\n\nx := 1\n"},
        {"a/more.rego": b"package a.more\n"},
        {"a/data.json": b'{"x": 1}'},
        {"b/data.json": b"{}"},
        {"README": b"not loaded, and still a file of the bundle"},
        {"a/a_test.rego": b"package a_test\n"},
        {".manifest": b"{}"},
        {".manifest": b"no json"},
        {".manifest": b'{"roots": ["a"], "revision": "v1"}'},
        {".manifest": b'{"roots": ["a"], "revision": 1}'},
        {"/abs/../x.rego": b"package x\n"},
    ],
    ids=str,
)
def test_bundle_that_is_not_what_its_revision_names_is_refused(
    change: dict[str, bytes], bundle: Path
) -> None:
    files = content(bundle)
    repack(bundle, files)
    assert read_bundle(bundle).label == "v1"  # control: repacked alone is the same bundle
    repack(bundle, {**files, **change})
    with pytest.raises(ConfigError):
        read_bundle(bundle)


def test_missing_file_is_refused(bundle: Path) -> None:
    files = content(bundle)
    del files["a/data.json"]
    repack(bundle, files)
    with pytest.raises(ConfigError):
        read_bundle(bundle)


def test_manifest_that_names_other_files_as_its_digest_is_not_believed(bundle: Path) -> None:
    files = content(bundle)
    manifest = json.loads(files[".manifest"])
    files["a/a.rego"] += b"# changed\n"
    repack(bundle, {**files, ".manifest": json.dumps(manifest).encode()})
    with pytest.raises(ConfigError, match="digest"):
        read_bundle(bundle)


@pytest.mark.parametrize(
    "roots", [None, [], [""], ["/"], ["a", ""], ["system"], ["system/log"], ["a", 1], "a", {}]
)
def test_roots_must_be_explicit_and_leave_system_alone(roots: object, tmp_path: Path) -> None:
    files = {**FILES, ".manifest": json.dumps({"roots": roots}).encode()}
    with pytest.raises(ConfigError):
        write_bundle(tmp_path / "b.tar.gz", files, label="v1")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_links_and_devices_are_refused(kind: bytes, bundle: Path) -> None:
    files = content(bundle)
    with tarfile.open(bundle, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        special = tarfile.TarInfo("a/link.rego")
        special.type = kind
        special.linkname = "/etc/passwd"
        tar.addfile(special)
    with pytest.raises(ConfigError):
        read_bundle(bundle)


def test_file_twice_is_refused(bundle: Path) -> None:
    files = content(bundle)
    with tarfile.open(bundle, "w:gz") as tar:
        for name, data in [*files.items(), ("a/a.rego", b"package a\n\nx := 1\n")]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with pytest.raises(ConfigError):
        read_bundle(bundle)


@pytest.mark.parametrize("size", [0, 1, 40, -1, -20])
def test_cut_bundle_is_refused(size: int, bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[:size])
    with pytest.raises(ConfigError):
        read_bundle(bundle)


@pytest.mark.parametrize("label", ["", "a b", "a+b", "a\n", "+", "x" * 65, "é"])
def test_label_that_could_be_misread_is_refused(label: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        write_bundle(tmp_path / "b.tar.gz", FILES, label=label)


def test_symbolic_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = policy_folder(tmp_path / "rego")
    (folder / "data" / "data.json").symlink_to("/etc/passwd")
    with pytest.raises(ConfigError):
        source_files(folder)


def test_build_leaves_tests_out_and_keeps_a_good_bundle(tmp_path: Path) -> None:
    output = tmp_path / "b.tar.gz"
    built = build_bundle(packaged("rego"), output, opa=find_opa())
    assert any(name.endswith("main.rego") for name in built.files)
    assert not any(name.endswith("_test.rego") for name in built.files)
    before = output.stat().st_mtime_ns
    assert build_bundle(packaged("rego"), output, opa=find_opa()).revision == built.revision
    assert output.stat().st_mtime_ns == before
    assert build_bundle(packaged("rego"), output, opa=find_opa(), label="v2").label == "v2"


BROKEN = {
    "does not compile": "package counterfoil.actions.x\n\nallow contains i if {\n",
    "misspells an input path": (
        "# METADATA\n# schemas:\n#   - input: schema.policy_input\npackage counterfoil.actions.x\n\n"
        "allow contains 0 if input.subject.name\n"
    ),
    "reaches out": 'package counterfoil.actions.x\n\nallow contains 0 if http.send({"url": "http://x", "method": "GET"})\n',
    "reads the engine's environment": "package counterfoil.actions.x\n\nallow contains 0 if opa.runtime().env.X\n",
    "differs from run to run": 'package counterfoil.actions.x\n\nallow contains 0 if rand.intn("x", 2) == 1\n',
    "reads the clock": "package counterfoil.actions.x\n\nallow contains 0 if time.now_ns() > 0\n",
    "reads the prompt": 'package counterfoil.actions.x\n\nallow contains 0 if input.context.prompt == "x"\n',
}


@pytest.mark.parametrize("name", BROKEN)
def test_policy_that_fails_a_check_is_never_built(name: str, tmp_path: Path) -> None:
    folder = policy_folder(tmp_path / "rego", {"counterfoil/actions/x/x.rego": BROKEN[name]})
    output = tmp_path / "b.tar.gz"
    with pytest.raises(PolicyRefused):
        build_bundle(folder, output, opa=find_opa())
    assert not output.exists()
