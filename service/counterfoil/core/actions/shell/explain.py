r"""Which part of a line is not sure, and how to write it: tree-sitter reads what we refused.

It explains and never permits: it takes `ls\<newline>-l` for two words and `time x` for a plain
command. Its grammar names the construct around the place where our own reader stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from counterfoil.core.actions.contract import Unreadable

_SYNTAX: Final = "uncertain.shell_syntax"
_MAX_CHARACTERS: Final = 4_096
_CODES: Final[Mapping[str, str]] = {
    "command_substitution": "uncertain.shell_substitution",
    "process_substitution": "uncertain.shell_substitution",
    "simple_expansion": "uncertain.shell_expansion",
    "expansion": "uncertain.shell_expansion",
    "arithmetic_expansion": "uncertain.shell_expansion",
    "brace_expression": "uncertain.shell_expansion",
    "heredoc_redirect": "uncertain.shell_heredoc",
    "herestring_redirect": "uncertain.shell_heredoc",
    "variable_assignment": "uncertain.shell_assignment",
    "if_statement": "uncertain.shell_control",
    "for_statement": "uncertain.shell_control",
    "c_style_for_statement": "uncertain.shell_control",
    "while_statement": "uncertain.shell_control",
    "case_statement": "uncertain.shell_control",
    "function_definition": "uncertain.shell_control",
    "negated_command": "uncertain.shell_control",
    "test_command": "uncertain.shell_test",
    "subshell": "uncertain.shell_group",
    "compound_statement": "uncertain.shell_group",
    "ansi_c_string": "uncertain.shell_expansion",
    "translated_string": "uncertain.shell_expansion",
}
"""Constructs by tree-sitter-bash's names; of those around a place one is told."""
_WORDS: Final = frozenset({"string", "concatenation", "word"})
_OUTERMOST: Final = frozenset({"uncertain.shell_control", "uncertain.shell_heredoc"})
_GLOBS: Final = frozenset("*?[]{}")


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


def explained(text: str, doubt: Unreadable) -> Unreadable:
    """The same doubt, or one that names the construct and its whole place."""
    if doubt.code != _SYNTAX or doubt.span is None or len(text) > _MAX_CHARACTERS:
        return doubt
    start = doubt.span[0]
    character = text[start : start + 1]
    found = _construct(text, start)
    if found is not None:
        code, span = found
        return Unreadable(code, _shown(text, span), span)
    if text[start : start + 2] == "<<":
        return Unreadable("uncertain.shell_heredoc", "<<", doubt.span)
    if character in _GLOBS and character:
        return Unreadable("uncertain.shell_glob", character, doubt.span)
    if character == "~":
        return Unreadable("uncertain.shell_expansion", "~", doubt.span)
    if character == "&" and text[start : start + 2] != "&&":
        return Unreadable("uncertain.shell_background", "&", doubt.span)
    return doubt


def _construct(text: str, place: int) -> tuple[str, tuple[int, int]] | None:
    data = text.encode("utf-8", "replace")
    byte = len(text[:place].encode("utf-8", "replace"))
    first = _parser().parse(data).root_node.descendant_for_byte_range(byte, byte + 1)
    node = first
    found: Node | None = None
    while node is not None:
        if node.type in _CODES and (found is None or _CODES[node.type] in _OUTERMOST):
            found = node
        node = node.parent
    if found is None:
        found = _within(first)
    if found is None:
        return None
    return _CODES[found.type], (
        _characters(data, found.start_byte),
        _characters(data, found.end_byte),
    )


def _within(node: Node | None) -> Node | None:
    """The first construct in the word or string that the place is the beginning of."""
    while node is not None and node.type not in _WORDS and node.parent is not None:
        node = node.parent
    waiting = [node] if node is not None and node.type in _WORDS else []
    while waiting:
        one = waiting.pop(0)
        if one.type in _CODES:
            return one
        waiting.extend(one.children)
    return None


def _characters(data: bytes, count: int) -> int:
    """A place in bytes as one in characters."""
    return len(data[:count].decode("utf-8", "replace"))


def _shown(text: str, span: tuple[int, int]) -> str:
    return ascii(text[span[0] : span[1]])[1:-1][:96]
