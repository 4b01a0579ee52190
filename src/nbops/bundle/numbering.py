"""The same bytes for the same model in every process: skops names the parts of its files by addresses of memory."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

_SCHEMA = "schema.json"
_THEN = (1980, 1, 1, 0, 0, 0)
"""The time that stands with every part; skops writes the moment it was made."""


def numbered(data: bytes) -> bytes:
    """Write a skops file with numbers for its parts, in the order they are met.

    Args:
        data: a file that skops has written.

    Returns:
        A file that says the same; equal models have equal ones.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts.pop(_SCHEMA))
    numbers: dict[str, int] = {}
    for node in _nodes(schema):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(str(node["__id__"]), len(numbers) + 1)
    renamed: dict[str, bytes] = {}
    for node in _nodes(schema):
        file = node.get("file")
        if isinstance(file, str) and file in parts:
            path = PurePath(file)
            node["file"] = f"{numbers.setdefault(path.stem, len(numbers) + 1)}{path.suffix}"
            renamed[node["file"]] = parts[file]
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        # without indentation json's encoder is C, and takes a tenth of the time
        for name, content in [*renamed.items(), (_SCHEMA, json.dumps(schema).encode())]:
            archive.writestr(zipfile.ZipInfo(name, _THEN), content)
    return written.getvalue()


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    pending = [part]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield node
            pending += reversed(node.values())
        elif isinstance(node, list):
            pending += reversed(node)
