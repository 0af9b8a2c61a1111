"""Every `uncertain.*` code with its title and what the caller can do next.

Codes are stable and never reused; a test finds each code that the interpreters use here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from counterfoil.core.actions.explained import PROGRAMS, Explanation
from counterfoil.core.actions.uncertain_http import HTTP
from counterfoil.core.actions.uncertain_kubernetes import IMAGES, KUBECTL, MANIFEST
from counterfoil.core.actions.uncertain_shell import SHELL
from counterfoil.core.model import Reason, Uncertainty

_E = Explanation
_GENERAL: Final = {
    "no_interpreter": _E(
        "There is no reader for this kind of action",
        "Use a tool whose family can be read, or ask the operator for a reader of this family.",
    ),
    "no_command": _E(
        "The command is not in the arguments",
        "The operator should name a text argument in the mapping's `command`.",
    ),
    "arguments": _E(
        "The arguments are not the tool's own",
        "Send exactly the arguments of the tool's registered schema.",
    ),
    "resource_unknown": _E(
        "The resource is not registered",
        "Name a registered resource, or ask the operator to register this one.",
    ),
    "resource_type": _E(
        "The resource is of another type than the command needs",
        "Name a resource of the right type; the operator maps tools to resources.",
    ),
    "resource_location": _E(
        "The resource's registered location cannot be read",
        "The operator should correct the resource's `location`.",
    ),
    "too_long": _E("The command is too long to be read safely", "Split it into shorter commands."),
    "too_deep": _E(
        "The command is nested too deeply or has too many parts",
        "Write it flatter, or split it into several commands.",
    ),
    "handoff_target": _E(
        "The arguments name another agent than the tool hands over to",
        "Name the agent that the operator registered for this tool.",
    ),
    "reader_failed": _E(
        "The reader of commands stopped while it read this",
        "Write the command more simply; the reader was restarted.",
    ),
    "reader_timeout": _E(
        "Reading the command took too long",
        "Write the command more simply, or try again when the service is less busy.",
    ),
}
_SQL: Final = {
    "control_character": _E(
        "The SQL holds a control character or half of one",
        "Remove it; only tab and newline may stand between printable characters.",
    ),
    "syntax": _E("The SQL is not valid", "Correct it at the place shown; PostgreSQL 17's grammar."),
    "empty": _E("There is no statement", "Send at least one SQL statement."),
    "statement_kind": _E(
        "This kind of statement is not read",
        "Queries, changes of rows, and CREATE, ALTER, DROP, COMMENT, GRANT, TRUNCATE, COPY with "
        "the client and EXPLAIN of ordinary objects are; docs/actions/database.md lists them.",
    ),
    "drop_kind": _E(
        "Something is dropped that a job cannot own alone",
        "DROP of tables, views, sequences, types and schemas is read; ask a person for the rest.",
    ),
    "alter_form": _E(
        "This form of ALTER is not read",
        "Leave it out, or ask a person; docs/actions/database.md lists the forms that are read.",
    ),
    "cascade": _E(
        "CASCADE reaches objects that the statement does not name",
        "Leave CASCADE out, and drop what depends on it by statements of their own.",
    ),
    "runs_code": _E(
        "The statement runs code that cannot be read", "Write what it does as plain statements."
    ),
    "prepared": _E(
        "A prepared statement hides what it runs", "Send the statement itself, with its values."
    ),
    "session": _E(
        "The statement changes the session",
        "Leave it out; the session is fixed by the answer's `execute.session`.",
    ),
    "transaction": _E(
        "A transaction statement is written in a way that is not read",
        "Send BEGIN, COMMIT, ROLLBACK, SAVEPOINT name, RELEASE name or ROLLBACK TO name as an "
        "action of its own, without options; several statements of one text are one transaction.",
    ),
    "copy": _E(
        "COPY reads or writes a file or a program of the server",
        "Use COPY … FROM STDIN or TO STDOUT.",
    ),
    "select_into": _E(
        "SELECT INTO stands inside of another statement",
        "Write CREATE TABLE … AS, or INTO at the top of the statement alone.",
    ),
    "unqualified_name": _E(
        "A name without its schema stands where its place is not sure",
        "Write schema.name, such as public.invoices.",
    ),
    "system_schema": _E(
        "A system schema is named", "Use the tables of your own schemas; catalogues are not read."
    ),
    "other_database": _E(
        "Another database is named", "Leave the database out, or name the resource's own."
    ),
    "temporary": _E(
        "A temporary table is written in a way that is not read",
        "Write CREATE TEMP TABLE name (…) without a schema.",
    ),
    "name": _E(
        "A name may mean another object on some servers",
        "Use at most 62 bytes, and no upper-case letters beyond ASCII.",
    ),
    "unknown_name": _E(
        "A name belongs to nothing in the statement", "Name the column through its table's alias."
    ),
    "row_function": _E(
        "This name after a dot may call a function on the whole row",
        "Name the column without the alias, or call the function with parentheses.",
    ),
    "field_access": _E(
        "(value).name may call a function that only a catalogue shows",
        "Select the column itself, or use a JSON operator.",
    ),
    "function": _E(
        "A function is called that is not known to be harmless",
        "Use plain built-in functions only, those that compute.",
    ),
    "function_in_from": _E(
        "A function in FROM is not known to be harmless",
        "Use one built-in function that returns rows, such as generate_series or unnest.",
    ),
    "operator": _E(
        "An operator is used that is not known to be harmless",
        "Use PostgreSQL's plain built-in operators, without OPERATOR(…).",
    ),
    "type": _E(
        "A type is used that is not known to be harmless",
        "Use PostgreSQL's plain built-in types, without a schema.",
    ),
    "collation": _E(
        "A collation is used that somebody may have made", 'Use COLLATE "C" or "default".'
    ),
    "moved_name": _E(
        "A name means something else by this point of the text",
        "Send what follows the DROP, RENAME or IF NOT EXISTS as an action of its own.",
    ),
    "or_replace": _E(
        "Only a catalogue tells whether OR REPLACE makes or changes a view",
        "Write CREATE VIEW for a new one; or ask the operator for `counterfoil resource snapshot`.",
    ),
    "index_owner": _E(
        "Only a catalogue tells whose table the index belongs to",
        "Ask the operator for `counterfoil resource snapshot`, or ask a person.",
    ),
    "refresh": _E(
        "Only a catalogue tells what the materialized view reads",
        "Ask the operator for `counterfoil resource snapshot`, or ask a person.",
    ),
    "restart_identity": _E(
        "Only a catalogue tells which sequences RESTART IDENTITY sets back",
        "Leave it out, or ask the operator for `counterfoil resource snapshot`.",
    ),
    "grant": _E(
        "Rights are given or taken in a way that is not read",
        "Name the tables, sequences or schemas and the roles one by one.",
    ),
    "rule": _E(
        "A rule of the table replaces the statement by others",
        "Ask a person; the catalogue shows the rule named in the details.",
    ),
    "hidden_code": _E(
        "A default, check, index or policy of the table calls somebody's own function",
        "Ask a person; the catalogue shows what it is, named in the details.",
    ),
    "invoker_view": _E(
        "The view reads with the rights of whoever asks",
        "Write its query out on the tables themselves.",
    ),
    "parameter": _E(
        "The statement has parameters whose values are not shown", "Write the values as literals."
    ),
    "executable_comment": _E(
        "A comment holds something that some servers run",
        "Leave out comments that begin with /*!, /*M! or /*+.",
    ),
    "comment": _E(
        "A comment is read differently by different servers",
        "Leave it out, or write it after -- and a blank, or between /* and */.",
    ),
    "quoting": _E(
        "A string or name ends elsewhere under another sql_mode",
        "Write strings as 'text' with '' for a quote, names in backticks, and no backslash.",
    ),
    "mode": _E(
        "An operator means something else under another sql_mode",
        "Write CONCAT(a, b), AND, OR and NOT (…) instead of ||, && and !.",
    ),
    "variable": _E("A variable of the session is read or set", "Write its value as a literal."),
    "several": _E("There are several statements", "Send each statement as an action of its own."),
    "dialect_syntax": _E(
        "The SQL is not read by the reader of this dialect",
        "Write it more plainly; the details say where reading stopped.",
    ),
    "dialect_name": _E(
        "A name may mean another object on some servers",
        "Use names of at most 64 ASCII letters, digits and _; in MySQL lower case for tables.",
    ),
    "lock": _E(
        "Rows are locked in a way that servers check differently",
        "Leave FOR UPDATE out, or change the rows by one UPDATE with a WHERE.",
    ),
    "rowid": _E(
        "A row's hidden number is read, which is a column under another name",
        "Name the key column itself.",
    ),
    "replace": _E(
        "REPLACE deletes rows that the text does not name",
        "Write INSERT … ON CONFLICT (key) DO UPDATE, or ON DUPLICATE KEY UPDATE.",
    ),
    "trigger": _E(
        "A trigger runs somebody's function for everybody who changes the table",
        "Do what it would do by statements of the job; or ask a person to make the trigger.",
    ),
    "role": _E(
        "Roles are made, changed or dropped",
        "Ask a person; what a job needs is granted to a role of its own.",
    ),
    "cursor": _E(
        "A cursor reads on in later statements",
        "Send the query itself, with LIMIT, and WHERE id > the last one seen.",
    ),
    "unused_query": _E("A WITH query is read by nothing", "Leave it out."),
    "construct": _E(
        "The statement has a part that is not read",
        "Write it with plainer SQL; the place and the part are in the details.",
    ),
}
UNCERTAIN: Final[Mapping[str, Explanation]] = {
    **{f"uncertain.{name}": text for name, text in _GENERAL.items()},
    **{f"uncertain.sql_{name}": text for name, text in _SQL.items()},
    **{f"uncertain.manifest_{name}": text for name, text in MANIFEST.items()},
    **{f"uncertain.kubectl_{name}": text for name, text in KUBECTL.items()},
    **{f"uncertain.image_{name}": text for name, text in IMAGES.items()},
    **{f"uncertain.shell_{name}": _E(*text) for name, text in SHELL.items()},
    **{f"uncertain.{name}": text for name, text in PROGRAMS.items()},
    **{f"uncertain.http_{name}": _E(*text) for name, text in HTTP.items()},
}
_UNKNOWN: Final = _E("The command could not be read with certainty", "Write it more simply.")


def reason(item: Uncertainty) -> Reason:
    """The uncertainty as a reason that a person can act on."""
    text = UNCERTAIN.get(item.code, _UNKNOWN)
    details: dict[str, str | list[int]] = {}
    if item.span is not None:
        details["span"] = list(item.span)
    if item.detail:
        details["detail"] = item.detail
    return Reason(code=item.code, title=text.title, solution=text.solution, details=details or None)
