"""What every trigger must hold, whoever wrote it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from nbops.errors import UsageError
from nbops.extending import look_up
from nbops.records import Metric, ModelVersion, Run, Schedule, new_id
from nbops.schedule import TRIGGERS, Look, Sight
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.interface import Store
from nbops_serving.manifest import Signature

NAMES = sorted({*TRIGGERS, *entry_points(group="nbops.triggers").names})
DAY = 86_400.0


def _bring_data(project: Path, _store: Store) -> None:
    (project / "data").mkdir(exist_ok=True)
    path = project / "data" / f"{new_id()}.csv"
    path.write_text("a\n1\n")
    os.utime(path, (time.time() - DAY, time.time() - DAY))


def _bring_an_old_model(_project: Path, store: Store) -> None:
    version = ModelVersion(
        id=new_id(), model="churn", number=0, digest="d" * 64, flavour="skops", signature=Signature(columns=[]),
        type_name="a.B", created_at=time.time() - 40 * DAY,
    )  # fmt: skip
    store.add_version(version)


def _bring_a_low_metric(_project: Path, store: Store) -> None:
    run = Run(id=new_id(), name="train", kind="notebook", status="finished", started_at=1.0, notebook="train.ipynb")
    store.put(run)
    store.log_metrics([Metric(run_id=run.id, name="accuracy", step=None, value=0.5, at=1.0)])


# A condition that holds once the event has come, and one that makes no sense.
CASES: dict[str, tuple[str, Callable[[Path, Store], None], str]] = {
    "new-data": ("data/*.csv", _bring_data, "https://data.example.org/*.csv"),
    "model-age": ("churn@last>30d", _bring_an_old_model, "churn@last>old"),
    "metric": ("accuracy<0.9", _bring_a_low_metric, "accuracy=high"),
}


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> tuple[Any, str, Callable[[Path, Store], None], str]:
    assert request.param in CASES, f"add a case for {request.param!r} to CASES"
    return look_up("triggers", request.param, built_in=TRIGGERS)(), *CASES[request.param]


@pytest.fixture
def look(project: Path) -> Any:
    with open_store(load_settings(project, env={})) as store:
        schedule = Schedule(
            id=new_id(), name="train", notebook="train.ipynb", cron="@daily", timezone="UTC", active_since=0.0,
            created_at=0.0,
        )  # fmt: skip

        def go(trigger: Any, what: str, seen: dict[str, str]) -> Sight:
            found: Sight = trigger.look(
                Look(what=what, schedule=schedule, root=project, store=store, seen=seen, now=time.time())
            )
            return found

        go.store = store  # type: ignore[attr-defined]
        yield go


def test_it_says_no_before_and_why_after(case: Any, look: Any, project: Path) -> None:
    trigger, what, happen, _ = case
    before = look(trigger, what, {})
    assert before.reason == ""
    happen(project, look.store)
    assert len(look(trigger, what, before.token).reason.split()) > 2


def test_two_looks_at_the_same_have_the_same_token(case: Any, look: Any, project: Path) -> None:
    trigger, what, happen, _ = case
    happen(project, look.store)
    first = look(trigger, what, {})
    assert look(trigger, what, {}).token == first.token
    happen(project, look.store)
    assert look(trigger, what, {}).token != first.token


def test_a_token_is_small_and_text(case: Any, look: Any, project: Path) -> None:
    trigger, what, happen, _ = case
    for _ in range(30):
        happen(project, look.store)
    token = look(trigger, what, {}).token
    assert all(isinstance(value, str) for value in token.values())
    assert len(str(token)) < 400


def test_a_condition_that_makes_no_sense_is_refused_when_it_is_made(case: Any) -> None:
    trigger, what, _, nonsense = case
    trigger.check(what)
    with pytest.raises(UsageError) as caught:
        trigger.check(nonsense)
    assert (caught.value.hint or "").startswith("--when")
