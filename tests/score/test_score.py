"""Whole files are answered as live requests are, in bounded memory, and an interrupted run goes on."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nbops.bundle import pack, register
from nbops.errors import BundleError, ScoreError, UsageError
from nbops.records import Bundle
from nbops.score import score
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    generator = np.random.default_rng(5)
    count = 1_000
    return pd.DataFrame(
        {
            "customer": [f"c{number}" for number in range(count)],
            "age": generator.integers(18, 90, count),
            "spent": generator.normal(100, 30, count),
            "city": generator.choice(["Lima", "Oslo", "Rome"], count),
        }
    )


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> Pipeline:
    columns = make_column_transformer((StandardScaler(), ["age", "spent"]), (OneHotEncoder(), ["city"]))
    return make_pipeline(columns, LogisticRegression()).fit(frame[["age", "spent", "city"]], frame["age"] > 50)


@pytest.fixture(scope="module")
def bundle(frame: pd.DataFrame, model: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = tmp_path_factory.mktemp("project")
    (root / ".nbops").mkdir()
    settings = load_settings(root, env={})
    store, blobs = open_store(settings), Blobs(settings.blobs)
    version = register(model, name="churn", sample=frame[["age", "spent", "city"]], store=store, blobs=blobs)
    packed = pack(version, store=store, blobs=blobs, root=root)
    store.close()
    return packed


WRITE = {
    ".parquet": lambda frame, path: frame.to_parquet(path, row_group_size=300),
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".arrow": lambda frame, path: frame.to_feather(path, compression="uncompressed"),
}
READ: dict[str, Any] = {".parquet": pd.read_parquet, ".csv": pd.read_csv, ".arrow": pd.read_feather}


@pytest.mark.parametrize("source", WRITE)
@pytest.mark.parametrize("target", READ)
def test_every_format_gives_the_models_answers(source, target, bundle, model, frame, tmp_path):
    given, out = tmp_path / f"in{source}", tmp_path / f"out{target}"
    WRITE[source](frame, given)
    scored = score(bundle, given, out, batch_rows=150)
    found = READ[target](out)
    assert (scored.rows, scored.refused, scored.resumed) == (1_000, 0, 0)
    assert found["customer"].tolist() == frame["customer"].tolist()
    assert found["prediction"].tolist() == model.predict(frame).tolist()
    np.testing.assert_allclose(found["probability_True"], model.predict_proba(frame)[:, 1], rtol=1e-12)
    assert set(found["model"]) == {"churn@1"}
    assert found["request_id"].is_unique
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([given.name, out.name])


def test_a_row_that_cannot_be_answered_says_why_and_hurts_no_other(bundle, model, frame, tmp_path):
    broken = frame.astype({"age": float}).copy()
    broken.loc[3, "age"] = None
    broken.loc[500, "city"] = "Mars"
    broken.to_parquet(tmp_path / "in.parquet")
    scored = score(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet", batch_rows=200)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert (scored.rows, scored.refused) == (1_000, 2)
    assert found["error"].dropna().to_dict() == {
        3: "field 'age': is null",
        500: "field 'city': 'Mars' was not seen in training",
    }
    good = found["error"].isna()
    assert found["prediction"][good].tolist() == model.predict(frame[good]).tolist()
    assert found["prediction"][~good].isna().all()


def test_two_processes_answer_as_one(bundle, frame, tmp_path):
    frame.to_parquet(tmp_path / "in.parquet")
    score(bundle, tmp_path / "in.parquet", tmp_path / "one.parquet", batch_rows=100)
    score(bundle, tmp_path / "in.parquet", tmp_path / "two.parquet", batch_rows=100, jobs=2)
    assert pq.read_table(tmp_path / "one.parquet").equals(pq.read_table(tmp_path / "two.parquet"))


STOPPED = """
import os, sys, msgspec
from nbops.records import Bundle
from nbops.score import score, workers
ask, asked = workers.answer_batch, []
def answer(*given):
    if len(asked) == 4:
        os._exit(9)
    asked.append(1)
    return ask(*given)
workers.answer_batch = answer
bundle = msgspec.json.decode(sys.argv[1], type=Bundle)
score(bundle, sys.argv[2], sys.argv[3], batch_rows=100)
"""


def test_a_killed_run_goes_on_where_it_stood(bundle, model, frame, tmp_path):
    given, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    frame.to_parquet(given)
    command = [sys.executable, "-c", STOPPED, msgspec.json.encode(bundle).decode(), str(given), str(out)]
    assert subprocess.run(command, check=False).returncode == 9
    assert not out.exists()
    scored = score(bundle, given, out, batch_rows=100)
    assert (scored.rows, scored.resumed) == (1_000, 400)
    assert pd.read_parquet(out)["prediction"].tolist() == model.predict(frame).tolist()


def test_another_input_is_never_joined_to_what_was_left(bundle, frame, tmp_path):
    given, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    frame.to_parquet(given)
    command = [sys.executable, "-c", STOPPED, msgspec.json.encode(bundle).decode(), str(given), str(out)]
    subprocess.run(command, check=False)
    frame.iloc[::-1].to_parquet(given)
    os.utime(given, ns=(1, 1))
    assert score(bundle, given, out, batch_rows=100).resumed == 0
    assert pd.read_parquet(out)["customer"].tolist() == frame["customer"].tolist()[::-1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("in.parquet", b"PAR1 not", "cannot be read as parquet"),
        ("in.arrow", b"", "cannot be read as arrow"),
        ("in.csv", b"a,b\n1,2\n", "lacks age, spent, city"),
        ("in.csv", b"age,spent,city,model\n1,2,Oslo,x\n", "already has model"),
        ("in.xlsx", b"", "no known format"),
        ("none.parquet", None, "there is no file"),
    ],
    ids=["broken parquet", "empty arrow", "missing columns", "a taken name", "an unknown format", "no file"],
)
def test_a_file_that_cannot_be_scored_is_refused_before_anything_is_written(bundle, tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=said):
        score(bundle, tmp_path / name, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_an_empty_table_gives_an_empty_table(bundle, frame, tmp_path):
    frame.head(0).to_parquet(tmp_path / "in.parquet")
    assert score(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet").rows == 0
    assert list(pd.read_parquet(tmp_path / "out.parquet"))[-3:] == ["model", "request_id", "error"]


def test_an_altered_bundle_answers_nothing(bundle, frame, tmp_path):
    frame.to_parquet(tmp_path / "in.parquet")
    with pytest.raises(BundleError, match="cannot be used"):
        score(msgspec.structs.replace(bundle, digest="0" * 64), tmp_path / "in.parquet", tmp_path / "out.parquet")


PEAK = """
import sys, msgspec
from nbops.records import Bundle
from nbops.score import score
bundle = msgspec.json.decode(sys.argv[1], type=Bundle)
score(bundle, sys.argv[2], sys.argv[3], batch_rows=5_000)
# ru_maxrss begins with what the process held that started this one.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(int(peak.split()[1]) // 1024)
"""


NOTE_BYTES = 800


def test_memory_does_not_grow_with_the_file(bundle, frame, tmp_path):
    def peak(times: int) -> int:
        given = tmp_path / f"{times}.parquet"
        # A column beside those of the model makes the file larger than what a batch may take.
        notes = [secrets.token_urlsafe(NOTE_BYTES) for _ in range(len(frame))]
        table = pa.Table.from_pandas(frame.assign(notes=notes))
        with pq.ParquetWriter(given, table.schema) as writer:
            for _ in range(times):
                writer.write_table(table)
        command = [sys.executable, "-c", PEAK, msgspec.json.encode(bundle).decode(), str(given), f"{given}.out.parquet"]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    small, large = peak(10), peak(120)
    assert Path(f"{tmp_path}/120.parquet").stat().st_size > 100e6
    assert large < small + 60
    assert Path(f"{tmp_path}/120.parquet.out.parquet").exists()


def test_a_folder_a_pattern_and_a_gzipped_file_are_one_table(bundle, model, frame, tmp_path):
    folder = tmp_path / "customers"
    (folder / "_temporary").mkdir(parents=True)
    (folder / "_SUCCESS").touch()
    (folder / "_temporary" / "half.parquet").write_bytes(b"")
    for number, part in enumerate([frame[:300], frame[300:310], frame[310:]]):
        part.to_parquet(folder / f"part-{number}.parquet")
    frame.to_csv(tmp_path / "all.csv.gz", index=False)
    expected = model.predict(frame).tolist()
    for place, source in enumerate([folder, folder / "part-*.parquet", tmp_path / "all.csv.gz"]):
        out = tmp_path / f"{place}.csv.gz"
        assert score(bundle, source, out, batch_rows=150).rows == 1_000
        found = pd.read_csv(out)
        assert found["customer"].tolist() == frame["customer"].tolist()
        assert found["prediction"].tolist() == expected


def test_a_part_with_other_columns_is_named(bundle, frame, tmp_path):
    frame.to_parquet(tmp_path / "a.parquet")
    frame.drop(columns="city").assign(age=pd.Timestamp("2026-01-01"), town="Oslo").to_parquet(tmp_path / "b.parquet")
    with pytest.raises(UsageError) as caught:
        score(bundle, tmp_path / "*.parquet", tmp_path / "out" / "x.csv")
    said = (
        "b.parquet does not have the columns of a.parquet: lacks city; has town besides; age is timestamp[us] and not"
    )
    assert said in caught.value.message


def test_columns_of_another_type_are_named_before_a_row_is_read(bundle, frame, tmp_path):
    frame.assign(age=pd.Timestamp("2026-01-01"), city=3).to_parquet(tmp_path / "in.parquet")
    with pytest.raises(UsageError) as caught:
        score(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert (
        "age is timestamp[us], churn@1 takes an integer; city is int64, churn@1 takes a category"
        in caught.value.message
    )


def test_texts_that_are_no_numbers_are_bad_rows_of_a_csv(bundle, frame, tmp_path):
    frame.astype({"age": object}).assign(age=["many", " 30", "31.0", "31.5", *frame["age"][4:]]).to_csv(
        tmp_path / "in.csv", index=False
    )
    scored = score(bundle, tmp_path / "in.csv", tmp_path / "out.parquet", batch_rows=200)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert (scored.rows, scored.refused) == (1_000, 2)
    assert found["error"].dropna().to_dict() == {
        0: "field 'age': a text is no number",
        3: "field 'age': 31.5 is no integer",
    }
    assert found["age"][1:3].tolist() == [30, 31]
    assert pd.isna(found["age"][0])


def test_a_bad_row_stops_the_whole_where_it_is_rejected(bundle, frame, tmp_path):
    broken = frame.astype({"age": float}).copy()
    broken.loc[503, "age"] = None
    broken.to_parquet(tmp_path / "in.parquet")
    with pytest.raises(UsageError, match=r"row 504 of in.parquet cannot be answered by churn@1: field 'age': is null"):
        score(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet", batch_rows=100, bad_rows="reject")
    assert not (tmp_path / "out.parquet").exists()


def test_tables_elsewhere_are_read_and_written_at_their_address(bundle, model, frame, s3):
    import fsspec

    for number, part in enumerate([frame[:300], frame[300:]]):
        part.to_parquet(f"{s3.address}/in/{number}.parquet")
    score(bundle, f"{s3.address}/in/", f"{s3.address}/out.csv.gz", batch_rows=150)
    found = pd.read_csv(f"{s3.address}/out.csv.gz")
    assert found["prediction"].tolist() == model.predict(frame).tolist()

    with fsspec.open("memory://scoring/in.csv", "w") as file:
        frame.to_csv(file, index=False)
    assert score(bundle, "memory://scoring/in.csv", "memory://scoring/out.parquet").rows == 1_000
    with fsspec.open("memory://scoring/out.parquet", "rb") as file:
        assert pd.read_parquet(file)["prediction"].tolist() == model.predict(frame).tolist()


@pytest.mark.parametrize("address", ["ftq://host/x.csv", "s3://no-such-bucket-here/x.parquet"])
def test_an_address_that_cannot_be_reached_is_said(bundle, s3, tmp_path, address):
    with pytest.raises(UsageError) as caught:
        score(bundle, address, tmp_path / "out.parquet")
    assert address.partition("://")[2].split("/")[0] in caught.value.message


def test_categories_and_decimals_of_a_table_are_what_they_say(bundle, model, frame, tmp_path):
    typed = frame.astype({"city": "category"})
    table = pa.Table.from_pandas(typed).set_column(
        2, "spent", pa.array(frame["spent"].round(2).map("{:.2f}".format)).cast(pa.decimal128(12, 2))
    )
    pq.write_table(table, tmp_path / "in.parquet")
    scored = score(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet")
    expected = model.predict(frame.assign(spent=frame["spent"].round(2))).tolist()
    assert scored.refused == 0
    assert pd.read_parquet(tmp_path / "out.parquet")["prediction"].tolist() == expected


def test_many_bad_rows_are_found_without_asking_the_model_about_each(bundle, model, frame, tmp_path):
    broken = frame.astype({"age": float}).copy()
    broken.loc[::2, "age"] = None
    broken.to_parquet(tmp_path / "in.parquet")
    assert score(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet").refused == 500
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert found["prediction"][1::2].tolist() == model.predict(frame[1::2]).tolist()
    assert set(found["error"][::2]) == {"field 'age': is null"}


def test_workers_of_a_cluster_answer_as_this_machine_does(bundle, frame, dask, tmp_path):
    frame.to_parquet(tmp_path / "in.parquet")
    options = {"runner": "dask", "scheduler": dask.address}
    score(bundle, tmp_path / "in.parquet", tmp_path / "here.parquet", batch_rows=100)
    score(bundle, tmp_path / "in.parquet", tmp_path / "there.parquet", batch_rows=100, **options)
    assert pq.read_table(tmp_path / "here.parquet").equals(pq.read_table(tmp_path / "there.parquet"))

    command = [sys.executable, "-c", STOPPED, msgspec.json.encode(bundle).decode(), str(tmp_path / "in.parquet")]
    subprocess.run([*command, str(tmp_path / "again.parquet")], check=False)
    again = score(bundle, tmp_path / "in.parquet", tmp_path / "again.parquet", batch_rows=100, **options)
    assert (again.rows, again.resumed) == (1_000, 400)
    assert pq.read_table(tmp_path / "here.parquet").equals(pq.read_table(tmp_path / "again.parquet"))


def test_a_cluster_that_does_not_answer_is_named(bundle, frame, free_port, tmp_path, monkeypatch):
    frame.to_parquet(tmp_path / "in.parquet")
    monkeypatch.setattr("nbops.clusters.CONNECT_S", 0.5)
    address = f"tcp://127.0.0.1:{free_port}"
    with pytest.raises(ScoreError, match=f"no dask scheduler answers at {address}"):
        score(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet", runner="dask", scheduler=address)
    with pytest.raises(UsageError, match="the local runner has no scheduler"):
        score(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet", scheduler=address)
