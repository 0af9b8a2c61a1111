"""The XML child dies, hangs and is killed: a login is refused, and the worker goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from counterfoil.core.saml import SamlAnswer
from counterfoil.errors import IdentityUnavailable, SamlRefused
from counterfoil.reading import xml_reader
from counterfoil.reading.confine import MEMORY_BYTES
from counterfoil.reading.xml_reader import XmlReader
from saml_cases.workshop import Workshop
from simulators.saml_idp import IDP, SamlIdp

ACS = "http://127.0.0.1:8282/saml/acs"
PROVIDER = SamlIdp()
WORKSHOP = Workshop(idp=PROVIDER, request_id="_r", now=1_800_000_000.0, acs_url=ACS)
KEYS = {IDP: [PROVIDER.signing.der]}


@pytest.fixture
def reader() -> Iterator[XmlReader]:
    made = XmlReader()
    yield made
    made.close()


def ask(reader: XmlReader, name: str = "alice@example.test", seconds: float = 30.0) -> SamlAnswer:
    document = WORKSHOP.honest(name_id=name).encode()
    found = reader.answer(document, KEYS, deadline=time.monotonic() + seconds)
    assert isinstance(found, SamlAnswer)
    return found


def name_of(answer: SamlAnswer) -> str:
    assert answer.assertion.name_id is not None
    return answer.assertion.name_id.text


def pid_of(reader: XmlReader) -> int:
    pid = reader.pid()
    assert pid is not None
    return pid


def test_a_child_that_dies_of_a_document_costs_one_login(
    reader: XmlReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(reader)
    child = reader._child
    assert child is not None
    send = child.send

    def deadly(data: bytes, *, seconds: float) -> None:
        os.kill(child.pid, signal.SIGSTOP)
        send(data, seconds=seconds)
        os.kill(child.pid, signal.SIGKILL)

    monkeypatch.setattr(child, "send", deadly)
    with pytest.raises(SamlRefused, match="died of the document"):
        ask(reader)
    assert name_of(ask(reader, "bob")) == "bob"  # control: the next one, by a new child
    assert pid_of(reader) != child.pid


def test_a_child_that_hangs_is_killed_and_the_login_refused(
    reader: XmlReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(reader)
    monkeypatch.setattr(xml_reader, "DOCUMENT_SECONDS", 0.2)
    hanging = pid_of(reader)
    os.kill(hanging, signal.SIGSTOP)
    with pytest.raises(SamlRefused, match="too long"):
        ask(reader)
    assert reader.pid() is None
    monkeypatch.undo()
    assert name_of(ask(reader, "bob")) == "bob"  # control


def test_a_callers_own_deadline_blames_no_document(reader: XmlReader) -> None:
    ask(reader)
    os.kill(pid_of(reader), signal.SIGSTOP)
    with pytest.raises(IdentityUnavailable):
        ask(reader, seconds=0.2)
    assert name_of(ask(reader, "bob")) == "bob"  # control


def test_a_child_that_was_killed_while_it_waited_costs_nobody_a_login(reader: XmlReader) -> None:
    ask(reader)
    killed = pid_of(reader)
    os.kill(killed, signal.SIGKILL)
    os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)
    assert name_of(ask(reader, "bob")) == "bob"


def _refused(reader: XmlReader) -> None:
    with pytest.raises(SamlRefused):
        ask(reader)


def test_who_waits_too_long_for_the_child_is_told_so(reader: XmlReader) -> None:
    ask(reader)
    os.kill(pid_of(reader), signal.SIGSTOP)
    holder = threading.Thread(target=_refused, args=(reader,))
    holder.start()
    while not reader._turn.locked():
        time.sleep(0.001)
    with pytest.raises(IdentityUnavailable, match="wait for"):
        ask(reader, seconds=0.1)
    holder.join()
    assert name_of(ask(reader, "bob")) == "bob"  # control


def test_each_of_many_callers_gets_the_answer_to_their_own_document(reader: XmlReader) -> None:
    names = [f"person {i}" for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: ask(reader, name), names))
    assert list(map(name_of, answers)) == names


def test_a_child_reads_a_bounded_number_of_documents(
    reader: XmlReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_reader, "MAX_DOCUMENTS", 2)
    ask(reader)
    first = pid_of(reader)
    ask(reader)
    assert reader.pid() is None
    ask(reader)
    assert pid_of(reader) != first


def test_a_refused_document_leaves_its_child_alone(reader: XmlReader) -> None:
    ask(reader)
    before = pid_of(reader)
    with pytest.raises(SamlRefused):
        reader.answer(b"<x/>", KEYS, deadline=time.monotonic() + 30)
    assert pid_of(reader) == before


def test_the_child_is_bounded_and_knows_nothing_of_the_service(
    reader: XmlReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFOIL_SECRET", "hunter2")
    ask(reader)
    process = Path(f"/proc/{pid_of(reader)}")
    assert process.joinpath("environ").read_bytes() == b"LC_ALL=C.UTF-8\0"
    limits = process.joinpath("limits").read_text()
    address_space = next(line for line in limits.splitlines() if "address space" in line)
    assert str(MEMORY_BYTES) in address_space
    files = next(line for line in limits.splitlines() if "open files" in line)
    assert files.split()[3:5] == ["0", "0"]  # nothing more is opened
    links = [path for path in process.joinpath("fd").iterdir() if path.name != "2"]  # our log
    opened = {path.readlink().as_posix() for path in links}
    assert {name.partition(":")[0] for name in opened} == {"/dev/null", "socket"}


def test_a_closed_reader_reads_nothing(reader: XmlReader) -> None:
    ask(reader)
    reader.close()
    with pytest.raises(IdentityUnavailable):
        ask(reader)


def test_a_worker_never_maps_an_xml_parser_and_its_child_dies_with_it() -> None:
    program = textwrap.dedent(
        """
        import sys, time
        from counterfoil.reading.xml_reader import XmlReader
        from counterfoil.identity import saml
        reader = XmlReader()
        try:
            reader.answer(b"<x/>", {}, deadline=time.monotonic() + 30)
        except Exception as error:
            assert type(error).__name__ == "SamlRefused", error
        assert not [name for name in sys.modules if name.startswith(("lxml", "signxml"))]
        print(reader.pid(), flush=True)
        sys.stdin.read()
        """
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        child = int(worker.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        worker.kill()
        worker.wait()
        until = time.monotonic() + 20
        while Path(f"/proc/{child}/exe").exists() and time.monotonic() < until:
            time.sleep(0.01)  # another process's end: it can only be looked for
        assert not Path(f"/proc/{child}/exe").exists()
