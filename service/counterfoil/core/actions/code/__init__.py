"""The `code` family: running code, judged as code (docs/actions/code.md).

Reading a program proves nothing about what it does: `getattr`, an import's side effect and one
line of C go by every reader. So there is one operation, to run text of this digest in this
language, and its policy asks for a sandbox or for a person. What the text *names* is listed as
hints, which no rule may take for a permission: leaving a name out costs an attacker nothing.
"""

from __future__ import annotations

import hashlib
from typing import Final

from counterfoil.core.actions.code.hints import hints
from counterfoil.core.actions.contract import Limits, Unreadable, check_size, command_text
from counterfoil.core.model import Command, Interpretation, Operation, Permission

MAX_BYTES: Final = 65_536
LANGUAGES: Final = {
    "python": "python",
    "python3": "python",
    "py": "python",
    "javascript": "javascript",
    "js": "javascript",
    "typescript": "typescript",
    "ts": "typescript",
    "powershell": "powershell",
    "pwsh": "powershell",
    "ruby": "ruby",
    "r": "r",
}
"""Names of languages as frameworks write them. A shell's lines belong to `shell`."""


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Name the code by language and digest.

    Raises:
        Unreadable: it is too long, or in a language that is not in the table.
    """
    del limits  # 64 KiB: beyond it the hints' parser has been seen to run out of memory
    text = command_text(command)
    check_size(text, MAX_BYTES)
    said = command.arguments.get("language")
    language = LANGUAGES.get(said) if isinstance(said, str) else None
    if language is None:
        raise Unreadable("uncertain.code_language", repr(said)[:64])
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise Unreadable("uncertain.code_text", "half of a character") from None
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    operation = Operation(
        family="code",
        verb="run",
        object={"kind": "code", "language": language, "digest": digest},
        span=(0, len(text)),
        details={"bytes": len(data), "hints": hints(language, text)},
    )
    permission: Permission = {
        "type": "code",
        "identifier": digest,
        "language": language,
        "actions": ["run"],
        "operations": [0],
    }
    return Interpretation(operations=(operation,), required=(permission,))
