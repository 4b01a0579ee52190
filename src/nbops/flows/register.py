"""A fitted model into the store: its training sample is named, summed up and tied to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from nbops.errors import BundleError, UsageError
from nbops.progress import stage
from nbops.records import Dataset, ModelVersion, ModuleVersion, new_id
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving.rungs import is_model, predict_of
from nbops_serving.several import Several

MOST_PREDICTED = 100_000
"""Rows whose predictions are profiled; evenly spread over larger samples."""


def register_model(
    model: Any,
    *,
    name: str,
    sample: Any,
    store: Store,
    blobs: Blobs,
    root: Path,
    run_id: str | None = None,
    execution_id: str | None = None,
    trust: Collection[str] = (),
    flavour: str | None = None,
) -> ModelVersion:
    """Keep a fitted model as the next version of a name, with what is known of its training data.

    Args:
        model: anything with ``predict``, a function of a table, or several of these by name, which answer together.
        name: what people call it.
        sample: rows it was trained on, shape (rows, columns): a DataFrame, a 2-D array, an Arrow table or a list of
            dicts; None takes what a logged fit of the model saw, and without one leaves ranges, categories and drift
            unknown.
        store: where the version is recorded.
        blobs: where its bytes and the profile are kept.
        root: the project's folder.
        run_id: the run that fitted it.
        execution_id: the cell execution that fitted it.
        trust: dotted types or packages that the model may load although nbops does not know them.
        flavour: how to store it; None takes the safest that holds it.

    Returns:
        The version, numbered by the store.

    Raises:
        UsageError: it is no model, or the sample no table.
        BundleError: the model cannot be stored, needs something of the notebook that cannot travel with it, or does
            not answer its own sample.
    """
    from nbops.bundle import register
    from nbops.capture.autolog import fit_of
    from nbops.flows.graduate import graduate_definitions

    if sample is None:
        sample = logged_sample(model)
    if isinstance(model, Mapping):
        model = together(model)
    fit = fit_of(model)
    profile, dataset = (None, None) if sample is None else _looked_at(model, name, sample, run_id)
    if dataset is not None:
        dataset = msgspec.structs.replace(dataset, profile_digest=blobs.put(profile or b""))
    version = register(
        model,
        name=name,
        sample=sample,
        store=store,
        blobs=blobs,
        run_id=run_id,
        execution_id=execution_id,
        fit_id=fit.id if fit is not None else None,
        dataset_ids=[dataset.id] if dataset is not None else [],
        notebook=graduate_definitions(model, store=store, root=root),
        modules=store.find(ModuleVersion, limit=200),
        profile=profile,
        trust=trust,
        flavour=flavour,
    )
    if dataset is not None:
        # By the model's own names: a plain array has none of its own.
        store.put(msgspec.structs.replace(dataset, columns=[column.name for column in version.signature.columns]))
    return version


def logged_sample(model: Any) -> Any:
    """What a logged fit of this session saw of a model's rows, or of one of several; None when there was none."""
    from nbops.capture.autolog import sample_of

    members = model.values() if isinstance(model, Mapping) else [model]
    return next((seen for seen in map(sample_of, members) if seen is not None), None)


def together(models: Mapping[Any, Any]) -> Several:
    """Make one model of several.

    Args:
        models: name → model.

    Returns:
        What asks all of them about each row.

    Raises:
        UsageError: a name is no text, or something among them is no model.
    """
    wrong = [f"{name!r}: {type(one).__qualname__}" for name, one in models.items() if not _is_named_model(name, one)]
    if wrong or not models:
        raise UsageError(
            f"several models are given by name, and this is not: {', '.join(wrong) or 'nothing'}",
            code="not_a_model",
            hint='{"churn": classifier, "value": regressor}',
        )
    return Several(models)


def _is_named_model(name: Any, model: Any) -> bool:
    return isinstance(name, str) and is_model(model)


def _looked_at(model: Any, name: str, sample: Any, run_id: str | None) -> tuple[bytes, Dataset]:
    import time

    from nbops.data import fingerprint, profile_of

    with stage("Look at the training sample", total=2) as now:
        now.say("name its content")
        known = fingerprint(sample)
        now.advance(note=f"sum up {known.rows:,} rows")
        profile = profile_of(sample)
        some = _spread(sample, known.rows)
        # Answers of several models have no profile: there is one answer a row, and several in it.
        if some is not None and hasattr(model, "predict") and not isinstance(model, Several):
            try:
                answers = predict_of(model)(some)
            except Exception as error:  # the user's own code: whatever it raises is the finding
                said = f"{type(error).__name__}: {error}"
                raise BundleError(
                    f"model {name!r} does not answer the sample it is said to be trained on: {said}",
                    code="sample_refused",
                    hint=f"nbops.log_model(model, name={name!r}, sample=X_train)  # as it was passed to fit",
                ) from error
            profile = msgspec.structs.replace(profile, prediction=profile_of(some, prediction=answers).prediction)
        now.advance(note=f"{known.rows:,} rows, {len(known.columns)} columns")
    dataset = Dataset(
        id=new_id(),
        name=f"{name} training sample",
        fingerprint=known.digest,
        rows=known.rows,
        columns=known.columns,
        run_id=run_id,
        at=time.time(),
    )
    return profile.to_json(), dataset


def _spread(sample: Any, rows: int) -> Any:
    """Rows evenly spread over a large sample; a list of dicts is not what estimators take."""
    if rows == 0 or (isinstance(sample, list) and isinstance(sample[0], dict)):
        return None
    step = -(-rows // MOST_PREDICTED)
    if step == 1:
        return sample
    return sample.iloc[::step] if hasattr(sample, "iloc") else sample[::step]
