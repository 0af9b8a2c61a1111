"""Tools that read and write files beneath one folder, and keep `no_symlinks` by themselves.

```python
agent = AssistantAgent("coder", client, tools=file_tools("/srv/workspace"))
```
Map each in the service to the registered root: docs/actions/filesystem.md.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autogen_core.tools import BaseTool, FunctionTool

from autogen_counterfoil.beneath import PathRefusedError, Root

AnyTool = BaseTool[Any, Any]
MAX_FILE_BYTES = 1_048_576
"""A tool's answer goes into a model's context; a larger file is refused, never cut."""
MAX_NAMES = 4_096


class BeneathTool(FunctionTool):
    """A tool whose function opens by `Root.open` alone. `file_tools` makes them."""


def file_tools(root: str | Path | Root) -> list[AnyTool]:
    """Return read_file, write_file, append_file, list_directory, create_directory, delete_file.

    Args:
        root: the folder, as the service's `[[resource]]` of type `filesystem` has it.

    Raises:
        OSError: it is no folder, or a link.
    """
    at = root if isinstance(root, Root) else Root(root)
    return [
        _tool("read_file", "Read a text file.", lambda path: _read(at, path)),
        _written("write_file", "Write a text file, whole.", at, os.O_TRUNC),
        _written("append_file", "Add text to the end of a file.", at, os.O_APPEND),
        _tool("list_directory", "List the names in a folder.", lambda path: _names(at, path)),
        _tool("create_directory", "Make a folder.", lambda path: _make(at, path)),
        _tool("delete_file", "Delete a file.", lambda path: _delete(at, path)),
    ]


def _tool(name: str, description: str, work: Callable[[str], str]) -> AnyTool:
    async def by_path(path: str) -> str:
        return await asyncio.to_thread(work, path)

    return BeneathTool(by_path, description=description, name=name, strict=True)


def _written(name: str, description: str, root: Root, how: int) -> AnyTool:
    async def by_path(path: str, content: str) -> str:
        return await asyncio.to_thread(_write, root, path, content, how)

    return BeneathTool(by_path, description=description, name=name, strict=True)


def _read(root: Root, path: str) -> str:
    with os.fdopen(root.open(path, os.O_RDONLY), "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise PathRefusedError(0, f"the file has more than {MAX_FILE_BYTES} bytes", path)
    return data.decode("utf-8")


def _write(root: Root, path: str, content: str, how: int) -> str:
    data = content.encode("utf-8")
    with os.fdopen(root.open(path, os.O_WRONLY | os.O_CREAT | how, 0o644), "wb") as file:
        file.write(data)
    return f"{len(data)} bytes written"


def _names(root: Root, path: str) -> str:
    folder = root.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 -- a descriptor, not a path
    finally:
        os.close(folder)
    return "\n".join(names[:MAX_NAMES])


def _make(root: Root, path: str) -> str:
    with root.parent(path) as (folder, name):
        os.mkdir(name, 0o755, dir_fd=folder)
    return "made"


def _delete(root: Root, path: str) -> str:
    with root.parent(path) as (folder, name):
        os.unlink(name, dir_fd=folder)
    return "deleted"
