"""Bytes of a complete HTTP 200 into `PolicyAnswer`s, without judging them.

What cannot be read is an answer whose result is no decision (`core/verdict.py` denies it);
it is never somebody else's, and never skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from counterfoil.core import strict_json
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.errors import RequestError
from counterfoil.policy.session import MAX_ANSWER_BYTES
from counterfoil.ports import PolicyAnswer, PolicyQuestion

UNREADABLE: Final = PolicyAnswer(defined=True, result=None, revisions=())
"""A complete 200 that is not strict JSON, or whose decision belongs to another question."""


def read_single(body: bytes) -> PolicyAnswer:
    """The answer of `<entrypoint>`."""
    document = _document(body)
    if document is None:
        return UNREADABLE
    return PolicyAnswer(
        defined="result" in document,
        result=document.get("result"),
        revisions=revisions_of(document),
    )


def read_group(
    body: bytes, nonces: Sequence[str], questions: Sequence[PolicyQuestion]
) -> list[PolicyAnswer] | None:
    """The answers of `<entrypoint>s` in the order of the questions, None without a document.

    A nonce that is missing leaves its own question undefined, and a digest that differs
    makes its answer unreadable: nobody's answer ever moves to another question. Nonces that
    were not asked make the whole answer none.
    """
    document = _document(body)
    result = None if document is None else document.get("result")
    if document is None or not isinstance(result, Mapping) or not result.keys() <= set(nonces):
        return None
    revisions = revisions_of(document)
    return [
        _item(result, nonce, question, revisions)
        for nonce, question in zip(nonces, questions, strict=True)
    ]


def _item(
    result: JsonObject, nonce: str, question: PolicyQuestion, revisions: tuple[str, ...]
) -> PolicyAnswer:
    if nonce not in result:
        return PolicyAnswer(defined=False, result=None, revisions=revisions)
    item = result[nonce]
    if not isinstance(item, Mapping) or item.get("action_digest") != question.action_digest:
        return UNREADABLE
    return PolicyAnswer(
        defined="decision" in item, result=item.get("decision"), revisions=revisions
    )


def revisions_of(document: JsonObject) -> tuple[str, ...]:
    """Every bundle revision that the provenance names; a bundle without one names ''."""
    provenance = document.get("provenance")
    if not isinstance(provenance, Mapping):
        return ()
    named: list[JsonValue] = []
    bundles = provenance.get("bundles")
    if isinstance(bundles, Mapping):
        named += [
            item.get("revision", "") if isinstance(item, Mapping) else ""
            for item in bundles.values()
        ]
    if "revision" in provenance:  # the form of a single bundle of old
        named.append(provenance["revision"])
    return tuple(item if isinstance(item, str) else "" for item in named)


def _document(body: bytes) -> JsonObject | None:
    try:
        return strict_json.parse(body, max_bytes=MAX_ANSWER_BYTES)
    except RequestError:  # names twice, NaN, lone surrogates: another reader could differ
        return None
