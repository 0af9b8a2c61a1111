"""Whether a detector of `detectors.py` could find anything at all in some bytes: ten microseconds.

Running all of them costs a tenth of a millisecond for each KiB, which neither a decision nor an
export of a million records can pay. Each secret that they know holds one of these few marks; a
test makes secrets out of the detectors' own expressions and holds the two together. JSON's own
escapes (quotes, backslashes, control characters) stand in no mark. Where a detector ignores case
it takes the long s and the Kelvin sign for letters too, so no s and no k stands in those marks;
and a digit may be one of any script.
"""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = (
    *(b"GR1348941", b"eyJ", b":_authToken=", b"T3BlbkFJ", b"PRIVATE KEY", b"PuTTY-User-Key-File-2"),
    *(b"pypi-AgE", b"sq0csp-", b"k_live_"),
)
_NOT_IN_LOGINS: Final = rb"[^:/?#\[\]@!$&'()*+,;=\s]+"
_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        rb"A(?:3T|BIA|CCA|KIA|SIA|ccountKey=|KC\w{10}|P[0-9A-F\x80-\xff][\w\x80-\xff]{8}|C[a-z0-9]{32})",
        rb"S(?:K[a-z0-9]{32}|G\.)",
        rb"gh[pousr]_",
        rb"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-",
        rb"://" + _NOT_IN_LOGINS + b":" + _NOT_IN_LOGINS + b"@",
        rb"\.[\w\x80-\xff-]{6,24}\.[\w\x80-\xff-]{27}",
        rb"-us[0-9]",
        rb":[0-9A-Za-z_-]{35}",
    )
)
_IN_ANY_CASE: Final = (b"xox", b"://hoo")
_AWS: Final = re.compile(rb"aw(?:s|\xc5\xbf)").search
_SEARCHES: Final = tuple(form.search for form in _FORMS)


def may_hold_secret(data: bytes) -> bool:
    """False only where no detector finds anything. `data` is text or JSON, in UTF-8."""
    lowered = data.lower()
    if any(word in data for word in _WORDS) or any(word in lowered for word in _IN_ANY_CASE):
        return True
    if _AWS(lowered) is not None:
        return True
    return any(search(data) is not None for search in _SEARCHES)
