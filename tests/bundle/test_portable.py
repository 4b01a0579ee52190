"""A model leaves as a folder that answers as the notebook did, without nbops: in Python and in the browser."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from nbops.bundle.portable import Exported, export_folder
from nbops.bundle.portable.runtime import runtime_files
from nbops.errors import BundleError, ConflictError, MissingError
from nbops.flows.register import register_model
from nbops.testing import project
from nbops.views import bundle_of

pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "labextension" / "journeys"))

from lab import Lab

NUMBERS = ["n0", "n1", "n2", "n3"]


def columns():
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((StandardScaler(), NUMBERS), (encoder, ["city", "plan"]))


@pytest.fixture
def export(shop, tmp_path):
    def do(model: Any, sample: Any, **options: Any) -> Exported:
        version = shop.register(model, sample)
        return export_folder(version, tmp_path / "out" / "churn", blobs=shop.blobs, **{"page": False, **options})

    return do


def ask(folder: str, rows: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """Use the folder as somebody without nbops does."""
    hide = "import sys; sys.modules['nbops'] = sys.modules['nbops_serving'] = sys.modules['sklearn'] = None; "
    ask = "import predict; sys.argv = ['predict.py', '-']; sys.exit(predict.main())"
    code = f"{hide}sys.path.insert(0, {folder!r}); {ask}"
    return subprocess.run(
        [sys.executable, "-B", "-c", code], input=json.dumps(rows), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RandomForestClassifier(5, random_state=0),
        HistGradientBoostingClassifier(max_iter=5),
        LGBMClassifier(n_estimators=5, verbose=-1),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_the_runner_answers_as_the_notebook_without_nbops(export, table, estimator):
    model = make_pipeline(columns(), estimator).fit(table.whole, table.two)
    exported = export(model, table.whole)
    some = table.whole.iloc[100:130]
    answer = json.loads(ask(exported.path, some.to_dict("records")).stdout)
    assert answer["predictions"] == model.predict(some).tolist()
    np.testing.assert_allclose(answer["probabilities"], model.predict_proba(some), atol=1e-5)
    assert exported.rows > 600
    assert exported.worst <= exported.tolerance == 1e-5
    assert exported.size_bytes == Path(exported.path, "model.onnx").stat().st_size
    assert 10e6 < (exported.peak_memory_bytes or 0) < 200e6
    assert {file.name for file in Path(exported.path).iterdir()} == {
        "README.md", "examples.json", "model.onnx", "predict.py", "requirements.txt", "signature.json"
    }  # fmt: skip
    pins = Path(exported.path, "requirements.txt").read_text().split()
    assert [pin.partition("==")[0] for pin in pins] == ["numpy", "onnxruntime"]


def test_numbers_truths_and_a_column_of_texts_leave_as_well(export, table):
    whole = table.whole.assign(member=table.whole["n0"] > 0)
    regression = make_pipeline(
        make_column_transformer((StandardScaler(), NUMBERS), ("passthrough", ["member"])), Ridge()
    ).fit(whole, table.number)
    found = ask(export(regression, whole).path, whole.head(5).to_dict("records"))
    np.testing.assert_allclose(json.loads(found.stdout)["predictions"], regression.predict(whole.head(5)), rtol=1e-4)

    truth = LogisticRegression().fit(whole[NUMBERS], whole["n0"] > 0)
    found = ask(export(truth, whole[NUMBERS], overwrite=True).path, whole.head(5)[NUMBERS].to_dict("records"))
    assert json.loads(found.stdout)["predictions"] == (truth.predict(whole.head(5)[NUMBERS])).tolist()

    texts = pd.Series(["A good Film", "bad movie", "good cast", "BAD plot"] * 20, name="review")
    words = make_pipeline(TfidfVectorizer(token_pattern=r"\w+"), LogisticRegression()).fit(texts, [1, 0, 1, 0] * 20)
    found = ask(export(words, texts, overwrite=True).path, [{"review": "GOOD film"}, {"review": "bad"}])
    assert json.loads(found.stdout)["predictions"] == [1, 0]


@pytest.mark.parametrize(("precision", "share"), [("float16", 0.65), ("int8", 0.5)])
def test_tables_of_weights_take_less_room_where_the_answers_stay(export, table, precision, share):
    network = MLPClassifier((64, 48), max_iter=400, random_state=0, early_stopping=True)
    model = make_pipeline(columns(), network).fit(table.whole, table.two)
    exported = export(model, table.whole, precision=precision)
    assert exported.size_bytes < share * exported.float32_bytes
    assert 1e-6 < exported.worst <= exported.tolerance
    some = table.whole.head(50)
    answer = json.loads(ask(exported.path, some.to_dict("records")).stdout)
    np.testing.assert_allclose(answer["probabilities"], model.predict_proba(some), atol=exported.tolerance)


def test_a_precision_that_changes_answers_is_refused_with_the_numbers(export, table, tmp_path):
    network = MLPClassifier((64, 48), max_iter=400, random_state=0, early_stopping=True)
    model = make_pipeline(columns(), network).fit(table.whole, table.two)
    with pytest.raises(BundleError, match=r"answers [\d,]+ of 6\d\d rows otherwise as int8 ONNX") as caught:
        export(model, table.whole, precision="int8", tolerance=1e-6)
    assert caught.value.code == "answers_differ"
    assert "--tolerance" in (caught.value.hint or "")
    assert list((tmp_path / "out").iterdir()) == []


def test_trees_have_nothing_to_hold_in_less(export, table):
    model = make_pipeline(columns(), RandomForestClassifier(5, random_state=0)).fit(table.whole, table.two)
    with pytest.raises(BundleError, match="TreeEnsembleClassifier, which ONNX keeps in single precision") as caught:
        export(model, table.whole, precision="int8")
    assert caught.value.code == "precision_useless"


def test_a_threshold_that_single_precision_misses_is_refused(export):
    values = np.linspace(1, 1 + 1e-6, 200).reshape(-1, 1)
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)).fit(values, np.arange(200) // 3 % 2)
    with pytest.raises(BundleError, match="rows otherwise as float32 ONNX") as caught:
        export(model, values)
    assert caught.value.code == "answers_differ"


@pytest.mark.parametrize("has_sample", [True, False])
def test_a_model_without_onnx_or_without_proof_is_refused_with_a_cure(export, shop, table, has_sample):
    model = (NearestCentroid() if has_sample else LogisticRegression()).fit(table.whole[NUMBERS], table.two)
    with pytest.raises(BundleError) as caught:
        export(model, table.whole[NUMBERS] if has_sample else None)
    assert caught.value.code == ("no_onnx" if has_sample else "no_training_rows")
    assert caught.value.hint


def test_the_verb_names_the_folder_by_version_and_precision_and_says_what_was_measured(table, tmp_path):
    network = MLPClassifier((64, 48), max_iter=400, random_state=0, early_stopping=True)
    model = make_pipeline(StandardScaler(), network).fit(table.whole[NUMBERS], table.two)
    with project(tmp_path) as workspace:
        sample, store, blobs = table.whole[NUMBERS], workspace.store, workspace.blobs
        register_model(model, name="churn", sample=sample, store=store, blobs=blobs, root=workspace.root)
        exported = workspace.export("churn", precision="float16", page=False)
        assert exported.path == str(workspace.root / "churn-1-onnx-float16")
    said = bundle_of(exported)["text/plain"]
    for part in ("churn@1", "float16", "in float32", "MB at most, with Python", "0.005 allowed", "--self-test"):
        assert part in said
    readme = Path(exported.path, "README.md").read_text()
    assert f"{exported.size_bytes:,} bytes ({exported.float32_bytes:,} in float32)" in readme


def test_only_an_earlier_export_is_replaced_and_only_when_asked(export, table, tmp_path):
    model = LogisticRegression().fit(table.whole[NUMBERS], table.two)
    place = tmp_path / "out" / "churn"
    place.mkdir(parents=True)
    (place / "thesis.txt").write_text("mine")
    with pytest.raises(ConflictError, match="it is no exported model"):
        export(model, table.whole[NUMBERS], overwrite=True)
    (place / "thesis.txt").unlink()
    export(model, table.whole[NUMBERS])
    with pytest.raises(ConflictError) as caught:
        export(model, table.whole[NUMBERS])
    assert caught.value.hint == "add --overwrite"
    export(model, table.whole[NUMBERS], overwrite=True)


def test_a_wrong_row_is_refused_by_field(export, table):
    model = make_pipeline(columns(), LogisticRegression()).fit(table.whole, table.two)
    folder = export(model, table.whole).path
    row = table.whole.iloc[0].to_dict()
    for change, said in [
        ({"n1": "many"}, "row 0, field 'n1': 'many' is no number"),
        ({"city": None}, "row 0, field 'city': is missing"),
        ({"n0": True}, "row 0, field 'n0': True is no number"),
    ]:
        found = ask(folder, [{**row, **change}])
        assert (found.returncode, found.stderr.strip()) == (1, said)


@pytest.fixture
def site(export, table, tmp_path) -> Iterator[tuple[Any, str]]:
    """A model with a page for browsers, served as files on the loopback address."""
    try:
        runtime_files()
    except MissingError as error:
        pytest.skip(f"{error.message}: python tools/jlpm.py build")
    model = make_pipeline(columns(), LogisticRegression()).fit(table.whole, table.two)
    folder = export(model, table.whole, page=True).path
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield model, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_the_page_answers_in_a_browser_that_reaches_nothing_else(site, table, tmp_path):
    model, address = site
    row = {"n0": 0.5, "n1": 1.0, "n2": 2.5, "n3": 40.0, "city": "Atlantis", "plan": "b"}
    rows = [*table.whole.head(20).to_dict("records"), row]
    found = Lab(tmp_path, "http://127.0.0.1", "none").journey(
        "exported", address=address, rows=rows, fields={name: str(value) for name, value in row.items()}
    )
    assert found["elsewhere"] == []
    assert found["selfTest"].startswith("Self-test passed: "), found
    frame = pd.DataFrame(rows)
    assert found["answers"]["predictions"] == model.predict(frame).tolist()
    np.testing.assert_allclose(found["answers"]["probabilities"], model.predict_proba(frame), atol=1e-5)
    assert found["answers"]["selfTest"]["differ"] == 0
    assert found["prediction"] == model.predict(frame)[-1]
    assert [float(share) for share in found["probabilities"]] == pytest.approx(
        model.predict_proba(frame)[-1].tolist(), abs=1e-4
    )
    assert any("Atlantis was not seen in training" in note for note in found["notes"])
    assert any("n3" in note for note in found["notes"])
