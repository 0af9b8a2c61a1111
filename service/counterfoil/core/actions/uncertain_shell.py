"""What cannot be known of a command line, and what to write instead: title and solution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SHELL: Final[Mapping[str, tuple[str, str]]] = {
    "syntax": (
        "A part of the line is not a literal word",
        "Put text into single quotes; write plain commands with |, &&, ||, ; and > FILE alone.",
    ),
    "substitution": (
        "The line runs a command for its words",
        "Run that command as an action of its own first, and write its result as text.",
    ),
    "expansion": (
        "The shell would put something else in this place",
        "Write the value itself; text with $ or ~ in it goes into single quotes.",
    ),
    "glob": (
        "The shell would put the names of files in this place",
        "Name the files, or use ls DIR, grep -r TEXT DIR, find DIR -name 'PATTERN'.",
    ),
    "heredoc": (
        "A here-document is fed to the command",
        "Write the text with the file tool (write_file), or pass it as one quoted word.",
    ),
    "assignment": (
        "A variable is set",
        "Write its value where it is used; settings of a program go into its options.",
    ),
    "control": (
        "The line branches, repeats or defines something",
        "Send the commands one by one, joined by && or || at most.",
    ),
    "test": ("[ … ] and [[ … ]] are not read", "Write test -f PATH, or test -n TEXT."),
    "group": (
        "Commands are grouped or run in another shell",
        "Send them as a plain list: a && b; c.",
    ),
    "background": (
        "A command would run on in the background",
        "Leave & out; for a service, ask the operator for a tool that starts it.",
    ),
    "program": (
        "This program is not known",
        "Use a program of docs/actions/shell.md, or ask the operator to map this one as a tool.",
    ),
    "runner": (
        "This program runs another one",
        "Write the other command alone; it is judged as it stands.",
    ),
    "interpreter": (
        "This program runs code",
        "Send the code itself with the code tool (run_code), where it is judged as code.",
    ),
    "project": (
        "This program runs what the project's own files say",
        "Ask the operator to map it as a tool of its own, such as run_tests.",
    ),
    "interactive": (
        "This program waits for a person",
        "Use cat, head, tail or sed -n '1,20p' to read, and the file tool to write.",
    ),
    "state": (
        "The command changes the shell, not the world",
        "Write cd DIR && first, once and with a literal path; leave the rest out.",
    ),
    "session": (
        "Two programs of the line need different surroundings",
        "Send them as lines of their own.",
    ),
    "script": (
        "The filter's script may do more than filter",
        "Use sed -n '1,20p', sed 's/a/b/g', awk '{print $1}', plain jq, cut, sort or grep.",
    ),
    "redirects": (
        "curl would follow redirects",
        "Leave -L out, look at the answer's Location, and ask for that URL.",
    ),
}
