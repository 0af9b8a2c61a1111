"""`/ledger/{log}/…`: checkpoints, tiles, entries and proofs (c2sp.org/tlog-tiles)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

import orjson
from flask import Blueprint

from counterfoil.core.entry import ID
from counterfoil.core.tiles import Tile, read_level, read_tile
from counterfoil.errors import NotFound, SchemaViolation
from counterfoil.flows.evidence import Asked, EvidenceFlow
from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import JSON, NO_STORE, Environ, Reply, hang

OCTETS: Final = "application/octet-stream"
NOTE: Final = "text/plain; charset=utf-8"
IMMUTABLE: Final = "public, max-age=31536000, immutable"  # a tile never changes
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


def ledger_blueprint(evidence: EvidenceFlow, *, credentials: Credentials) -> Blueprint:
    """Hang all paths of a log."""
    blueprint = Blueprint("ledger", __name__)
    cached = IMMUTABLE if evidence.public_hashes else NO_STORE

    def asked(environ: Environ, log: str) -> Asked:
        if evidence.public_hashes and "HTTP_AUTHORIZATION" not in environ:
            return Asked(log=log, unverified_token=None, proof=None)
        token, proof = credentials.read(environ)
        return Asked(log=log, unverified_token=token, proof=proof)

    def checkpoint(environ: Environ, log: str) -> Reply:
        return Reply(200, evidence.checkpoint(asked(environ, log)), NOTE)

    def tile(environ: Environ, log: str, level: str, tile: str) -> Reply:
        number = read_level(level)
        hashes = None if number is None else read_tile(number, tile)
        data = evidence.tile(asked(environ, log), _known(hashes))
        return Reply(200, data, OCTETS, cache_control=cached)

    def entries(environ: Environ, log: str, tile: str) -> Reply:
        return Reply(200, evidence.entries(asked(environ, log), _known(read_tile(0, tile))), OCTETS)

    def entry(environ: Environ, log: str, index: str) -> Reply:
        if not _NUMBER.fullmatch(index):
            raise NotFound
        return Reply(200, evidence.entry(asked(environ, log), int(index)), JSON)

    def proof(environ: Environ, log: str, name: str) -> Reply:
        if not ID.fullmatch(name):
            raise NotFound
        return Reply(200, evidence.record_proof(asked(environ, log), name), JSON)

    def consistency(environ: Environ, log: str) -> Reply:
        value = evidence.consistency(asked(environ, log), _old_size(environ))
        return Reply(200, orjson.dumps(value), JSON)

    hang(blueprint, "/ledger/<log>/checkpoint", "checkpoint", checkpoint, method="GET")
    hang(blueprint, "/ledger/<log>/tile/<level>/<path:tile>", "tile", tile, method="GET")
    hang(blueprint, "/ledger/<log>/tile/entries/<path:tile>", "entries", entries, method="GET")
    hang(blueprint, "/ledger/<log>/entry/<index>", "entry", entry, method="GET")
    hang(blueprint, "/ledger/<log>/proof/<name>", "proof", proof, method="GET")
    hang(blueprint, "/ledger/<log>/consistency", "consistency", consistency, method="GET")
    return blueprint


def _known(tile: Tile | None) -> Tile:
    if tile is None:
        raise NotFound
    return tile


def _old_size(environ: Environ) -> int:
    pairs = parse_qsl(environ.get("QUERY_STRING", "")[:1024], keep_blank_values=True)
    match pairs:
        case [("old", text)] if _NUMBER.fullmatch(text):
            return int(text)
        case _:
            raise SchemaViolation("say which older size, as old=NUMBER", pointer="#/old")
