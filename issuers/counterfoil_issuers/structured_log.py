"""One JSON object a line, for whoever collects an issuer's log. Never a secret."""

from __future__ import annotations

import json
import logging
import sys
from typing import Final

from counterfoil.core.times import rfc3339

FIELDS: Final = ("credential", "decision", "cause", "findings", "code", "status")


class JsonLines(logging.Formatter):
    """Time, level, part, text, and the fields that were given: no others, and no trace."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "part": record.name.rpartition(".")[2],
            "text": record.getMessage(),
        }
        for name in FIELDS:
            if getattr(record, name, None) is not None:
                line[name] = getattr(record, name)
        if record.exc_info and record.exc_info[0] is not None:
            # The kind alone: an exception's text may quote what a library was given.
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line)


def set_up() -> None:
    """Log to standard error, from INFO."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("aiohttp", "asyncio", "psycopg", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
