"""onnxruntime-web, which computes a model in the browser: it travels with nbops, so that nobody needs node for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbops
from nbops.errors import MissingError

FOLDER = "onnxruntime-web"
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm", "LICENSE")


def runtime_files() -> list[Path]:
    """Find the files of onnxruntime-web.

    Returns:
        Their paths: code, WebAssembly, and the licence under which they may be passed on.

    Raises:
        MissingError: this installation came without them.
    """
    for folder in _places():
        files = [folder / FOLDER / name for name in FILES]
        if all(file.is_file() for file in files):
            return files
    raise MissingError(
        "onnxruntime-web, which the page for browsers needs, did not come with this installation of nbops",
        code="onnxruntime_web_missing",
        hint="pip install --force-reinstall --no-deps nbops  # or export with --no-page",
    )


def _places() -> Iterator[Path]:
    """Where the built panel may lie: in a checkout, or among Jupyter's shared data."""
    yield Path(nbops.__file__).parent / "labextension"
    from jupyter_core.paths import jupyter_path

    yield from (Path(folder) / "nbops" for folder in jupyter_path("labextensions"))
