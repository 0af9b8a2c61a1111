"""Prints what the record says of every decision, for tests that have no service installed.

Usage: `.venv/bin/python tests/print_decisions.py`, in the folder and with the environment of
the service. One JSON line a decision, read and checked as `counterfoil trail` does.
"""

from __future__ import annotations

import json
import os
import sys

from counterfoil.cli.text import members, opened
from counterfoil.config import find_config, load_config
from counterfoil.ledger.keys import VERIFIER_KEY, load_master, read_verifier_key
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master


def main() -> None:
    """Print all decisions, tenant by tenant, in log order."""
    config = load_config(find_config(None), os.environ)
    keys = config.keys.directory
    key = read_verifier_key(keys / VERIFIER_KEY)
    reader = Reader(config.ledger.path, Master(load_master(keys, create=False)), lambda: key)
    for tenant in reader.tenants():
        for event in reader.events(tenant, "decided", since=""):
            trail = reader.trail(tenant, event.decision_id or "")
            said = {name: opened(data) for name, data in event.payload.items()}
            value = {
                "decision_id": event.decision_id,
                "effect": event.plain["effect"],
                "digest": members(said["decision"])["action_digest"],
                "arguments": said["arguments"],
                "jti": members(event.plain.get("grant")).get("jti"),
                "outcomes": [item.plain["status"] for item in trail if item.kind == "outcome"],
            }
            sys.stdout.write(json.dumps(value) + "\n")


if __name__ == "__main__":
    main()
