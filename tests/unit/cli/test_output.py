"""What is printed survives a reader that goes away."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from counterfoil.cli.output import say
for n in range(20_000):
    say(f"line {n}")
print("still here", file=sys.stderr)
"""


def test_a_reader_that_goes_away_does_not_stop_the_service() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "line 0\n"
        process.stdout.close()
        assert process.stderr.read() == "still here\n"
    assert process.returncode == 0
