"""Reads a transaction statement that stands alone: it touches no object and needs no right.

It is no small thing all the same: ROLLBACK undoes what actions before it did, and with it each
SET of the same transaction, COMMIT makes it last, and what is open holds its locks. So each is
an operation of its own verb, which policy must allow (docs/adr/0054-transactions-alone.md).

    among other statements    what COMMIT ends is no longer all or nothing
    options of BEGIN          READ WRITE undoes a session that was made read-only, and
                              ISOLATION LEVEL the one that the tool relies on
    AND CHAIN                 ends one transaction and opens another in one word
    PREPARE TRANSACTION       leaves it to whoever knows its name, in any session
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import Span, Thing
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.tree import Node, word

_READ: Final = frozenset({"kind", "savepoint_name", "location"})
_VERBS: Final = {
    "TRANS_STMT_BEGIN": "begin",
    "TRANS_STMT_START": "begin",
    "TRANS_STMT_COMMIT": "commit",
    "TRANS_STMT_ROLLBACK": "rollback",
    "TRANS_STMT_SAVEPOINT": "savepoint",
    "TRANS_STMT_RELEASE": "release",
    "TRANS_STMT_ROLLBACK_TO": "rollback_to",
}


def transaction(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a TransactionStmt.

    Raises:
        Unreadable: it stands among others, has options, or is of a kind that is not read.
    """
    verb = _VERBS.get(word(fields, "kind"))
    if verb is None or not fields.keys() <= _READ:
        raise reader.refusal("uncertain.sql_transaction", "an option, or two phases", span)
    if not reader.batch.alone:
        raise reader.refusal("uncertain.sql_transaction", "among other statements", span)
    made = Thing("transaction", "", checked_name(word(fields, "savepoint_name")), span=span)
    made.use(verb).needs = []
    reader.things["transaction",] = made
