"""Names, values and paths that MLflow takes, whatever they were here."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbops.bridge import words
from nbops.records import Run, new_id

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


@given(st.lists(TEXT, max_size=6, unique=True))
def test_every_name_gets_one_that_mlflow_takes_and_no_other_has(names: list[str]) -> None:
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    found = words.safe_names(names)
    assert sorted(found) == sorted(names)
    assert len(set(found.values())) == len(names)
    for name in found.values():
        _validate_metric_name(name)
        _validate_param_name(name)
        assert 0 < len(name) <= words.MOST_NAME


@given(st.lists(TEXT | st.sampled_from(["a", "a/b", "a/b/c", "../a", "/a", "nbops/run.json", "NBOPS", ".", "a//b"])))
def test_every_artifact_gets_a_path_of_its_own_that_leads_nowhere_else(names: list[str]) -> None:
    from mlflow.store.artifact.artifact_repo import verify_artifact_path
    from mlflow.utils.uri import validate_path_is_safe

    taken: dict[str, bool] = {}
    paths = [words.safe_path(name, taken) for name in sorted(set(names))]
    assert len(set(paths)) == len(paths)
    for path in paths:
        verify_artifact_path(path)
        validate_path_is_safe(path)
        assert not path.lower().startswith("nbops/")
        assert not any(other.startswith(f"{path}/") for other in paths)


@given(st.none() | st.booleans() | st.integers() | st.floats() | TEXT)
def test_a_parameter_keeps_its_text(value: object) -> None:
    assert str(words.param_in(str(value))) == str(value)


@pytest.mark.parametrize("value", [4, -1, 0.1, 1e-300, True, None, math.inf])
def test_a_parameter_that_was_no_text_is_none_again(value: object) -> None:
    assert words.param_in(str(value)) == value


def test_a_tag_of_ours_never_hides_a_field() -> None:
    run = Run(id=new_id(), name="r", kind="named", started_at=1.0, user="ada",
              tags={"mlflow.user": "eve", "nbops.run_id": "x", "mlflow.source.name": "train.py", "k": "v"})  # fmt: skip
    told = words.tags_out(run, parent=None)
    assert (told["mlflow.user"], told["nbops.run_id"], told["k"]) == ("ada", run.id, "v")
    assert words.tags_in(told) == {"mlflow.source.name": "train.py", "k": "v"}


@given(st.integers(-(1 << 60), 1 << 60), TEXT)
def test_ids_made_of_foreign_ones_are_ids(at_ms: int, name: str) -> None:
    made = words.id_of(at_ms, name)
    assert words.is_id(made)
    assert (len(made), made[12]) == (32, "7")
