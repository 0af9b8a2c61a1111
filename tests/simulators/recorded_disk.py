"""The ledger writer on a disk of which every write and sync is written down, in their order.

    python recorded_disk.py JOURNAL … (arguments of the writer)

A seccomp filter hands pwrite, ftruncate, fsync and fdatasync to this process before the kernel
carries them out, so that all above is real: SQLite, its WAL, the writer. `disk_at` then says what
a disk holds after a power cut at any place: what was synced, and of what was not, nothing or
whatever it pleased to have written. Needs no privilege.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import platform
import random
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# The numbers of pwrite64, ftruncate, fsync, fdatasync, unlink (aarch64: unlinkat) and seccomp.
_NUMBERS = {"x86_64": (18, 77, 74, 75, 87, 317), "aarch64": (68, 46, 82, 83, 35, 277)}
_WRITE, _TRUNCATE, *_SYNCS, _UNLINK, _SECCOMP = _NUMBERS.get(platform.machine(), (0,) * 6)
_PATH_ARGUMENT = 0 if platform.machine() == "x86_64" else 1
_PR_SET_NO_NEW_PRIVS, _SET_MODE_FILTER, _NEW_LISTENER = 38, 1, 8
_ALLOW, _USER_NOTIF, _CONTINUE = 0x7FFF0000, 0x7FC00000, 1
_LOAD_NUMBER, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV and _SEND
_NOTIFICATION = struct.Struct("QII iIQ 6Q")  # struct seccomp_notif
_ANSWER = struct.Struct("QqiI")  # struct seccomp_notif_resp
_RECORD = struct.Struct("cQI H")  # what, offset or length, bytes, characters of the name


class Step(NamedTuple):
    """One call: `w` data at an offset, `t` a file's new length, `u` its end, `s` a sync.

    An end is named after the folder, whose sync makes it last; its data is the file's name.
    """

    what: bytes
    name: str
    at: int
    data: bytes


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def steps(journal: bytes) -> Iterator[tuple[int, Step]]:
    """Every whole step, and where in the journal it ends."""
    at = 0
    while at + _RECORD.size <= len(journal):
        what, place, size, named = _RECORD.unpack_from(journal, at)
        at += _RECORD.size
        end = at + named + size
        if end > len(journal):
            return
        yield end, Step(what, journal[at : at + named].decode(), place, journal[at + named : end])
        at = end


def disk_at(journal: bytes, cut: int, chance: random.Random | None) -> dict[str, bytes]:
    """The files after a power cut: without `chance` nothing unsynced is there, else any of it."""
    synced: dict[str, bytearray] = {}
    waiting: dict[str, list[Step]] = {}
    for end, step in steps(journal[:cut]):
        if end > cut:
            break
        if step.what == b"s":
            for done in waiting.pop(step.name, ()):
                _carry_out(synced, done)
        else:
            waiting.setdefault(step.name, []).append(step)
    for step in (step for unsynced in waiting.values() for step in unsynced):
        if chance is not None and chance.random() < 0.5:
            _carry_out(synced, step)
    return {name: bytes(data) for name, data in synced.items()}


def _carry_out(files: dict[str, bytearray], step: Step) -> None:
    if step.what == b"u":
        files.pop(step.data.decode(), None)
        return
    file = files.setdefault(step.name, bytearray())
    if step.what == b"t":
        del file[step.at :]
        file.extend(bytes(step.at - len(file)))
        return
    file.extend(bytes(max(0, step.at - len(file))))
    file[step.at : step.at + len(step.data)] = step.data


def _record(listener: int, journal: Path) -> None:
    """Write each call down, then let the kernel carry it out."""
    with journal.open("ab", buffering=0) as file:
        watch = select.poll()
        watch.register(listener, select.POLLIN)
        while all(mask & select.POLLIN for _, mask in watch.poll()):  # else nobody is left
            notification = bytearray(_NOTIFICATION.size)
            try:
                fcntl.ioctl(listener, _RECEIVE, notification)
            except OSError:
                return
            ident, pid, _, number, _, _, *arguments = _NOTIFICATION.unpack(notification)
            step = _step(pid, number, arguments)
            name = step.name.encode()
            file.write(
                _RECORD.pack(step.what, step.at, len(step.data), len(name)) + name + step.data
            )
            try:
                fcntl.ioctl(listener, _SEND, _ANSWER.pack(ident, 0, 0, _CONTINUE))
            except FileNotFoundError:  # it was killed meanwhile
                return


def _step(pid: int, number: int, arguments: list[int]) -> Step:
    if number == _UNLINK:
        path = Path(_memory(pid, arguments[_PATH_ARGUMENT], 4_096).partition(b"\0")[0].decode())
        return Step(b"u", path.parent.name, 0, path.name.encode())
    name = os.path.basename(os.readlink(f"/proc/{pid}/fd/{arguments[0]}"))  # noqa: PTH115, PTH119
    if number == _WRITE:
        return Step(b"w", name, arguments[3], _memory(pid, arguments[1], arguments[2]))
    if number == _TRUNCATE:
        return Step(b"t", name, arguments[1], b"")
    return Step(b"s", name, 0, b"")


def _memory(pid: int, at: int, size: int) -> bytes:
    """What the process means; a name may stand just before the end of its memory."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(at)
        return memory.read(size)


def _hand_over_calls() -> int:
    """From now on these calls of this process wait for who holds the result."""
    wanted = (_WRITE, _TRUNCATE, *_SYNCS, _UNLINK)
    instructions = [
        (_LOAD_NUMBER, 0, 0, 0),
        *((_JUMP_EQUAL, len(wanted) - n, 0, number) for n, number in enumerate(wanted)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _USER_NOTIF),
    ]
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    program = _Program(len(instructions), packed)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    listener: int = libc.syscall(_SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


def main(journal: Path, arguments: list[str]) -> int:
    """Run the writer as a child and record its disk until it ends."""
    ours, theirs = socket.socketpair()
    recorder = os.getpid()
    child = os.fork()
    if child == 0:
        from counterfoil.ledger import writer  # noqa: PLC0415 (the recorder needs none of it)
        from counterfoil.processes import die_with_parent  # noqa: PLC0415

        die_with_parent(recorder)
        ours.close()
        listener = _hand_over_calls()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))]
        theirs.sendmsg([b"x"], rights)
        os.close(listener)
        os._exit(writer.main(arguments))
    theirs.close()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: os.kill(child, got))
    _, rights_, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
    _record(struct.unpack("i", rights_[0][2][:4])[0], journal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
