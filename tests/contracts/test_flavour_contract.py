"""What every flavour must hold: the same answers, and no name that was not listed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from nbops.bundle import load, pack, register
from nbops.bundle.flavours import FLAVOURS, flavour_named
from nbops.bundle.origins import Origins
from nbops.errors import BundleError, UsageError
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops_serving.bundle import open_bundle
from nbops_serving.loading import ForbiddenTypeError, load_model

ROWS = np.arange(12.0).reshape(6, 2)

COEFFICIENTS = '''
"""Keeps a linear model as JSON: as small a flavour as there can be."""
import json

class Coefficients:
    packages = ()

    def store(self, model, origins):
        from nbops.bundle.flavours import Stored
        if type(model).__name__ != "LinearRegression":
            return None
        numbers = {"coef": model.coef_.tolist(), "intercept": float(model.intercept_)}
        return Stored(json.dumps(numbers).encode(), ["coefficients.Line"])

    def read(self, data, types):
        from nbops_serving.loading import ForbiddenTypeError
        if "coefficients.Line" not in types:
            raise ForbiddenTypeError("the model file asks for coefficients.Line, which nobody trusted")
        return Line(json.loads(data))

class Line:
    def __init__(self, numbers):
        self.numbers = numbers

    def predict(self, rows):
        return [sum(c * float(v) for c, v in zip(self.numbers["coef"], row)) + self.numbers["intercept"]
                for row in rows]
'''


def fitted() -> LinearRegression:
    return LinearRegression().fit(ROWS, ROWS @ [2.0, 3.0] + 1.0)


def total(rows: Any) -> Any:
    return [float(sum(row)) for row in rows]


@pytest.fixture(params=[*FLAVOURS, "coefficients"])
def flavour(request: pytest.FixtureRequest, install: Any) -> str:
    if request.param == "coefficients":
        install("coefficients", COEFFICIENTS, requires=("numpy", "nbops"), flavours={"coefficients": "Coefficients"})
    return str(request.param)


@pytest.fixture
def model(flavour: str) -> Any:
    # Each has a name that must be trusted: skops asks about forests only.
    forest = RandomForestRegressor(3, random_state=0).fit(ROWS, ROWS.sum(axis=1))
    return {"function": total, "skops": forest}.get(flavour, fitted())


@pytest.fixture
def stored(flavour: str, model: Any) -> Any:
    found = flavour_named(flavour).store(model, Origins())
    assert found is not None
    return found


def answers(model: Any) -> list[float]:
    return [float(value) for value in (model.predict if hasattr(model, "predict") else model)(ROWS)]


@pytest.fixture
def rooms(project: Path) -> Any:
    settings = load_settings(project, env={})
    with open_store(settings) as store:
        yield {"store": store, "blobs": Blobs(settings.blobs)}


def test_a_model_that_was_read_answers_as_it_did(flavour: str, model: Any, stored: Any) -> None:
    again = flavour_named(flavour).read(stored.data, stored.types)

    assert answers(again) == pytest.approx(answers(model), rel=1e-12)


def test_a_model_of_another_kind_is_left_to_others_or_refused_with_a_cure(flavour: str) -> None:
    class Elsewhere:
        """Not importable, so that nothing can hold it whole."""

    if flavour == "pickle":  # the last one that is asked says why
        with pytest.raises(BundleError, match="cannot be stored") as caught:
            flavour_named(flavour).store(Elsewhere(), Origins())
        assert caught.value.hint
    else:
        assert flavour_named(flavour).store(Elsewhere(), Origins()) is None


def test_names_that_were_not_listed_are_refused(flavour: str, stored: Any) -> None:
    assert stored.types
    with pytest.raises(ForbiddenTypeError, match="nobody trusted"):
        flavour_named(flavour).read(stored.data, [])


def test_a_version_says_how_it_is_stored_and_is_read_back(flavour: str, model: Any, rooms: Any) -> None:
    version = register(model, name="line", sample=ROWS, flavour=flavour, trust=["coefficients"], **rooms)

    assert version.flavour == flavour
    assert answers(load(version, rooms["blobs"])) == pytest.approx(answers(model), rel=1e-12)
    assert not [pin for pin in version.requirements if pin.startswith("nbops==")]


def test_a_bundle_carries_it_into_the_server(flavour: str, model: Any, rooms: Any, project: Path) -> None:
    version = register(model, name="line", sample=ROWS, flavour=flavour, trust=["coefficients"], **rooms)
    bundle = open_bundle(pack(version, root=project, rung="original", **rooms).path)

    assert answers(load_model(bundle)) == pytest.approx(answers(model), rel=1e-12)


def test_bytes_that_were_exchanged_are_not_read(flavour: str, model: Any, rooms: Any) -> None:
    version = register(model, name="line", sample=ROWS, flavour=flavour, trust=["coefficients"], **rooms)
    place = rooms["blobs"].path(version.digest)
    place.chmod(0o644)
    place.write_bytes(b"other bytes")

    with pytest.raises(BundleError) as caught:
        load(version, rooms["blobs"])
    assert caught.value.code == "model_altered"


# ── other people's ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_another_packages_flavour_is_asked_before_the_pickle_and_served_without_nbops(
    install: Any, rooms: Any, project: Path, tmp_path: Path
) -> None:
    site = install("matrices", MATRICES, requires=("numpy", "nbops"), flavours={"matrices": "Matrices"})
    import matrices  # type: ignore[import-not-found]

    version = register(matrices.Doubler(), name="double", sample=ROWS, trust=["matrices"], **rooms)
    bundle = pack(version, root=project, **rooms)

    assert version.flavour == "matrices"
    assert "matrices==1.0" in bundle.requirements
    assert answered_alone(bundle.path, site, tmp_path) == [[0.0, 2.0]]


def test_a_server_without_the_package_says_what_is_missing(install: Any, rooms: Any, project: Path) -> None:
    install("matrices", MATRICES, flavours={"matrices": "Matrices"})
    import matrices

    version = register(matrices.Doubler(), name="double", sample=ROWS, trust=["matrices"], **rooms)
    bundle = pack(version, root=project, **rooms)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nbops_serving", bundle.path], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "no installed package brings 'matrices'" in json.loads(done.stdout)["error"]


def test_a_version_whose_package_is_gone_is_refused_with_what_to_install(rooms: Any) -> None:
    version = register(fitted(), name="line", sample=ROWS, **rooms)

    with pytest.raises(BundleError, match="'parchment'") as caught:
        load(msgspec.structs.replace(version, flavour="parchment"), rooms["blobs"])
    assert caught.value.code == "flavour_unknown"
    assert "pip install" in str(caught.value.hint)


def test_another_packages_flavour_is_not_trusted_by_being_installed(install: Any, rooms: Any) -> None:
    install("matrices", MATRICES, flavours={"matrices": "Matrices"})
    import matrices

    with pytest.raises(BundleError) as caught:
        register(matrices.Doubler(), name="double", sample=ROWS, **rooms)
    assert caught.value.code == "untrusted_types"


def test_a_flavour_that_is_named_and_cannot_hold_the_model_is_refused(rooms: Any) -> None:
    with pytest.raises(BundleError, match="the flavour function cannot hold this LinearRegression"):
        register(fitted(), name="line", sample=ROWS, flavour="function", **rooms)


def test_an_unknown_flavour_is_told_with_the_known_ones(rooms: Any) -> None:
    with pytest.raises(UsageError, match="no flavour 'skop'; did you mean 'skops'") as caught:
        register(fitted(), name="line", sample=ROWS, flavour="skop", **rooms)
    assert caught.value.hint == "export NBOPS_FLAVOUR=skops"


MATRICES = """
class Matrices:
    packages = ()

    def store(self, model, origins):
        from nbops.bundle.flavours import Stored
        return Stored(b"doubler", ["matrices.Doubler"]) if isinstance(model, Doubler) else None

    def read(self, data, types):
        return Doubler()

class Doubler:
    def predict(self, rows):
        return rows[:, 0] * 2 + 0 * rows[:, 1]
"""


def answered_alone(bundle: str, site: Path, folder: Path) -> list[Any]:
    """Ask a bundle in a process that has the package and the server's part, and cannot import nbops."""
    code = """
import sys
class Nobody:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "nbops":
            raise ImportError("there is no nbops in a container")
sys.meta_path.insert(0, Nobody())
sys.path.insert(0, sys.argv[2])
import json
from nbops_serving.bundle import open_bundle
from nbops_serving.rungs import open_rung
rung = open_rung(open_bundle(sys.argv[1]))
print(json.dumps([rung.answer([(0.0, 1.0), (1.0, 5.0)]).predictions]))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, bundle, str(site)], capture_output=True, text=True, timeout=60, check=False,
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found
