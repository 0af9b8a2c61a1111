r"""A policy bundle and the revision that names exactly its files (DESIGN step 5).

The revision is `<label>+sha256:<hex>`, where the hex is SHA-256 over one line
`<sha256 of the file>  <path>\n` for each file, sorted by path, of all files but `.manifest`
and the signatures. It is recomputed from the bytes here; what a manifest says of itself is
only compared. So an answer whose provenance names the revision came from these files.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import orjson

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.errors import ConfigError

MANIFEST: Final = ".manifest"
UNCOUNTED: Final = frozenset({MANIFEST, ".signatures.json"})
MAX_FILES: Final = 10_000
MAX_BYTES: Final = 67_108_864  # unpacked; a compressed bomb ends here
_REVISION: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})\+sha256:([0-9a-f]{64})")
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle whose revision was verified against its files."""

    revision: str
    label: str
    digest: str
    roots: tuple[str, ...]
    files: Mapping[str, bytes]


def bundle_digest(files: Mapping[str, bytes]) -> str:
    """The hex digest over all files but the manifest and the signatures."""
    whole = hashlib.sha256()
    for path in sorted(files):
        if path not in UNCOUNTED:
            line = f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n"
            whole.update(line.encode())
    return whole.hexdigest()


def read_bundle(path: Path) -> Bundle:
    """Read a bundle (folder or `.tar.gz`) and verify its revision.

    Raises:
        ConfigError: unreadable, not a bundle, without explicit roots, or its files are not
            those that its revision names.
    """
    files = read_files(path)
    manifest = read_manifest(files, path)
    revision, roots = manifest.get("revision"), roots_of(manifest, path)
    match = _REVISION.fullmatch(revision) if isinstance(revision, str) else None
    if match is None:
        raise _refused(
            path, "its revision is not <label>+sha256:<hex>; use `counterfoil policy build`"
        )
    digest = bundle_digest(files)
    if match[2] != digest:
        raise _refused(path, f"its files have the digest {digest}, its revision names another")
    return Bundle(revision=match[0], label=match[1], digest=digest, roots=roots, files=files)


def write_bundle(path: Path, files: Mapping[str, bytes], *, label: str) -> Bundle:
    """Write a bundle with its revision; equal files and label give equal bytes.

    Raises:
        ConfigError: a label that cannot stand in a revision, or the file cannot be written.
    """
    if not _LABEL.fullmatch(label):
        raise ConfigError(f"not a label: {label!r}; use letters, digits, '.', '_' and '-'")
    manifest = dict(read_manifest(files, path))
    roots = roots_of(manifest, path)
    digest = bundle_digest(files)
    manifest["revision"] = f"{label}+sha256:{digest}"
    content = {**files, MANIFEST: orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)}
    staged = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staged.write_bytes(_packed(content))
        staged.replace(path)  # a reader sees the old file or the new one, never half
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}", pointer="policy.bundle") from error
    return Bundle(
        revision=str(manifest["revision"]), label=label, digest=digest, roots=roots, files=content
    )


def read_files(path: Path) -> dict[str, bytes]:
    """All files of a bundle by path within it: also those that OPA would not load.

    Raises:
        ConfigError: unreadable, too large, or with names that two readers take differently.
    """
    try:
        found = _folder(path) if path.is_dir() else _archive(path)
        files: dict[str, bytes] = {}
        total = 0
        for name, data in found:
            total += len(data)
            if name in files or len(files) >= MAX_FILES or total > MAX_BYTES:
                raise _refused(path, f"too many files, too large, or twice in it: {name}")
            files[name] = data
    except (OSError, tarfile.TarError, EOFError) as error:
        raise _refused(path, f"it cannot be read: {error}") from error
    return files


def read_manifest(files: Mapping[str, bytes], path: Path) -> JsonObject:
    """The bundle's own manifest.

    Raises:
        ConfigError: missing or not a JSON object.
    """
    try:
        value: JsonValue = orjson.loads(files[MANIFEST])
    except (KeyError, orjson.JSONDecodeError) as error:
        raise _refused(path, "it has no .manifest in JSON") from error
    if not isinstance(value, dict):
        raise _refused(path, "its .manifest is not an object")
    return value


def roots_of(manifest: JsonObject, path: Path) -> tuple[str, ...]:
    """The explicit roots; a bundle with root "" would wipe the engine's own `system`.

    Raises:
        ConfigError: none, an empty one, or one that reaches `system`.
    """
    roots = manifest.get("roots")
    names = [item for item in roots if isinstance(item, str)] if isinstance(roots, list) else []
    if not names or not isinstance(roots, list) or len(names) != len(roots):
        raise _refused(path, "its .manifest names no roots")
    if any(name.strip("/").split("/")[0] in {"", "system"} for name in names):
        raise _refused(path, "its roots must be explicit and outside of `system`")
    return tuple(names)


def _folder(path: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_symlink():
            raise _refused(path, f"a symbolic link is not followed: {name}")
        if file.is_file():
            yield name, file.read_bytes()


def _archive(path: Path) -> Iterator[tuple[str, bytes]]:
    with gzip.open(path) as packed:
        unpacked = packed.read(MAX_BYTES + 1)
    if len(unpacked) > MAX_BYTES:
        raise _refused(path, f"more than {MAX_BYTES} bytes unpacked")
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as tar:
        for member in tar:
            if member.isdir():
                continue
            name = member.name.removeprefix("./").lstrip("/")
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or ".." in PurePosixPath(name).parts or not name.isprintable():
                raise _refused(path, f"not a plain file: {name!r}")
            yield name, content.read()


def _packed(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar without times, owners or order of its own."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(files[name]))
    return buffer.getvalue()


def _refused(path: Path, why: str) -> ConfigError:
    return ConfigError(f"the bundle {path} is refused: {why}", pointer="policy.bundle")
