"""Models are kept in the safest way that holds them, and read back only as they were."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from nbops.bundle import load
from nbops.bundle.pickles import names_in
from nbops.errors import BundleError, UsageError

NUMBERS = ["n0", "n1", "n2", "n3"]


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), RandomForestClassifier(5), HistGradientBoostingClassifier(max_iter=3)],
    ids=lambda model: type(model).__name__,
)
def test_scikit_learns_own_models_are_kept_without_a_pickle(model, shop, table):
    pipeline = make_pipeline(StandardScaler(), model).fit(table.whole[NUMBERS], table.two)
    version = shop.register(pipeline, table.whole[NUMBERS])
    again = load(version, shop.blobs)
    assert version.flavour == "skops"
    np.testing.assert_array_equal(
        again.predict_proba(table.whole[NUMBERS]), pipeline.predict_proba(table.whole[NUMBERS])
    )


def test_a_version_knows_what_made_it(shop, table):
    model = LogisticRegression(C=0.5).fit(table.whole[NUMBERS], table.two)
    version = shop.register(model, table.whole[NUMBERS], run_id="run", execution_id="cell", dataset_ids=["d"])
    assert (version.model, version.number, version.run_id, version.execution_id) == ("churn", 1, "run", "cell")
    assert (version.dataset_ids, version.params["C"]) == (["d"], 0.5)
    assert version.type_name == "sklearn.linear_model._logistic.LogisticRegression"
    assert version.signature.classes == ["leaves", "stays"]
    assert any(pin.startswith("scikit-learn==") for pin in version.requirements)
    assert not any(pin.startswith(("jupyter", "ipython")) for pin in version.requirements)
    assert shop.register(model, table.whole[NUMBERS]).number == 2


class Halver:
    """A model that is no estimator."""

    def predict(self, values):
        return [row[0] / 2 for row in values.tolist()]


def test_a_class_of_this_project_travels_with_its_module(shop):
    version = shop.register(Halver(), np.arange(10.0).reshape(-1, 1))
    assert version.flavour == "pickle"
    assert [path.rpartition("/")[2] for path in version.sources if path.endswith("test_registry.py")]
    assert load(version, shop.blobs).predict(np.array([[8.0]])) == [4.0]


def test_a_type_of_an_unknown_library_is_asked_about(shop, table):
    import click

    model = DummyClassifier().fit(table.whole[NUMBERS], table.two)
    model.note_ = click.File("rb")
    with pytest.raises(BundleError) as caught:
        shop.register(model, table.whole[NUMBERS])
    assert caught.value.code == "untrusted_types"
    assert "click.types.File" in caught.value.hint
    trusted = shop.register(model, table.whole[NUMBERS], trust=["click.types"])
    assert load(trusted, shop.blobs).note_.mode == "rb"


class Shell:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)

    def predict(self, values):
        return [0] * len(values)


def test_a_model_that_would_run_a_command_is_refused(shop, tmp_path):
    with pytest.raises(BundleError, match=r"posix\.system"):
        shop.register(Shell(f"touch {tmp_path}/ran"), np.zeros((3, 1)))
    assert not (tmp_path / "ran").exists()


def test_bytes_that_were_exchanged_are_not_loaded(shop, tmp_path):
    version = shop.register(Halver(), np.zeros((3, 1)))
    other = shop.blobs.put(pickle.dumps(Shell(f"touch {tmp_path}/ran")))
    with pytest.raises(BundleError, match="nobody trusted"):
        load(msgspec.structs.replace(version, digest=other), shop.blobs)
    place = next(
        place for place in shop.root.rglob("*") if version.digest[2:] in place.name or version.digest == place.name
    )
    place.chmod(0o644)
    place.write_bytes(pickle.dumps(Shell(f"touch {tmp_path}/ran")))
    with pytest.raises(BundleError, match="not the ones"):
        load(version, shop.blobs)
    assert not (tmp_path / "ran").exists()


def test_a_lambda_cannot_be_kept_and_it_is_said_why(shop, table):
    model = make_pipeline(FunctionTransformer(lambda values: values), LogisticRegression())
    model.fit(table.whole[NUMBERS], table.two)
    with pytest.raises(BundleError) as caught:
        shop.register(model, table.whole[NUMBERS])
    assert caught.value.code == "model_not_storable"


def test_what_is_no_model_is_refused(shop):
    with pytest.raises(UsageError, match="no model"):
        shop.register([1, 2], pd.DataFrame({"a": [1]}))


def test_a_model_that_cannot_answer_its_sample_is_refused(shop, table):
    model = LogisticRegression().fit(table.whole[NUMBERS].to_numpy(), table.two)
    with pytest.raises((BundleError, UsageError)):
        shop.register(model, table.whole[["n0", "city"]])


def test_a_model_without_a_sample_is_known_by_its_own_columns(shop, table):
    version = shop.register(LogisticRegression().fit(table.whole[NUMBERS], table.two), None)
    assert [column.name for column in version.signature.columns] == NUMBERS
    assert version.evidence_digest is None


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_name_in_a_pickle_is_found(protocol):
    value = [OrderedDict(a=1), OrderedDict(b=2), np.arange(3), LogisticRegression(), complex(1, 2)]
    names = names_in(pickle.dumps(value, protocol=protocol))
    assert {"collections.OrderedDict", "sklearn.linear_model._logistic.LogisticRegression"} < set(names)
    assert any(name.endswith(("_reconstruct", "_frombuffer")) for name in names)
