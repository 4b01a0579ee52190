"""What a sweep has brought: its points, and which parameters mattered."""

from __future__ import annotations

from typing import Any

import pytest

from nbops.errors import NotFoundError
from nbops.records import CellError, Metric, Param, Run, Sweep
from nbops.retrain.results import results
from nbops.store.interface import Store
from nbops.views import to_html, to_text, view_of

SWEEP = Sweep(
    id="0190-sweep", name="train", notebook="train.ipynb", space={"depth": ["1..8"], "kind": ["a$b", "c"]}, total=8,
    objective="max:score", started_at=1.0,
)  # fmt: skip


def kept(store: Store, trial: int, score: float | None, *, status: Any = "finished", **params: Any) -> Run:
    at = 100.0 + trial
    run = Run(
        id=f"run{trial}", name="train", kind="notebook", status=status, started_at=at, ended_at=at + 2,
        sweep_id=SWEEP.id, tags={"trial": str(trial)},
        error=CellError(name="ValueError", message="<b>no</b>") if status == "failed" else None,
    )  # fmt: skip
    store.put(run)
    store.log_params([Param(run_id=run.id, name=name, value=value, at=at) for name, value in params.items()])
    if score is not None:
        curve = [Metric(run_id=run.id, name="score", step=step, value=score * step, at=at) for step in (0, 1)]
        store.log_metrics(curve)
    return run


@pytest.fixture
def swept(store: Store) -> Store:
    store.put(SWEEP)
    for trial in range(1, 9):
        kept(store, trial, float(trial), depth=trial, kind=("a$b", "c")[trial % 2])
    kept(store, 9, None, status="failed", depth=3, kind="c")
    kept(store, 10, float("nan"), depth=4, kind="c")
    return store


def test_points_stand_with_what_they_reached_the_best_first(swept: Store) -> None:
    found = results("train", store=swept)

    assert [point.trial for point in found.points] == [8, 7, 6, 5, 4, 3, 2, 1, 9, 10]
    best, failed = found.points[0], found.points[8]
    assert (best.params, best.values, best.seconds) == ({"depth": 8, "kind": "a$b"}, [8.0], 2.0)
    assert (failed.status, failed.values, failed.note) == ("failed", None, "ValueError: <b>no</b>")
    assert found.points[9].values is None, "what is no number is no result"


def test_the_parameter_that_decides_is_the_important_one(swept: Store) -> None:
    found = results("train", store=swept)

    assert set(found.importance) == {"depth", "kind"}
    assert found.importance["depth"] > found.importance["kind"]
    assert sum(found.importance.values()) == pytest.approx(1)


def test_a_smaller_objective_comes_first_where_less_is_better(store: Store) -> None:
    store.put(Sweep(**{**{name: getattr(SWEEP, name) for name in SWEEP.__struct_fields__}, "objective": "min:score"}))
    for trial in (1, 2, 3):
        kept(store, trial, float(trial), depth=trial, kind="c")

    assert [point.trial for point in results("train", store=store).points] == [1, 2, 3]


def test_a_sweep_with_too_little_to_tell_says_so(store: Store) -> None:
    store.put(SWEEP)
    kept(store, 1, None, status="failed", depth=1, kind="c")

    found = results("train", store=store)

    assert (found.importance, found.importance_note != "") == ({}, True)


def test_the_last_attempt_of_a_trial_counts(store: Store) -> None:
    store.put(SWEEP)
    kept(store, 1, None, status="failed", depth=1, kind="c")
    again = kept(store, 2, 5.0, depth=1, kind="c")
    store.update(Run, again.id, tags={"trial": "1", "attempt": "2"})

    assert [(point.run_id, point.values) for point in results("train", store=store).points] == [("run2", [5.0])]


def test_the_view_has_every_point_and_no_markup_of_a_users(swept: Store) -> None:
    parts = view_of(results("train", store=swept))

    html, text = to_html(parts), to_text(parts)
    assert "<b>no</b>" not in html
    assert "<script" not in html
    assert "depth" in text
    assert "ValueError" in text


def test_an_unknown_sweep_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        results("nothing", store=store)
