"""The worker's side of the XML child: implements `ports.SamlReader`, and never dies with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar

from counterfoil.core.saml import Assertion, IdpMetadata, SamlAnswer, SealedAnswer
from counterfoil.errors import EncryptedAssertion, IdentityUnavailable, SamlRefused, UnknownKey
from counterfoil.reading.framed import FramedChild
from counterfoil.reading.wire import Packed, WireError, frame
from counterfoil.reading.xml_wire import unpack_answer, unpack_assertion, unpack_metadata

DOCUMENT_SECONDS: Final = 2.0
"""How long the child may read one document; a large one takes 20 ms."""
MAX_DOCUMENTS: Final = 1_000
"""How many documents one child reads: whatever it keeps of them goes with it."""
Read = TypeVar("Read")

_MODULE: Final = "counterfoil.reading.xml_child"


class XmlReader:
    """One child of one worker, started at its first document. Thread safe: one at a time.

    Logins are rare; a queue of them waits for the child until its deadline.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._turn = threading.Lock()
        self._child: FramedChild | None = None  # these three belong to whoever has the turn
        self._documents = 0
        self._closed = False

    def answer(
        self,
        data: bytes,
        keys: Mapping[str, Sequence[bytes]],
        *,
        opens: Collection[str] = (),
        deadline: float,
    ) -> SamlAnswer | SealedAnswer:
        """Read an identity provider's answer (`ports.SamlReader`)."""
        listed = {name: list(certificates) for name, certificates in keys.items()}
        return self._ask(["answer", data, listed, list(opens)], unpack_answer, deadline)

    def assertion(
        self, data: bytes, certificates: Sequence[bytes], *, deadline: float
    ) -> Assertion:
        """Read an assertion that was decrypted (`ports.SamlReader`)."""
        request: Packed = ["assertion", data, list(certificates)]
        return self._ask(request, unpack_assertion, deadline)

    def metadata(
        self, data: bytes, *, entity_id: str | None, trusted: Sequence[bytes], deadline: float
    ) -> IdpMetadata:
        """Read an identity provider's metadata (`ports.SamlReader`)."""
        request: Packed = ["metadata", data, entity_id, list(trusted)]
        return self._ask(request, unpack_metadata, deadline)

    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        with self._turn:
            return None if self._child is None else self._child.pid

    def close(self) -> None:
        """End the child. What is asked afterwards is unavailable."""
        with self._turn:
            self._closed = True
            self._end()

    def _ask(self, request: Packed, unpack: Callable[[Packed], Read], deadline: float) -> Read:
        if not self._turn.acquire(timeout=max(0.0, deadline - self._monotonic())):
            raise IdentityUnavailable("too many logins wait for the XML reader")
        sound = False
        try:
            packed = self._exchange(self._started(deadline), request, deadline)
            refusal = _refusal(packed)
            value = None if refusal else unpack(packed)
            sound = True
        except WireError as error:
            raise SamlRefused("0", "the XML reader gave an answer of another form") from error
        finally:
            # Also when this caller was killed in between: an answer that nobody waits for
            # must never be taken for the next document's.
            if not sound or self._documents >= MAX_DOCUMENTS:
                self._end()
            self._turn.release()
        if value is None:
            raise refusal or SamlRefused("0", "nothing was read")
        return value

    def _started(self, deadline: float) -> FramedChild:
        """A child that waits for a document.

        Raises:
            IdentityUnavailable: none could be started in time.
        """
        if self._closed:
            raise IdentityUnavailable("the XML reader is closed")
        if self._child is not None and not self._child.alive:
            self._end()  # killed while it waited: no document is at fault
        try:
            if self._child is None:
                self._child, self._documents = FramedChild(_MODULE, monotonic=self._monotonic), 0
            self._child.wait_ready(deadline)
        except (OSError, WireError) as error:
            raise IdentityUnavailable("no XML reader could be started") from error
        return self._child

    def _exchange(self, child: FramedChild, request: Packed, deadline: float) -> Packed:
        """One document out, one answer back.

        Raises:
            SamlRefused: the child died of it, or took too long: the document's fault.
            IdentityUnavailable: the caller's deadline came first.
        """
        self._documents += 1
        until = min(deadline, self._monotonic() + DOCUMENT_SECONDS)
        try:
            child.send(frame(request), seconds=DOCUMENT_SECONDS)
            while True:
                for packed in child.receive(DOCUMENT_SECONDS, until):
                    return packed
        except TimeoutError as error:
            if until == deadline:
                raise IdentityUnavailable("no time was left to read the document") from error
            raise SamlRefused("0", "the document took too long to read") from error
        except (OSError, WireError) as error:
            raise SamlRefused("0", "the XML reader died of the document") from error

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()


def _refusal(packed: Packed) -> SamlRefused | None:
    """The rule that the document breaks, for the log alone."""
    match packed:
        case ["refused", str(rule), str(text), bool(encrypted), bool(unknown_key)]:
            kind = EncryptedAssertion if encrypted else UnknownKey if unknown_key else SamlRefused
            return kind(rule, text)
        case _:
            return None
