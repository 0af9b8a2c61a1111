"""The running service ships by itself, says so, and does not mind a shipper that is killed."""

from __future__ import annotations

import json
from pathlib import Path

import processes
from service import running_service


def test_a_running_service_ships_and_goes_on_without_its_shipper(tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    entry = {"name": "shelf", "kind": "files", "directory": str(folder), "every_seconds": "1"}
    overrides = {f"export__0__{name}": value for name, value in entry.items()}
    with running_service(tmp_path, **overrides) as service:

        def shipped() -> set[str]:
            lines = [
                line for path in folder.glob("shelf-*.jsonl") for line in path.read_text().split()
            ]
            return {json.loads(line)["leaf"]["decision_id"] for line in lines}

        first = service.authorize().body["decision_id"]
        processes.eventually(lambda: first in shipped(), "shipped")
        (shipper,) = [
            child
            for child in processes.children_of(service.process.pid)
            if "counterfoil.cli.ship" in processes.command_of(child)
        ]
        processes.kill(shipper)
        second = service.authorize().body["decision_id"]  # nobody waits for it
        processes.eventually(lambda: second in shipped(), "shipped by the next one")
        metrics = service.metrics()
        assert 'counterfoil_export_alarm{export="shelf"} 0' in metrics
        assert 'counterfoil_child_restarts_total{child="shipper"} 1' in metrics
        ready = service.request("GET", "/readyz?verbose")
        assert ready.status == 200
        assert ready.body["checks"]["export:delivery"][0]["status"] == "pass"
