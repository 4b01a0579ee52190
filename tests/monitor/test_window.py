import time

import numpy as np
import pandas as pd
import pytest

from nbops.data import profile_of, signature_of
from nbops.errors import MonitorError
from nbops.monitor import measure
from nbops.records import Deployment, Endpoint, ModelVersion, Window, new_id
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops_serving.log import Header, Record, Writer

START = 1_700_000_000.0


class Watched:
    """A project with an endpoint whose deployments write prediction logs, as servers do."""

    def __init__(self, folder):
        settings = load_settings(folder, env={})
        self.store, self.blobs, self.folder = open_store(settings), Blobs(settings.blobs), folder
        self.endpoint = Endpoint(
            id=new_id(), name="churn", engine="process", address="http://127.0.0.1:1", created_at=0, updated_at=0
        )
        self.store.put(self.endpoint)

    def deploy(self, training, *, prediction=None, has_profile=True):
        profile = profile_of(training, prediction=prediction)
        digest = self.blobs.put(profile.to_json()) if has_profile else None
        version = self.store.add_version(
            ModelVersion(
                id=new_id(), model="churn", number=0, digest="0" * 64, flavour="joblib", type_name="x.Y",
                signature=signature_of(training), created_at=START, profile_digest=digest,
            )
        )  # fmt: skip
        deployment = Deployment(
            id=new_id(), endpoint="churn", bundle_id=new_id(), model_version_id=version.id, number=version.number,
            engine="process", status="ready", started_at=START, log_path=str(self.folder / f"log-{version.number}"),
        )  # fmt: skip
        self.store.put(deployment)
        return deployment

    def answer(self, deployment, rows, *, predictions=None, at=START, status=200, per_request=10, latency_ms=2.0):
        header = Header(list(rows.columns), "churn", 1, deployment.model_version_id, "host", 1, at)
        writer = Writer(deployment.log_path, header)
        values = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
        predictions = [0] * len(rows) if predictions is None else list(predictions)
        for place in range(0, len(rows), per_request):
            until = place + per_request
            writer.add(
                Record(new_id(), at + place, latency_ms, status, values[place:until], predictions[place:until])
                if status < 400
                else Record(new_id(), at + place, latency_ms, status, None, None, code="rows_invalid")
            )
        writer.close()
        assert writer.dropped == 0

    def measure(self, **options):
        return measure(self.endpoint, store=self.store, blobs=self.blobs, **options)


@pytest.fixture
def watched(tmp_path):
    project = Watched(tmp_path)
    yield project
    project.store.close()


def customers(seed, rows=600, shift=0.0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "spent": rng.lognormal(size=rows) + shift,
            "visits": rng.integers(0, 20, rows),
            "plan": rng.choice(["free", "pro", "team"], rows),
            "active": rng.random(rows) < 0.7,
        }
    )
    frame.loc[rng.random(rows) < 0.1, "spent"] = np.nan
    return frame


def test_requests_like_the_training_data_are_stable(watched):
    watched.answer(watched.deploy(customers(0, 5000)), customers(12))
    window = watched.measure()
    assert (window.verdict, window.rows, window.requests, window.errors) == ("stable", 600, 60, 0)
    assert [column.column for column in window.columns] == ["spent", "visits", "plan", "active"]
    assert window.latency_ms == {"p50": 2.0, "p95": 2.0, "p99": 2.0}
    assert window.from_at == START
    assert watched.store.get(Window, window.id) == window


def test_requests_unlike_the_training_data_are_drift(watched):
    watched.answer(watched.deploy(customers(0, 5000)), customers(12, shift=0.7))
    window = watched.measure()
    assert window.verdict == "drifted"
    assert [column.column for column in window.columns if column.drifted] == ["spent"]


def test_answers_unlike_those_to_the_training_data_are_drift(watched):
    deployment = watched.deploy(customers(0, 500), prediction=np.arange(500) % 2)
    watched.answer(deployment, customers(12), predictions=[1] * 600)
    window = watched.measure()
    assert [column.column for column in window.columns if column.drifted] == ["prediction"]


def test_only_requests_between_the_two_times_count(watched):
    deployment = watched.deploy(customers(0, 5000))
    watched.answer(deployment, customers(12), at=START)
    watched.answer(deployment, customers(13, shift=5), at=START + 10_000)
    assert watched.measure(until=START + 10_000).verdict == "stable"
    late = watched.measure(since=START + 10_000, until=START + 10_101)
    assert (late.verdict, late.rows, late.from_at, late.to_at) == ("drifted", 110, START + 10_000, START + 10_101)


def test_refused_requests_are_errors_without_rows(watched):
    deployment = watched.deploy(customers(0))
    watched.answer(deployment, customers(12), latency_ms=2)
    watched.answer(deployment, customers(12, 50), status=422, latency_ms=500)
    window = watched.measure()
    assert (window.rows, window.requests, window.errors) == (600, 65, 5)
    assert window.latency_ms["p99"] == 2.0


def test_few_rows_give_no_verdict(watched):
    watched.answer(watched.deploy(customers(0)), customers(12, 29, shift=9))
    window = watched.measure()
    assert (window.verdict, window.rows) == ("too few rows", 29)
    assert not any(column.drifted for column in window.columns)


def test_an_endpoint_that_was_never_asked_has_an_empty_window(watched):
    deployment = watched.deploy(customers(0))
    window = watched.measure()
    assert (window.verdict, window.rows, window.columns, window.latency_ms) == ("too few rows", 0, [], {})
    assert window.model_version_id == deployment.model_version_id


def test_only_refused_requests_are_a_window_without_rows(watched):
    watched.answer(watched.deploy(customers(0)), customers(12, 50), status=422)
    window = watched.measure()
    assert (window.verdict, window.rows, window.requests, window.errors) == ("too few rows", 0, 5, 5)


def test_the_version_with_the_most_rows_is_measured(watched):
    first, second = watched.deploy(customers(0, 5000)), watched.deploy(customers(0, 5000, shift=5))
    watched.answer(first, customers(12, 300))
    watched.answer(second, customers(13, 400, shift=5))
    window = watched.measure()
    assert (window.model_version_id, window.rows, window.verdict) == (second.model_version_id, 400, "stable")


def test_a_log_longer_than_one_chunk_is_read_whole(watched, monkeypatch):
    monkeypatch.setattr("nbops.monitor.window.CHUNK", 1000)
    watched.answer(watched.deploy(customers(0, 5000)), customers(12, 5500), per_request=50)
    window = watched.measure()
    assert (window.rows, window.verdict) == (5500, "stable")


def test_values_of_another_kind_in_a_part_of_the_log_are_drift(watched, monkeypatch):
    monkeypatch.setattr("nbops.monitor.window.CHUNK", 300)
    deployment = watched.deploy(customers(0, 5000))
    rows = customers(12)
    watched.answer(deployment, rows[:300], per_request=50)
    watched.answer(deployment, rows[300:].assign(visits="many"), at=START + 900, per_request=50)
    assert [column.column for column in watched.measure().columns if column.drifted] == ["visits"]


def test_gaps_in_a_whole_column_of_the_log_are_gaps(watched):
    watched.answer(watched.deploy(customers(0, 5000)), customers(12).assign(spent=np.nan, plan=None))
    window = watched.measure()
    assert [(column.column, column.test) for column in window.columns if column.drifted] == [
        ("spent", "missing"),
        ("plan", "missing"),
    ]


def test_model_without_a_training_profile_says_how_to_get_one(watched):
    watched.answer(watched.deploy(customers(0), has_profile=False), customers(12))
    with pytest.raises(MonitorError, match="churn@1 was registered without a sample") as raised:
        watched.measure()
    assert "sample=X_train" in raised.value.hint


def test_endpoint_without_deployments_says_what_to_run(watched):
    with pytest.raises(MonitorError, match="has no deployment that keeps a prediction log") as raised:
        watched.measure()
    assert raised.value.hint == "nbops deploy MODEL --name churn"


def test_a_window_ends_now_unless_told_otherwise(watched):
    watched.answer(watched.deploy(customers(0)), customers(12))
    before = time.time()
    window = watched.measure()
    assert before <= window.to_at == window.at <= time.time()
