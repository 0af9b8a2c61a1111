"""axe-core, which judges pages by WCAG: from npm once, then from `.tools`. Only `make e2e` wants it."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

VERSION = "4.14.0"  # MPL-2.0, used as it is
INTEGRITY = (
    "9WTZxEjsZ7b13TH8JPmbV2z8CHbl80/2hm3XPEG4JgNdQLK81IBRXmSxHfMAOkSqQeRxT/0dwNDz2GOm3zzpcQ=="
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_TOOLS = Path(__file__).parents[2] / ".tools"
_ARCHIVE = _TOOLS / f"axe-core-{VERSION}.tgz"


def problems(page: Page) -> list[str]:
    """What of a page is not accessible, a line for each element."""
    page.evaluate(_source())  # past the page's own policy, as a developer's console is
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    assert found["passes"], "axe judged nothing"
    return [
        f"{page.url}: {item['id']}: {node['html'][:120]}: {node['failureSummary'][:200]}"
        for item in found["violations"]
        for node in item["nodes"]
    ]


def _source() -> str:
    if not _ARCHIVE.exists():
        subprocess.run(
            ["npm", "pack", f"axe-core@{VERSION}", "--pack-destination", str(_TOOLS)],  # noqa: S607 -- the machine's own
            check=True,
            capture_output=True,
            timeout=300,
        )
    data = _ARCHIVE.read_bytes()
    assert base64.b64encode(hashlib.sha512(data).digest()).decode() == INTEGRITY
    with tarfile.open(_ARCHIVE) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()
