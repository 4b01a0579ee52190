"""The project's own functions, asked of the model: invariances, directions, anything."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from nbops.flows.check.subject import Asked, Finding, Subject, sample_rows


class Functions:
    """The project's own functions hold: invariances, directions, anything that can be asked of the model."""

    name = "functions"

    def run(self, subject: Subject) -> Finding:
        """Call each function with the model as it was read back, and rows of its training sample."""
        wanted = subject.demands.functions
        if not wanted:
            return Finding("skipped", "no functions are named under [tool.nbops.checks] functions")
        rows = sample_rows(subject)
        predict = Asked(subject.version, subject).predict
        wrong = []
        with _importable(subject.root):
            for reference in wanted:
                try:
                    _function(reference)(predict, rows)
                except Exception as error:  # noqa: BLE001 - the user's own code: whatever it raises is the finding
                    wrong.append(f"{reference}: {error or type(error).__name__}")
        if wrong:
            return Finding("failed", "; ".join(wrong))
        return Finding("passed", f"{len(wanted)} functions held on {len(rows):,} rows")


@contextlib.contextmanager
def _importable(root: Path) -> Iterator[None]:
    """Let the project's own modules be imported, as pytest and a notebook in its folder do."""
    places = [str(root), str(root / "src")]
    sys.path[:0] = places
    try:
        yield
    finally:
        for place in places:
            sys.path.remove(place)


def _function(reference: str) -> Callable[..., object]:
    module, _, name = reference.partition(":")
    # Read again: in a long session the file may have changed since the last check.
    found = sys.modules.get(module)
    loaded = importlib.reload(found) if found is not None else importlib.import_module(module)
    function: Callable[..., object] = getattr(loaded, name)
    return function
