"""The ledger writer on a disk whose syncs begin to fail (EIO) at SIGUSR1, and never stop.

A seccomp filter answers fsync(2) and fdatasync(2) in the kernel's stead, so that all above is
real: SQLite, its WAL, the writer's reaction. Needs no privilege.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import signal
import struct
import sys

from counterfoil.ledger import writer

_SYSCALLS = {"x86_64": (74, 75), "aarch64": (82, 83)}  # fsync, fdatasync
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD_NUMBER, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K


class _Program(ctypes.Structure):
    """struct sock_fprog of <linux/filter.h>."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def fail_syncs(*_: object) -> None:
    """From now on every sync of this process fails."""
    first, second = _SYSCALLS[platform.machine()]
    instructions = [
        (_LOAD_NUMBER, 0, 0, 0),
        (_JUMP_EQUAL, 1, 0, first),
        (_JUMP_EQUAL, 0, 1, second),
        (_RETURN, 0, 0, _ERRNO | errno.EIO),
        (_RETURN, 0, 0, _ALLOW),
    ]
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    program = _Program(len(instructions), packed)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "seccomp")
    sys.stderr.write("syncs fail now\n")
    sys.stderr.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, fail_syncs)
    sys.exit(writer.main())
