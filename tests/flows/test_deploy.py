"""From a fitted model in a notebook to an answering endpoint in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nbops
from nbops.bundle.signing import make_key
from nbops.deploy import LiveEndpoint, endpoints, stop
from nbops.errors import BundleError, DeployError, MissingError, NotFoundError, UsageError
from nbops.flows.deploy import deploy_model
from nbops.records import CheckResult, Endpoint, ModelVersion
from nbops.settings import Settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

pytestmark = pytest.mark.haproxy

Deploy = Callable[..., LiveEndpoint]


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with open_store(settings) as opened:
        yield opened
        for endpoint in endpoints(opened, settings):
            if endpoint.status != "stopped":
                stop(endpoint.name, store=opened, settings=settings)


@pytest.fixture
def deploy(store: Store, settings: Settings) -> Deploy:
    def call(model: Any, **options: Any) -> LiveEndpoint:
        options = {"engine": "process"} | options
        return deploy_model(model, store=store, blobs=Blobs(settings.blobs), settings=settings, **options)

    return call


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame({"age": rng.uniform(18, 90, 200), "income": rng.normal(40, 9, 200)})


@pytest.fixture(scope="module")
def model(table: pd.DataFrame) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(table, np.where(table.age > 50, "old", "young"))


def test_a_model_from_the_notebook_answers_as_it_does_there(deploy: Deploy, model: Any, table: pd.DataFrame) -> None:
    endpoint = deploy(model, name="ages", sample=table)
    assert endpoint.predict(table)["predictions"] == model.predict(table).tolist()
    assert endpoint.predict({"age": 20.0, "income": 30.0})["predictions"] == ["young"]
    assert len(endpoint.predict()["predictions"]) > 0


def test_a_stored_version_is_deployed_by_its_reference_under_its_own_name(
    deploy: Deploy, model: Any, table: pd.DataFrame, store: Store
) -> None:
    deploy(model, name="ages", sample=table)
    again = deploy("ages@1")
    assert again.name == "ages"
    assert len(store.find(ModelVersion)) == 1


@pytest.mark.docker
@pytest.mark.parametrize(
    ("regressor", "tolerance"),
    [
        pytest.param(RandomForestRegressor(20, random_state=0), 1e-12, id="on a plan"),
        # Its distances are computed in single precision there.
        pytest.param(KNeighborsRegressor(3), 1e-5, id="as ONNX"),
        # Neither a plan nor a converter is known for it: scikit-learn itself, scipy and pandas have to be in the image.
        pytest.param(TransformedTargetRegressor(KNeighborsRegressor(3)), 1e-12, id="as it is"),
    ],
)
def test_a_model_answers_from_a_container_as_in_the_notebook(
    deploy: Deploy, table: pd.DataFrame, regressor: Any, tolerance: float
) -> None:
    regressor.fit(table, table.age * table.income)
    endpoint = deploy(regressor, name="prices", sample=table, engine="docker")
    assert endpoint.engine == "docker"
    assert endpoint.predict(table)["predictions"] == pytest.approx(regressor.predict(table).tolist(), rel=tolerance)


def test_an_engine_that_does_not_answer_is_said_before_anything_is_kept(
    deploy: Deploy, model: Any, table: pd.DataFrame, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(MissingError, match="no Docker engine answers") as caught:
        deploy(model, name="ages", sample=table, engine="docker")
    assert caught.value.hint == "unset DOCKER_HOST  # or nbops deploy … --engine process"
    assert store.find(ModelVersion) == []


def test_a_live_endpoints_engine_that_does_not_answer_is_said_before_anything_is_kept(
    deploy: Deploy, model: Any, table: pd.DataFrame, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deploy(model, name="ages", sample=table, engine="process")
    [endpoint], checked = store.find(Endpoint), store.count(CheckResult)
    store.update(Endpoint, endpoint.id, engine="docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    for asked in ({"model": model, "name": "ages", "sample": table}, {"model": "ages@1"}):
        with pytest.raises(MissingError, match="no Docker engine answers"):
            deploy(**asked, engine=None)
    assert (store.count(ModelVersion), store.count(CheckResult)) == (1, checked)
    store.update(Endpoint, endpoint.id, engine="process")


def test_several_models_answer_together_by_name(deploy: Deploy, model: Any, table: pd.DataFrame, store: Store) -> None:
    # One thread: several would add up the trees in the order in which they get ready.
    income = RandomForestRegressor(5, random_state=0).fit(table, table.income)
    endpoint = deploy({"age": model, "income": income}, name="people", sample=table)
    rows = table.head(20)
    expected = zip(model.predict(rows).tolist(), income.predict(rows).tolist(), strict=True)
    assert endpoint.predict(rows)["predictions"] == [{"age": age, "income": value} for age, value in expected]


def test_what_is_no_model_among_several_is_named(deploy: Deploy, model: Any, table: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match=r"several models are given by name, and this is not: 'rows': DataFrame"):
        deploy({"age": model, "rows": table}, name="people", sample=table)


def test_a_red_check_stops_the_release_and_the_live_version_goes_on(
    deploy: Deploy, model: Any, table: pd.DataFrame, store: Store
) -> None:
    live = deploy(model, name="ages", sample=table)
    wider = table.assign(city_size=1.0)
    other = make_pipeline(StandardScaler(), LogisticRegression()).fit(wider, np.where(table.age > 50, "old", "young"))
    with pytest.raises(DeployError, match=r"ages@2 is not released: schema: .* needs 'city_size'") as caught:
        deploy(other, name="ages", sample=wider)
    assert (caught.value.code, caught.value.hint) == ("check_failed", "nbops check ages@2")
    assert live.predict(table.head(1))["model"] == "ages@1"
    assert store.count(CheckResult, verdict="failed") == 1


@pytest.mark.parametrize("engine", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_budgets_are_measured_on_the_server_before_it_gets_traffic(
    deploy: Deploy, model: Any, table: pd.DataFrame, store: Store, project: Path, engine: str
) -> None:
    demands = project / "pyproject.toml"
    demands.write_text("[tool.nbops.checks]\nlatency_ms = 1000\nmemory_mb = 900\n", "utf-8")
    live = deploy(model, name="ages", sample=table, engine=engine)
    verdicts = {result.check: result for result in store.find(CheckResult)}
    assert (verdicts["latency"].verdict, verdicts["memory"].verdict) == ("passed", "passed")
    assert 0 < verdicts["latency"].measured["ms"] < 1000
    demands.write_text("[tool.nbops.checks]\nmemory_mb = 1\n", "utf-8")
    with pytest.raises(DeployError, match=r"ages@1 is not released: memory: the server takes .* the budget is 1 MB"):
        deploy("ages@1", engine=engine)
    assert live.predict(table.head(1))["predictions"] == model.predict(table.head(1)).tolist()


def test_every_training_row_and_edge_is_asked_of_the_running_server(
    deploy: Deploy, model: Any, table: pd.DataFrame
) -> None:
    from nbops.progress import Stage, watching

    seen: list[Stage] = []

    class Sink:
        def began(self, stage: Stage) -> None:
            seen.append(stage)

        def moved(self, stage: Stage) -> None:
            pass

        def ended(self, stage: Stage) -> None:
            pass

    with watching(Sink()):
        deploy(model, name="ages", sample=table)
    asked = next(stage for stage in seen if stage.title == "Check its answers")
    assert asked.done == asked.total
    assert asked.done > len(table)


def test_a_model_without_a_name_is_asked_for_one(deploy: Deploy, model: Any, table: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="needs a name") as caught:
        deploy(model, sample=table)
    assert caught.value.hint == "nbops deploy MODEL --name NAME"


def test_an_unknown_engine_is_refused_before_anything_is_kept(
    deploy: Deploy, model: Any, table: pd.DataFrame, store: Store
) -> None:
    with pytest.raises(UsageError, match="no engine 'podman'; there are: docker") as caught:
        deploy(model, name="ages", sample=table, engine="podman")
    assert caught.value.code == "engine_unknown"
    assert store.count(ModelVersion) == 0


def test_a_reference_that_nothing_answers_to_is_an_error(deploy: Deploy) -> None:
    with pytest.raises(NotFoundError):
        deploy("nothing@3")


def test_rows_the_model_cannot_take_are_refused_with_the_place(deploy: Deploy, model: Any, table: pd.DataFrame) -> None:
    endpoint = deploy(model, name="ages", sample=table)
    with pytest.raises(UsageError, match="age"):
        endpoint.predict([{"age": "many", "income": 3.0}])
    with pytest.raises(UsageError, match="a list of dicts or a DataFrame, not int"):
        endpoint.predict(3)


def test_the_public_call_deploys_from_the_current_project(
    model: Any, table: pd.DataFrame, project: Path, store: Store
) -> None:
    endpoint = nbops.deploy(model, name="ages", sample=table, engine="process")
    assert endpoint.predict(table.head(2))["predictions"] == model.predict(table.head(2)).tolist()


@pytest.mark.parametrize("engine", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_where_keys_are_trusted_only_what_they_have_signed_is_deployed(
    store: Store, settings: Settings, model: Any, table: pd.DataFrame, tmp_path: Path, engine: str
) -> None:
    def deploy_with(**keys: Any) -> LiveEndpoint:
        return deploy_model(
            model,
            name="ages",
            sample=table,
            engine=engine,
            store=store,
            blobs=Blobs(settings.blobs),
            settings=msgspec.structs.replace(settings, **keys),
        )

    trusted = [make_key(tmp_path / "signing.pem")]
    with pytest.raises(BundleError, match="is not signed"):
        deploy_with(trusted_keys=trusted)
    live = deploy_with(trusted_keys=trusted, signing_key=str(tmp_path / "signing.pem"))
    assert live.predict(table.head(1))["model"].startswith("ages@")
