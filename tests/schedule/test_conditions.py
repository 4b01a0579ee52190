"""What counts as new, what has come to rest, and what has fired already."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest
from loopback import Answer, LoopbackServer

from nbops.errors import ScheduleError, UsageError
from nbops.records import Schedule
from nbops.schedule import Observation, baseline, observe, parse
from nbops.store.interface import Store

Write = Callable[..., Path]


@pytest.fixture
def write(project: Path) -> Write:
    def write(name: str, text: str = "a", *, age_s: float = 3600) -> Path:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (time.time() - age_s, time.time() - age_s))
        return path

    return write


@pytest.fixture
def watched(project: Path, store: Store, schedule: Callable[..., Schedule]) -> Callable[..., Any]:
    """A schedule with conditions, as it stands after it was made; ``look()`` observes and keeps what was seen."""

    class Watched:
        def __init__(self, *conditions: str, **fields: Any) -> None:
            made = schedule(conditions=list(conditions), **fields)
            stands = baseline(made, root=project, store=store, now=time.time())
            self.schedule = msgspec.structs.replace(made, seen=stands.seen)
            self.notes = stands.notes

        def look(self, **options: Any) -> Observation:
            found = observe(self.schedule, root=project, store=store, **options)
            if found.reason:
                self.schedule = msgspec.structs.replace(self.schedule, seen=found.seen)
            return found

    return Watched


def test_files_that_stood_there_are_not_new_and_those_that_come_are_named(watched: Any, write: Write) -> None:
    write("data/old.parquet")
    made = watched("new-data:data/**/*.parquet")
    assert made.look().reason == ""
    write("data/2026/new one.parquet", age_s=60)
    assert made.look().reason == "new data: data/2026/new one.parquet"
    assert made.look().reason == ""


@pytest.mark.parametrize(
    ("change", "fires"),
    [
        (lambda write: write("data/a.csv", "other", age_s=60), True),
        (lambda write: write("data/copied.csv", age_s=90_000), True),
        (lambda write: write("data/a.csv").unlink(), False),
        (lambda write: write("data/.a.csv.part", age_s=60), False),
        (lambda write: write("other/b.csv", age_s=60), False),
    ],
    ids=["changed", "older than the rest", "removed", "half written", "elsewhere"],
)
def test_what_counts_as_new_data(watched: Any, write: Write, change: Any, fires: bool) -> None:
    write("data/a.csv")
    write("data/b.csv")
    made = watched("new-data:data/*.csv")
    change(write)
    assert bool(made.look().reason) is fires


def test_a_folder_means_everything_below_it(watched: Any, write: Write) -> None:
    write("data/deep/a.csv")
    made = watched("new-data:data")
    write("data/deep/er/b.csv", age_s=60)
    assert "b.csv" in made.look().reason


def test_a_file_that_is_still_written_is_waited_for(watched: Any, write: Write) -> None:
    made = watched("new-data:data/*.csv", debounce_s=30.0)
    path = write("data/a.csv", age_s=0)
    waited = []

    def grow_twice(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) < 3:
            write("data/a.csv", "more" * len(waited), age_s=0)

    assert "a.csv" in made.look(pause=grow_twice).reason
    assert waited == [30.0] * 3
    assert path.read_text() == "moremore"


def test_a_file_that_never_comes_to_rest_does_not_fire(watched: Any, write: Write) -> None:
    made = watched("new-data:data/*.csv", debounce_s=30.0)
    write("data/a.csv", age_s=0)
    sizes = iter(range(1000))
    found = made.look(pause=lambda _: write("data/a.csv", "x" * next(sizes), age_s=0))
    assert (found.reason, found.note) == ("", "new-data:data/*.csv is still changing")


def test_files_of_another_file_system_are_seen(watched: Any) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.csv", b"1")
    made = watched("new-data:memory://bucket/*.csv")
    assert made.look().reason == ""
    memory.pipe("/bucket/b.csv", b"2")
    assert "b.csv" in made.look(pause=lambda _: None).reason
    assert made.look().reason == ""
    memory.rm("/bucket", recursive=True)


class Page(LoopbackServer):
    """A page whose headers can be set."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {"ETag": '"1"'}
        self.status = 200
        super().__init__("/daily.csv")

    def answer(self, headers: dict[str, str], body: bytes) -> Answer:
        return self.status, self.headers, b""


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page()
    yield made
    made.close()


def test_an_address_fires_when_its_etag_changes(watched: Any, page: Page) -> None:
    made = watched(f"new-data:{page.url}")
    assert made.look().reason == ""
    page.headers = {"ETag": '"2"', "Last-Modified": "Wed, 25 Nov 2026 10:00:00 GMT"}
    assert page.url in made.look().reason
    assert made.look().reason == ""


def test_an_address_that_cannot_be_told_apart_or_asked_is_an_error(watched: Any, page: Page) -> None:
    made = watched(f"new-data:{page.url}")
    page.status = 503
    with pytest.raises(ScheduleError, match="503"):
        made.look()
    page.status, page.headers = 200, {}
    with pytest.raises(ScheduleError, match="ETag"):
        made.look()


def test_one_condition_that_cannot_be_asked_does_not_silence_the_others(watched: Any, page: Page, write: Write) -> None:
    made = watched(f"new-data:{page.url}", "new-data:data/*.csv")
    page.status = 503
    write("data/a.csv", age_s=60)
    assert "a.csv" in made.look().reason


def test_the_same_finding_fires_again_only_after_the_cooldown(watched: Any, write: Write, store: Store) -> None:
    from nbops.records import Metric, Run, new_id

    run = Run(id=new_id(), name="train", kind="notebook", status="finished", started_at=1.0, notebook="train.ipynb")
    store.put(run)
    store.log_metrics([Metric(run_id=run.id, name="accuracy", step=None, value=float("nan"), at=1.0)])
    made = watched("metric:accuracy<0.9", cooldown_s=100.0)
    now = time.time()
    assert made.look(clock=lambda: now).reason.startswith("accuracy nan is below 0.9")
    found = made.look(clock=lambda: now + 99)
    assert (found.reason, found.note.endswith("has fired already")) == ("", True)
    assert made.look(clock=lambda: now + 101).reason != ""


def test_a_name_that_nothing_has_yet_is_told_when_the_schedule_is_made(watched: Any) -> None:
    made = watched("metric:acuracy<0.9", "model-age:churn@production>30d")
    assert "acuracy" in made.notes[0]
    assert "churn@production" in made.notes[1]
    assert made.look().reason == ""


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("data/*.csv", "KIND:WHAT"),
        ("new-dat:data", "did you mean 'new-data'"),
        ("metric:", "KIND:WHAT"),
        ("metric:accuracy", "metric:accuracy"),
        ("model-age:churn>soon", "model-age"),
    ],
)
def test_a_condition_that_cannot_be_understood_is_told(condition: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(condition)
