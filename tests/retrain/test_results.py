"""What a sweep has brought: its points, and which parameters mattered."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import pytest

from nbops.errors import NotFoundError
from nbops.records import CellError, Metric, Param, Run, Sweep
from nbops.retrain.results import results
from nbops.store.interface import Store
from nbops.views import bundle_of, to_html, to_text, view_of

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


def test_without_an_objective_the_table_has_what_runs_have_logged(store: Store) -> None:
    store.put(msgspec.structs.replace(SWEEP, objective=None))
    run = kept(store, 1, 0.5, depth=1, kind="c")
    names = ("b", "c", "d", "e")
    store.log_metrics([Metric(run_id=run.id, name=name, step=None, value=2.25, at=200.0) for name in names])

    found = results("train", store=store)

    assert found.points[0].metrics == {"score": 0.5, **dict.fromkeys(names, 2.25)}
    header, row = to_text(view_of(found)).splitlines()[-2:]
    assert header.split() == ["trial", "run", "status", "depth", "kind", "b", "c", "d", "e", "took", "note"]
    assert row.split()[5:9] == ["2.25"] * 4


def test_a_page_of_points_keeps_the_figures_of_all(swept: Store) -> None:
    found = results("train", store=swept, limit=2, offset=1)

    assert [point.trial for point in found.points] == [7, 6]
    assert (found.counts, found.offset) == ({"finished": 9, "failed": 1}, 1)
    assert found.importance == results("train", store=swept).importance
    text = to_text(view_of(found))
    assert "2 to 3 of 10, the best first; the next: nbops results 0190-sweep --offset 3" in text


def test_the_best_run_or_the_front_is_pointed_out(store: Store) -> None:
    store.put(msgspec.structs.replace(SWEEP, objective="max:score,min:loss"))
    for trial, (score, loss) in enumerate([(3.0, 5.0), (2.0, 2.0), (1.0, 3.0)], start=1):
        run = kept(store, trial, score, depth=trial, kind="c")
        store.log_metrics([Metric(run_id=run.id, name="loss", step=None, value=loss, at=1.0)])

    assert [(point.trial, point.is_best) for point in results("train", store=store).points] == [
        (1, True),
        (2, True),
        (3, False),
    ]


def test_a_run_in_the_trash_is_no_result(swept: Store) -> None:
    swept.update(Run, "run8", deleted_at=200.0)

    assert [point.trial for point in results("train", store=swept, limit=2).points] == [7, 6]


def test_a_long_sweep_with_many_parameters_stays_below_ten_kilobytes(store: Store) -> None:
    names = [f"a_parameter_with_a_long_name_{place}" for place in range(12)]
    store.put(msgspec.structs.replace(SWEEP, space={name: ["0.001..1 log"] for name in names}, total=200))
    for trial in range(1, 201):
        kept(store, trial, trial / 7, **dict.fromkeys(names, trial / 3))

    found = results("train", store=store, limit=50)

    assert max(len(form.encode()) for form in bundle_of(found).values()) <= 10_000
    assert "of 200, the best first" in bundle_of(found)["text/plain"]


def test_without_optuna_there_are_results_and_the_cure(swept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)

    found = results("train", store=swept)

    assert found.points[0].trial == 8
    assert "pip install" in found.importance_note


def test_telling_what_mattered_says_nothing_beside(swept: Store, capsys: pytest.CaptureFixture[str]) -> None:
    results("train", store=swept)

    assert capsys.readouterr() == ("", "")


def test_an_unknown_sweep_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        results("nothing", store=store)
