"""How long finding what functions need takes, beside one ``ast.parse`` of the same notebook.

Run with ``python benchmarks/extract_bench.py``. The bars are for a notebook of 200 cells: 150 ms for one function, 1 s
for all.
Each measurement is a cold one (nothing of the notebook analysed before); medians over interleaved rounds.
"""

from __future__ import annotations

import ast
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nbops.clean import import_alone
from nbops.extract.closure import close
from nbops.extract.emit import module_text, ordered
from nbops.extract.log import Log
from nbops.source import SourceCell, analyse
from nbops.source.python import plain

CELLS = 200
ROUNDS = 15


def notebook(cells: int = CELLS) -> list[SourceCell]:
    """Cells as people write them: imports, constants, magics, functions that call each other, classes, work."""
    sources = ["%matplotlib inline\nimport json\nimport math\nimport re\nfrom collections import Counter, defaultdict"]
    sources += [_cell(n) for n in range(1, cells)]
    return [SourceCell(index=i, source=source) for i, source in enumerate(sources, 1)]


def _cell(n: int) -> str:
    kinds = [
        f"LIMIT_{n} = {n}\nNAMES_{n} = ['a', 'b', 'c']\nNAMES_{n}.append('d')",
        (
            f"def clean_{n}(rows, limit=LIMIT_{n - 1}):\n    # keep what counts\n    kept = []\n    for row in rows:\n"
            f"        if row > limit and str(row) not in NAMES_{n - 1}:\n            kept.append(math.sqrt(row))\n"
            f"    return sorted(kept, key=lambda r: -r)"
        ),
        (
            f"class Model_{n}:\n    size = {n}\n\n    def fit(self, rows):\n        self.rows = clean_{n - 1}(rows)\n"
            f"        return self\n\n    def predict(self, x):\n        return [x * row for row in self.rows]"
        ),
        f"%time result_{n} = Model_{n - 1}().fit(range(100)).predict(2)\nprint(len(result_{n}))",
        (
            f"def report_{n}(model):\n    counts = Counter(model.rows)\n    text = json.dumps({{'n': {n}}})\n"
            f"    return re.sub('n', 'm', text), counts, LIMIT_{n - 4}"
        ),
    ]
    return kinds[(n - 1) % len(kinds)]


def forget() -> None:
    """Drop everything that was analysed before."""
    analyse.cache_clear()
    plain.cache_clear()


def one(cells: list[SourceCell], name: str) -> str:
    log = Log(cells)
    closure = close([name], log, star_names=lambda _: None)
    assert not closure.blockers, closure.blockers
    return module_text("a.b", closure, ordered(closure))


def every(cells: list[SourceCell]) -> int:
    log = Log(cells)
    names = [n for step in log.steps if step.unit.kind in {"function", "class"} for n in step.unit.binds]
    for name in names:
        closure = close([name], log, star_names=lambda _: None)
        module_text("a.b", closure, ordered(closure))
    return len(names)


def timed(call: Callable[[], object]) -> float:
    forget()
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def main() -> None:
    cells = notebook()
    parseable = "\n".join(c.source for c in cells if not c.source.startswith("%"))
    jobs: dict[str, Callable[[], object]] = {
        "floor: one ast.parse of all cells": lambda: ast.parse(parseable),
        "one function": lambda: one(cells, f"report_{CELLS - 5}"),
        "all functions": lambda: every(cells),
    }
    plain("%magic")  # IPython's transformer is imported once per process, not once per notebook
    for job in jobs.values():
        job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            times[name].append(timed(job))
    print(f"{CELLS} cells, {every(cells)} functions and classes, Python {platform.python_version()}")
    for name, values in times.items():
        print(f"  {name:36s} {statistics.median(values):8.1f} ms (best {min(values):.1f})")
    text = one(cells, f"report_{CELLS - 5}")
    with tempfile.TemporaryDirectory() as folder:
        proofs = []
        for _ in range(5):
            started = time.perf_counter()
            import_alone("a.b", text, search=[Path(folder)])
            proofs.append((time.perf_counter() - started) * 1000)
    print(f"  {'proof in a clean process':36s} {statistics.median(proofs):8.1f} ms (best {min(proofs):.1f})")


if __name__ == "__main__":
    sys.exit(main())
