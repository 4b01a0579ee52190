"""``nbops.run`` and ``nbops.log_…`` in cells, threads and plain scripts."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nbops
from nbops import capture
from nbops.capture import here
from nbops.errors import StoreError, UsageError
from nbops.records import Run
from nbops.store.blobs import Blobs


def run_of(name: str) -> Run:
    with here.reading() as store:
        return store.find(Run, name=name)[0]


def metrics_of(run_id: str) -> dict[str, list[float]]:
    with here.reading() as store:
        found: dict[str, list[float]] = {}
        for metric in store.metrics(run_id):
            found.setdefault(metric.name, []).append(metric.value)
        return found


def test_what_is_logged_goes_to_the_innermost_run(shell: Any) -> None:
    nbops.log_metric("at", 0)
    with nbops.run("outer") as outer:
        nbops.log_metric("at", 1)
        with nbops.run("inner") as inner:
            nbops.log_metric("at", 2)
        nbops.log_metric("at", 3)
    nbops.log_metric("at", 4)
    recorder = capture.current()
    assert recorder is not None
    assert metrics_of(recorder.run_id) == {"at": [0, 4]}
    assert metrics_of(outer.id) == {"at": [1, 3]}
    assert metrics_of(inner.id) == {"at": [2]}
    assert (run_of("outer").parent_id, run_of("inner").parent_id) == (recorder.run_id, outer.id)


def test_a_named_run_knows_its_cell(shell: Any, cells: Callable[..., Any]) -> None:
    shell("import nbops\nwith nbops.run('trained'): pass")
    assert run_of("trained").execution_id == cells()[-1].id


def test_an_exception_closes_the_run_as_failed(shell: Any) -> None:
    result = shell("import nbops\nwith nbops.run('doomed'):\n    raise ValueError('no rows')")
    run = run_of("doomed")
    assert isinstance(result.error_in_exec, ValueError)
    assert (run.status, run.ended_at is not None) == ("failed", True)
    assert run.error is not None
    assert (run.error.name, run.error.message) == ("ValueError", "no rows")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(0), "finished"),
        (SystemExit(1), "failed"),
        (asyncio.CancelledError(), "cancelled"),
    ],
    ids=["interrupt", "exit", "exit with an error", "cancelled"],
)
def test_a_run_ends_as_its_block_ended(shell: Any, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), nbops.run("ended"):
        raise error
    assert run_of("ended").status == status


def test_several_runs_of_one_cell_all_end_and_may_be_logged_again(shell: Any) -> None:
    source = (
        "import nbops\n"
        "for depth in (2, 4, 8):\n"
        "    with nbops.run('tree'):\n"
        "        nbops.log_param('depth', depth)\n"
        "        nbops.log_metric('score', depth / 10)\n"
        "nbops.log_param('best', 8)\n"
        "nbops.log_metric('best', 0.8)"
    )
    assert shell(source).success
    assert shell(source).success
    with here.reading() as store:
        runs = store.find(Run, name="tree")
    assert [run.status for run in runs] == ["finished"] * 6


def test_a_cell_magic_runs_its_body_as_a_run(shell: Any, cells: Callable[..., Any]) -> None:
    shell.ip.register_magic_function(
        lambda line, cell: capture.run_cell_as_run(shell.ip, line.removeprefix("run ").strip(), cell),
        "cell", "nbops",
    )  # fmt: skip
    shell("%%nbops run good\nimport nbops\nnbops.log_metric('loss', 0.5)\nkept = 7")
    failed = shell("%%nbops run bad\nx = 1\nraise OSError('gone')")
    recorded = cells()[-2:]
    assert shell.ip.user_ns["kept"] == 7
    assert [run_of(name).status for name in ("good", "bad")] == ["finished", "failed"]
    assert [cell.status for cell in recorded] == ["ok", "error"]
    assert isinstance(failed.error_in_exec, OSError)
    assert recorded[1].error is not None
    assert "line 3" in recorded[1].error.traceback


def test_threads_log_where_one_expects(shell: Any) -> None:
    def own(name: str) -> None:
        with nbops.run(name):
            for value in range(20):
                nbops.log_metric("own", value)

    with nbops.run("pool") as pool:
        threads = [threading.Thread(target=own, args=(f"thread {number}",)) for number in range(4)]
        threads += [threading.Thread(target=nbops.log_metric, args=("shared", number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(metrics_of(pool.id)["shared"]) == [0, 1, 2, 3]
    assert all(metrics_of(run_of(f"thread {number}").id) == {"own": list(range(20))} for number in range(4))


def test_a_generator_that_is_left_open_does_not_keep_its_run(shell: Any) -> None:
    def steps() -> Any:
        with nbops.run("lazy"):
            yield 1
            yield 2

    left = steps()
    next(left)
    left.close()
    nbops.log_metric("after", 1)
    recorder = capture.current()
    assert recorder is not None
    assert run_of("lazy").status == "finished"
    assert metrics_of(recorder.run_id) == {"after": [1]}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (3, 3.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.bool_(True), 1.0),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (Decimal("0.25"), 0.25),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
    ],
    ids=repr,
)
def test_numbers_of_every_kind_are_metrics(shell: Any, value: object, kept: float) -> None:
    with nbops.run("numbers") as run:
        nbops.log_metric("value", value)
        nbops.log_metrics({"value": value}, step=np.int64(3))
    assert metrics_of(run.id) == {"value": [kept, kept]}


def test_not_a_number_is_kept_as_such(shell: Any) -> None:
    with nbops.run("nan") as run:
        nbops.log_metric("loss", math.nan)
        nbops.log_param("limit", math.nan)
    with here.reading() as store:
        assert math.isnan(store.params(run.id)["limit"])
    assert math.isnan(metrics_of(run.id)["loss"][0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: nbops.log_metric("accuracy", "0.93"),
        lambda: nbops.log_metric("accuracy", None),
        lambda: nbops.log_metric("accuracy", [0.9, 0.8]),
        lambda: nbops.log_metric("accuracy", np.array([0.9, 0.8])),
        lambda: nbops.log_metric("accuracy", 1j),
        lambda: nbops.log_metric("", 1.0),
        lambda: nbops.log_metric(3, 1.0),  # type: ignore[arg-type]
        lambda: nbops.log_metric("n" * 300, 1.0),
        lambda: nbops.log_metric("loss", 1.0, step="first"),
        lambda: nbops.log_metric("loss", 1.0, step=1.5),
        lambda: nbops.log_metrics([("loss", 1.0)]),  # type: ignore[arg-type]
        lambda: nbops.log_params(["depth"]),  # type: ignore[arg-type]
        lambda: nbops.log_param(None, 1),  # type: ignore[arg-type]
        lambda: nbops.run(""),
        lambda: nbops.log_artifact("no such file"),
        lambda: nbops.log_artifact(b"bytes"),
        lambda: nbops.log_artifact(object()),
        lambda: nbops.log_artifact(np.array([object()]), "things"),
    ],
)
def test_a_wrong_call_is_answered_with_the_right_one(shell: Any, call: Callable[[], object]) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert caught.value.hint is not None
    assert "nbops." in caught.value.hint or "frame" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, True),
        (4, 4),
        (10**30, 10**30),
        (0.1, 0.1),
        ("adam", "adam"),
        (np.int64(4), 4),
        (np.float64(0.1), 0.1),
        (np.bool_(False), False),
        ([2, 4], "[2,4]"),
        ({"a": np.array([1, 2])}, '{"a":[1,2]}'),
        (np.array([3]), "[3]"),
        (Path("data/x.csv"), "data/x.csv"),
    ],
    ids=repr,
)
def test_parameters_keep_their_type_or_become_text(shell: Any, value: object, kept: object) -> None:
    with nbops.run("params") as run:
        nbops.log_param("p", "before")
        nbops.log_param("p", value)
    with here.reading() as store:
        stored = store.params(run.id)["p"]
    assert (stored, type(stored)) == (kept, type(kept))


def test_a_parameter_whose_text_fails_is_kept_by_its_type(shell: Any) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    with nbops.run("broken") as run:
        nbops.log_param("thing", Broken())
    with here.reading() as store:
        assert store.params(run.id) == {"thing": "<Broken>"}


@pytest.mark.parametrize(
    ("thing", "name", "stored_as", "media_type"),
    [
        ({"a": [1, np.float64(2.5)]}, "numbers", "numbers.json", "application/json"),
        (b"\x00\x01", "raw.bin", "raw.bin", "application/octet-stream"),
        (pd.DataFrame({"a": [1]}), None, "table.parquet", "application/vnd.apache.parquet"),
        (pd.Series([1, 2]), "column", "column.parquet", "application/vnd.apache.parquet"),
        (np.eye(2), None, "array.npy", "application/x-npy"),
    ],
    ids=["dict", "bytes", "frame", "series", "array"],
)
def test_objects_are_kept_as_files(
    shell: Any, project: Path, thing: object, name: str | None, stored_as: str, media_type: str
) -> None:
    artifact = nbops.log_artifact(thing, name)
    assert artifact is not None
    body = Blobs(str(project / ".nbops" / "blobs")).get(artifact.digest)
    assert (artifact.name, artifact.media_type, artifact.size_bytes) == (stored_as, media_type, len(body))


def test_a_figure_is_kept_as_an_image(shell: Any, project: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    figure.subplots().plot([1, 2])
    artifact = nbops.log_artifact(figure, "curve")
    assert artifact is not None
    assert (artifact.name, artifact.media_type) == ("curve.png", "image/png")
    assert Blobs(str(project / ".nbops" / "blobs")).get(artifact.digest).startswith(b"\x89PNG")


def test_a_file_is_kept_as_it_is(shell: Any, project: Path) -> None:
    (project / "report.html").write_text("<b>fine</b>")
    artifact = nbops.log_artifact("report.html")
    assert artifact is not None
    assert (artifact.name, artifact.media_type) == ("report.html", "text/html")
    assert Blobs(str(project / ".nbops" / "blobs")).get(artifact.digest) == b"<b>fine</b>"


def test_runs_gives_a_frame(shell: Any) -> None:
    for depth in (2, 4):
        with nbops.run("tree"):
            nbops.log_param("depth", depth)
            nbops.log_metric("score", depth / 10)
    best = nbops.runs("params.depth >= 2", order_by="-metrics.score", limit=1)
    assert best[["name", "status", "params.depth", "metrics.score"]].to_numpy().tolist() == [
        ["tree", "finished", 4, 0.4]
    ]
    assert str(best["started_at"].dtype).endswith("UTC]")
    assert best["duration_s"].iloc[0] >= 0


def test_no_runs_is_an_empty_frame_with_its_columns(shell: Any) -> None:
    nothing = nbops.runs("params.depth = 99")
    assert len(nothing) == 0
    assert {"name", "status", "started_at", "duration_s"} <= set(nothing.columns)


def test_a_run_that_is_still_open_when_its_session_ends_is_interrupted(shell: Any) -> None:
    left = nbops.run("left").__enter__()
    capture.stop()
    left.end()
    with pytest.raises(StoreError, match="has ended"):
        left.log_metric("late", 1)
    assert run_of("left").status == "interrupted"


def test_a_forked_child_does_not_end_its_parents_run(shell: Any) -> None:
    with nbops.run("forked") as run:
        child = os.fork()
        if child == 0:
            run.end(ValueError("in the child"))
            os._exit(0)
        os.waitpid(child, 0)
        status = run_of("forked").status
    assert (status, run_of("forked").status) == ("running", "finished")


def test_loading_the_extension_ends_the_run_that_logging_had_opened(project: Path, bare: Any) -> None:
    nbops.log_metric("before", 1)
    bare.load()
    nbops.log_metric("after", 2)
    with here.reading() as store:
        runs = store.find(Run, order_by="id")
    assert [run.status for run in runs] == ["finished", "running"]
    assert [metrics_of(run.id) for run in runs] == [{"before": [1]}, {"after": [2]}]


def test_after_unloading_metrics_go_to_a_run_of_their_own(shell: Any) -> None:
    shell("from nbops import capture; capture.stop()")
    nbops.log_metric("late", 1)
    with here.reading() as store:
        runs = store.find(Run, order_by="id")
    assert [run.status for run in runs] == ["finished", "running"]
