"""Models by the names people give them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import nbops
from nbops.errors import BundleError, NotFoundError, UsageError
from nbops.records import Dataset, Run, Sweep, new_id
from nbops.workspace import Workspace

ROWS = np.arange(12.0).reshape(6, 2)


@pytest.fixture
def workspace(project: Path) -> Iterator[Workspace]:
    with Workspace.opened(project) as opened:
        yield opened


def sweep_with_best(run_id: str | None) -> Sweep:
    return Sweep(id=new_id(), name="search", notebook="a.ipynb", space={}, total=1, started_at=1.0, best_run_id=run_id)


def test_logged_model_comes_back_with_the_same_answers(workspace: Workspace) -> None:
    fitted = LinearRegression().fit(ROWS, ROWS.sum(axis=1))
    version = nbops.log_model(fitted, name="line", sample=ROWS)
    assert (version.model, version.number) == ("line", 1)
    assert nbops.load_model("line").predict(ROWS).tolist() == fitted.predict(ROWS).tolist()


def test_training_sample_is_named_and_summed_up(workspace: Workspace) -> None:
    version = nbops.log_model(LinearRegression().fit(ROWS, ROWS[:, 0]), "line", sample=ROWS)
    dataset = workspace.store.get(Dataset, version.dataset_ids[0])
    assert (dataset.rows, len(dataset.columns), dataset.fingerprint[:5]) == (6, 2, "xxh3:")
    assert dataset.profile_digest is not None
    assert workspace.blobs.has(dataset.profile_digest)


def test_sample_that_the_model_cannot_answer_is_refused_and_nothing_is_kept(workspace: Workspace) -> None:
    fitted = LinearRegression().fit(ROWS, ROWS[:, 0])
    with pytest.raises(BundleError, match="does not answer the sample"):
        nbops.log_model(fitted, name="line", sample=np.ones((4, 5)))
    assert workspace.models() == []


def test_alias_follows_promotion(workspace: Workspace) -> None:
    for _ in range(2):
        nbops.log_model(LinearRegression().fit(ROWS, ROWS[:, 0]), name="line", sample=ROWS)
    assert workspace.promote("line@1").aliases == {"production": 1}
    assert workspace.promote("line@2", "production").aliases == {"production": 2}
    nbops.load_model("line@production")


def test_best_of_a_sweep_is_promoted(workspace: Workspace) -> None:
    version = nbops.log_model(LinearRegression().fit(ROWS, ROWS[:, 0]), "line", sample=ROWS)
    workspace.store.put(sweep_with_best(version.run_id))
    assert workspace.promote(best="search").aliases == {"production": 1}
    assert workspace.promote("staging", best="search").aliases == {"production": 1, "staging": 1}


def test_sweep_whose_best_run_logged_no_model_says_how_it_would(workspace: Workspace) -> None:
    run = Run(id=new_id(), name="r", kind="notebook", started_at=1.0)
    workspace.store.put(run, sweep_with_best(run.id))
    with pytest.raises(NotFoundError) as caught:
        workspace.promote(best="search")
    assert "nbops.log_model" in (caught.value.hint or "")


@pytest.mark.parametrize(("model", "alias"), [(None, "production"), ("line@1", "not an alias")])
def test_promotion_that_makes_no_sense_shows_one_that_does(workspace: Workspace, model: str | None, alias: str) -> None:
    nbops.log_model(LinearRegression().fit(ROWS, ROWS[:, 0]), name="line", sample=ROWS)
    with pytest.raises(UsageError) as caught:
        workspace.promote(model, alias)
    assert "nbops promote" in (caught.value.hint or "")


def test_file_is_scored_by_the_stored_model(workspace: Workspace, project: Path) -> None:
    nbops.log_model(LinearRegression().fit(ROWS, ROWS.sum(axis=1)), name="line", sample=ROWS)
    (project / "rows.csv").write_text("x0,x1\n1,2\n3,4\n")
    scored = workspace.score("line", "rows.csv", "out.csv")
    assert (scored.rows, scored.refused) == (2, 0)
    header, *lines = (project / "out.csv").read_text().splitlines()
    column = header.replace('"', "").split(",").index("prediction")
    assert [round(float(line.split(",")[column])) for line in lines] == [3, 7]


def test_name_that_no_endpoint_can_bear_is_refused_before_anything_is_kept(workspace: Workspace) -> None:
    fitted = LinearRegression().fit(ROWS, ROWS[:, 0])
    with pytest.raises(UsageError, match="bad name!"):
        nbops.deploy(fitted, name="bad name!", sample=ROWS)
    assert workspace.models() == []
