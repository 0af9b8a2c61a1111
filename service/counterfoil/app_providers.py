"""Starts the process that calls identity providers: `python -m counterfoil.app_providers`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

from counterfoil.config import Config, load_config
from counterfoil.errors import ConfigError
from counterfoil.identity.providers import run
from counterfoil.reading.xml_reader import XmlReader

EXIT_CONFIG: Final = 78  # EX_CONFIG of sysexits.h


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="counterfoil-providers")
    parser.add_argument("--config", type=Path)
    args = parser.parse_args()
    os.umask(0o077)
    try:
        asyncio.run(_until_stopped(load_config(args.config, os.environ)))
    except ConfigError as error:
        sys.stderr.write(f"{error.detail}\n")
        sys.exit(EXIT_CONFIG)


async def _until_stopped(config: Config) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    reader = XmlReader()
    running = asyncio.create_task(run(config, reader))
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if running.done():
            running.result()
    finally:
        running.cancel()
        reader.close()


if __name__ == "__main__":
    main()
