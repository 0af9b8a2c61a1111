"""The XML child: `python -m counterfoil.reading.xml_child FD [--die-with PID]`.

It has the socket and libxml2, and can get nothing else: before it reads a document it gives
up opening anything, so whoever breaks the parser finds no network, no file and no key.
It reads one document at a time, and says what its provider signed, or which rule it breaks.
Whatever kills it costs one login; the worker starts another child.
"""

from __future__ import annotations

import argparse
import os
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from signxml.verifier import XMLVerifier

from counterfoil.reading.confine import confine, shut
from counterfoil.reading.saml_answer import read_answer, read_assertion
from counterfoil.reading.saml_document import Refused
from counterfoil.reading.saml_metadata import read_metadata
from counterfoil.reading.wire import READY, Frames, Packed, WireError, frame
from counterfoil.reading.xml_wire import pack

_READ_BYTES: Final = 65_536


def main() -> None:
    """Confine this process, say that it is ready, and serve until the socket closes."""
    parser = argparse.ArgumentParser(prog="counterfoil.reading.xml_child", add_help=False)
    parser.add_argument("socket", type=int)
    parser.add_argument("--die-with", type=int, default=0)
    options = parser.parse_args()
    confine(options.die_with)
    os.set_blocking(options.socket, True)  # a worker under gevent makes it non-blocking
    _load()
    shut()
    try:
        _send(options.socket, READY)
        frames = Frames()
        while data := os.read(options.socket, _READ_BYTES):
            for request in frames.feed(data):
                _send(options.socket, frame(read(request)))
    except (BrokenPipeError, ConnectionResetError):
        return  # the worker is gone


def _load() -> None:
    """Load what the libraries would load at their first document: later nothing opens."""
    XMLVerifier.schemas()  # type: ignore[no-untyped-call]
    ECDSA(SHA256())  # imports its backend when one is made


def read(request: Packed) -> Packed:
    """Answer one request.

    Raises:
        WireError: it is none.
    """
    try:
        match request:
            case ["answer", bytes(data), dict(keys), list(opens)]:
                return pack(read_answer(data, keys, opens))
            case ["assertion", bytes(data), list(certificates)]:
                return pack(read_assertion(data, certificates))
            case ["metadata", bytes(data), (str() | None) as entity_id, list(trusted)]:
                return pack(read_metadata(data, entity_id=entity_id, trusted=trusted))
    except Refused as refused:
        return ["refused", refused.rule, refused.text, refused.encrypted, refused.unknown_key]
    except (MemoryError, RecursionError):
        return ["refused", "0", "the document needs too much memory", False, False]
    except Exception as error:  # noqa: BLE001 -- a document nobody foresaw: refused, not a restart
        return ["refused", "0", f"the reader failed: {type(error).__name__}", False, False]
    raise WireError("no request of ours")


def _send(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main()
