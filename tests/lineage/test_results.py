"""Trust marks and slices of results, and slices that run."""

from __future__ import annotations

import math
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from nbops.errors import NotFoundError, UsageError
from nbops.store import open_store

METRIC = "import nbops; nbops.log_metric('score', total)"


def reasons(session: Any, **options: Any) -> list[str]:
    found = session.workspace.lineage("last", **options)
    assert found.verdict == ("tainted" if found.reasons else "clean")
    return [f"{reason.cell}: {reason.message}" for reason in found.reasons]


def test_a_metric_whose_cells_ran_in_order_is_clean(session: Any) -> None:
    session.run(a="data = [1, 2]", b="other = 5", c="total = sum(data)", d=METRIC)
    found = session.workspace.lineage("last", metric="score")
    assert (found.verdict, found.of) == ("clean", "metric score = 3")
    assert [step.source for step in found.steps] == ["data = [1, 2]", "total = sum(data)", METRIC]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([("a", "x = [1]"), ("b", "total = sum(x)"), ("d", METRIC), ("a", "x = [2]")],
         ["In [1]: its cell was edited and ran again as In [4]", "In [2]: x changed since it ran",
          "In [3]: total changed since it ran"]),
        ([("a", "0"), ("b", "x = [1]"), ("a", "total = x[0]"), ("d", METRIC)],
         ["In [3]: x came from In [2], which stands below it"]),
        ([("a", "import random"), ("b", "total = random.random()"), ("d", METRIC)],
         ["In [2]: it draws from random's random numbers, which nobody has seeded"]),
        ([("a", "import random; random.seed(1)"), ("b", "total = random.random()"), ("d", METRIC)], []),
        ([("a", "from numpy.random import default_rng\nrng = default_rng()"), ("b", "total = rng.random()"),
          ("d", METRIC)],
         ["In [1]: it makes a random generator without a seed: default_rng()"]),
        ([("a", "from numpy.random import default_rng\nrng = default_rng(7)"), ("b", "total = rng.random()"),
          ("d", METRIC)], []),
        ([("a", "import socket"), ("b", "link = socket.socket()"), ("c", "link.settimeout(1)"),
          ("e", "total = link.gettimeout(); link.close()"), ("d", METRIC)],
         ["In [4]: nobody can say whether link changed"]),
        ([("a", "total = 1\n1 / 0"), ("d", METRIC)], ["In [1]: it ended as error"]),
    ],
    ids=["edited", "from-below", "unseeded", "seeded", "unseeded-generator", "seeded-generator", "opaque", "failed"],
)  # fmt: skip
def test_a_metric_is_tainted_because_of_named_cells(session: Any, cells: Any, expected: list[str]) -> None:
    for cell_id, source in cells:
        session.run(**{cell_id: source})
    assert reasons(session, metric="score") == expected


def test_values_from_before_recording_taint_and_are_missing_in_the_slice(session: Any) -> None:
    session.ip.user_ns["early"] = [4]
    session.run(a="total = sum(early)", d=METRIC)
    assert reasons(session, metric="score") == ["In [1]: early was there before recording began"]
    assert session.workspace.slice("last", metric="score").missing == ["early"]


def test_variables_and_named_runs_have_their_lineage(session: Any) -> None:
    session.run(a="x = [1]", b="y = [2]", c="import nbops\nwith nbops.run('part'):\n    nbops.log_metric('m', x[0])")
    variable = session.workspace.lineage("last", variable="y")
    assert [step.source for step in variable.steps] == ["y = [2]"]
    part = session.workspace.lineage("part", metric="m")
    assert [step.cell for step in part.steps] == ["In [1]", "In [3]"]


def test_a_cell_has_its_lineage_by_its_id(session: Any) -> None:
    session.run(a="x = [1]", b="y = x + [2]")
    cell = session.workspace.cells("last")[-1]
    assert [step.cell for step in session.workspace.lineage(cell.id).steps] == ["In [1]", "In [2]"]


def test_wrong_questions_say_what_there_is(session: Any) -> None:
    session.run(a="total = 1", d=METRIC)
    with pytest.raises(NotFoundError, match="no metric 'nope'; it has: score"):
        session.workspace.lineage("last", metric="nope")
    with pytest.raises(NotFoundError, match="wrote 'nope'"):
        session.workspace.lineage("last", variable="nope")
    with pytest.raises(UsageError, match="not for both"):
        session.workspace.lineage("last", metric="score", variable="total")
    with pytest.raises(UsageError, match="not the name of a notebook"):
        session.workspace.slice("last", metric="score", output="slice.py")
    with pytest.raises(NotFoundError):
        session.workspace.lineage("no-such-run")


@pytest.mark.kernel
def test_a_slice_runs_in_a_fresh_kernel_and_gives_the_same_metric(session: Any) -> None:
    session.run(
        a="import numpy as np\nimport pandas as pd\nnp.random.seed(7)",
        b="unrelated = pd.DataFrame({'q': [1]})",
        c="d = pd.DataFrame({'a': np.random.rand(50)})",
        e="d['a'] = d['a'] * 2",
        f="def clip(): d.loc[d['a'] > 1, 'a'] = 1",
        g="clip()",
        h="exec('d.iloc[0, 0] = 0.5')",
        i="other = d.copy(); other['a'] = 0",
        j="model = {'mean': float(d['a'].mean())}",
        k="import nbops; nbops.log_metric('mean', model['mean'])",
    )
    session.run(e="d['a'] = d['a'] * 1.5", g="clip()", j="model = {'mean': float(d['a'].mean())}")
    session.run(k="import nbops; nbops.log_metric('mean', model['mean'])")
    cut = session.workspace.slice("last", metric="mean", output="cut/slice.ipynb")
    notebook = nbformat.read(session.folder / cut.path, as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert (cut.cells, cut.of_cells, cut.missing) == (10, 14, [])
    assert not any("unrelated" in source or "other" in source for source in sources)
    # The same cell twice, each time as it ran.
    assert [source for source in sources if source.startswith("d['a'] =")] == [
        "d['a'] = d['a'] * 2", "d['a'] = d['a'] * 1.5",
    ]  # fmt: skip

    (session.folder / "cut" / ".nbops").mkdir()
    NotebookClient(notebook, resources={"metadata": {"path": str(session.folder / "cut")}}, timeout=120).execute()

    from nbops.settings import load_settings

    with open_store(load_settings(session.folder / "cut"), read_only=True) as store:
        again = next(value.value for run in store.search_runs() for value in store.metrics(run.run.id))
    wanted = [value.value for value in session.workspace.store.metrics(session.workspace.cells("last")[0].run_id)]
    assert math.isclose(again, wanted[-1], rel_tol=0)
