"""Opens a path beneath a folder without following anything: the `no_symlinks` obligation, kept.

Looking at a path before it is opened proves nothing: a component can become a link in between.
So the kernel refuses while it walks (openat2(2): RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS,
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV), or, where it cannot, each component is opened by itself
from the one before it with O_NOFOLLOW. What was opened is then looked at, not its name: a plain
file with one name, since a hard link could be a file from outside.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_TRIES = 16
"""A rename beside the walk makes openat2 give up (EAGAIN); so often it is tried again."""
_SYS_OPENAT2 = 437  # the same number on every architecture (Linux 5.6)
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_RESOLVE = _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH
_PATH_ONLY = getattr(os, "O_PATH", os.O_RDONLY)
_WAYS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_NO_OPENAT2 = {errno.ENOSYS, errno.EPERM, errno.E2BIG, errno.EINVAL}
_NOT_AS_NAMED = {errno.ELOOP, errno.EXDEV, errno.EMLINK, errno.EAGAIN, errno.ENOTDIR, errno.ENXIO}
"""A link, a mount, a change meanwhile; a link where a folder was wanted; a pipe nobody reads."""


class PathRefusedError(OSError):
    """The path leaves the root, or something on it is not what its name says."""


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


class Root:
    """One registered folder, opened once: it stays the same folder whatever its name becomes.

    Args:
        path: the folder, as the `[[resource]]` of type `filesystem` has it.
        kernel: whether openat2 may be used; False walks in any case.

    Raises:
        OSError: it is no folder, or a link.
    """

    def __init__(self, path: str | Path, *, kernel: bool = True) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 -- resolve() would follow a link
        self._folder = os.open(
            self.path, _PATH_ONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        )
        self._device = os.fstat(self._folder).st_dev
        self._kernel = kernel and platform.system() == "Linux"

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._folder)

    def parts(self, path: str) -> list[str]:
        """The components of a path beneath this root; whole paths and relative ones.

        Raises:
            PathRefusedError: it is not beneath the root by its own text.
        """
        text = path
        if path.startswith("/"):
            own = str(self.path)
            if path != own and not path.startswith(own + "/"):
                raise PathRefusedError(errno.EXDEV, "the path is not beneath the root", path)
            text = path[len(own) :].lstrip("/") if path != own else ""
            if path != own and path[len(own) + 1 :] != text:
                raise PathRefusedError(errno.EINVAL, "the path has an empty part", path)
        found = text.split("/") if text not in {"", "."} else []
        if any(part in {"", ".", ".."} or "\0" in part for part in found):
            raise PathRefusedError(errno.EINVAL, "the path has a part that is no name", path)
        return found

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        """Open a path and return its descriptor, for a plain file or a folder.

        Raises:
            PathRefusedError: something on the path is a link or a mount, or what was opened is a
                device, a pipe, or a file with another name besides.
            OSError: the file's own: missing, not permitted.
        """
        parts = self.parts(path)
        truncate = flags & os.O_TRUNC
        flags = (flags & ~os.O_TRUNC) | _WAYS  # nothing is lost before it is known what it is
        try:
            descriptor = self._opened(parts, flags, mode)
        except OSError as error:
            if error.errno in _NOT_AS_NAMED:
                raise PathRefusedError(
                    error.errno, "something on the path is not what its name says", path
                ) from error
            raise
        try:
            _check(os.fstat(descriptor), path)
            if truncate:
                os.ftruncate(descriptor, 0)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    @contextlib.contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Give the descriptor of the folder that holds a path, and the path's own name."""
        *above, name = self.parts(path) or [""]
        if not name:
            raise PathRefusedError(errno.EBUSY, "the root itself is not changed", path)
        folder = self.open("/".join(above) or ".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield folder, name
        finally:
            os.close(folder)

    def _opened(self, parts: list[str], flags: int, mode: int) -> int:
        if self._kernel:
            try:
                return self._by_kernel("/".join(parts) or ".", flags, mode)
            except OSError as error:
                if error.errno not in _NO_OPENAT2 or self._kernel_works():
                    raise
                self._kernel = False
        return self._by_walk(parts, flags, mode)

    def _kernel_works(self) -> bool:
        """Whether openat2 is there at all: what it said was then about the file."""
        with contextlib.suppress(OSError):
            os.close(self._by_kernel(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, 0))
            return True
        return False

    def _by_kernel(self, relative: str, flags: int, mode: int) -> int:
        how = _How(flags=flags, mode=mode if flags & os.O_CREAT else 0, resolve=_RESOLVE)
        libc = ctypes.CDLL(None, use_errno=True)
        for _ in range(MAX_TRIES):
            found = libc.syscall(
                ctypes.c_long(_SYS_OPENAT2),
                ctypes.c_int(self._folder),
                ctypes.c_char_p(os.fsencode(relative)),
                ctypes.byref(how),
                ctypes.c_size_t(ctypes.sizeof(how)),
            )
            if found >= 0:
                return int(found)
            if ctypes.get_errno() != errno.EAGAIN:
                break
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), relative)

    def _by_walk(self, parts: list[str], flags: int, mode: int) -> int:
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._folder)
        try:
            for part in parts[:-1]:
                below = os.open(
                    part,
                    os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                    dir_fd=folder,
                )
                os.close(folder)
                folder = below
                self._hold_to_device(folder)
            last = os.open(parts[-1] if parts else ".", flags, mode, dir_fd=folder)
        except NotADirectoryError as error:  # O_DIRECTORY says so of a link as well
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
        finally:
            os.close(folder)
        try:
            self._hold_to_device(last)
        except OSError:
            os.close(last)
            raise
        return last

    def _hold_to_device(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_dev != self._device:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def _check(found: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        return
    if not stat.S_ISREG(found.st_mode):
        raise PathRefusedError(errno.EINVAL, "it is no plain file", path)
    if found.st_nlink > 1:
        raise PathRefusedError(errno.EMLINK, "the file has another name besides", path)
