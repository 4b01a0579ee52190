"""What a model needs from the notebook travels with it: its functions and classes become a module of the bundle."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from nbops.bundle.origins import Origins, packaged
from nbops.errors import BundleError, ExtractError
from nbops.optional import loaded
from nbops.records import ModuleVersion
from nbops.source import SourceCell, from_executions, from_texts
from nbops.store.interface import Store


def graduate_definitions(model: Any, *, store: Store, root: Path) -> Origins:
    """Make a module of everything a model needs from ``__main__``, as ``extract`` would.

    Args:
        model: a fitted estimator, or a function.
        store: where modules extracted earlier are found; one that holds the definitions just so is taken.
        root: the project's folder.

    Returns:
        The module's source with the data it reads, and how to pickle the model so that it finds them there; empty when
        the model needs nothing of the notebook.

    Raises:
        BundleError: something it needs cannot travel; every reason is named with its cell.
    """
    from nbops.extract import graduate, main_objects

    try:
        if not main_objects(model):
            return Origins()
    except ExtractError:
        return Origins()  # no pickle at all: the flavours tell what can be done, and what cannot
    cells, namespace, notebook = _session()
    try:
        grown = graduate(
            model, cells=cells, namespace=namespace, root=root, notebook=notebook,
            modules=store.find(ModuleVersion, order_by="-id", limit=200),
        )  # fmt: skip
    except ExtractError as error:
        reasons = str(error).partition("\n")[2] or str(error)
        raise BundleError(
            f"the model needs what cannot travel with it:\n{reasons}", code="cannot_travel", hint=error.hint
        ) from error
    sources: dict[str, str | bytes] = {}
    for module, text in grown.modules.items():
        sources.update(packaged(module, text))
    return Origins(
        sources={**sources, **grown.files},
        module_version_ids=grown.module_version_ids,
        notes=grown.notes,
        renamed=grown.repointed,
    )


def _session() -> tuple[list[SourceCell], Mapping[str, object], str | None]:
    """The texts that made what ``__main__`` holds: recorded cells, else IPython's own, else the script that runs."""
    from nbops import capture

    recorder = capture.current()
    if recorder is not None:
        cells = [*from_texts(recorder.earlier()), *from_executions(recorder.cells())]
        return cells, recorder.shell.user_ns, recorder.session.notebook
    ipython = loaded("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        *before, running = shell.history_manager.input_hist_raw
        return [*from_texts(before), *from_texts([running], status="running")], shell.user_ns, None
    main = sys.modules["__main__"]
    return _script(main), vars(main), None


def _script(main: ModuleType) -> list[SourceCell]:
    """The statements that have run, and those of which only the live objects tell."""
    file = getattr(main, "__file__", None)
    if file is None or not Path(file).is_file():
        return []
    text = Path(file).read_text("utf-8")
    line = next((f.f_lineno for f in _frames() if f.f_globals is vars(main) and f.f_code.co_name == "<module>"), 0)
    ends = [node.end_lineno or 0 for node in ast.parse(text).body]
    done = max((end for end in ends if end < line), default=0)
    lines = text.splitlines(keepends=True)
    return [*from_texts(["".join(lines[:done])], status="ok"), *from_texts(["".join(lines[done:])], status="error")]


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back
