"""Reading a plan off a fitted pipeline: its own numbers as tables, in the order in which it uses them.

Only public attributes of fitted estimators are read where there are any. What is not known here is no error: the
pipeline simply has no plan (``NoPlanError`` says which part), and the ladder goes on to the next rung.
``plan_steps`` knows transformers, ``plan_heads`` estimators; the parity gate decides whether they were right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nbops.bundle.boosters import Boosted, CategorySplit
from nbops.bundle.evidence import Evidence
from nbops.bundle.plan_heads import head_of
from nbops.bundle.plan_parts import NoPlanError, flat, is_missing, value_of
from nbops.bundle.plan_steps import transformed
from nbops.records import ModelVersion
from nbops_serving import rungs
from nbops_serving.manifest import Dtype, Signature
from nbops_serving.operations import Array, Branch, Head, Lookup, Numbers, Plan, Tables
from nbops_serving.plan import write_plan
from nbops_serving.rungs import PLAN_FILE


class PlanRung:
    """The pipeline's own numbers, applied to plain arrays."""

    tolerance = 1e-12  # the last bits of a BLAS sum, whose order depends on the number of rows
    packages: Sequence[str] = ()
    open = staticmethod(rungs.RUNGS["plan"])

    def build(self, model: Any, version: ModelVersion, evidence: Evidence | None) -> dict[str, bytes]:
        """Write the plan; NoPlanError where the model has none."""
        return {PLAN_FILE: write_plan(plan_of(model, version.signature, evidence.dtypes if evidence else ()))}


def plan_of(model: Any, signature: Signature, dtypes: Sequence[Dtype] = ()) -> Plan:
    """Write a fitted model as a plan.

    Args:
        model: an estimator or pipeline of scikit-learn, XGBoost or LightGBM.
        signature: what it takes.
        dtypes: how each column was held in training. In one of pandas' categories there is no room for a value that
            training never saw, so the model is given a missing one instead.

    Returns:
        The plan.

    Raises:
        NoPlanError: some part of it is of a kind that plans do not know; the message names it.
    """
    *transformers, estimator = flat(model)
    branches, steps, sparse = transformed(transformers, signature, dtypes)
    if sparse and steps:
        raise NoPlanError("steps after a sparse matrix")
    head = head_of(estimator, sparse=sparse)
    if isinstance(head, Boosted):
        branches, head = _asked(head, branches, dtypes, is_alone=not transformers)
    classes = getattr(estimator, "classes_", None)
    return Plan(branches, steps, head, None if classes is None else classes.tolist())


def _asked(
    boosted: Boosted, branches: list[Branch], dtypes: Sequence[Dtype], *, is_alone: bool
) -> tuple[list[Branch], Head]:
    """Return a booster's trees, and what they are given: categories where it is given a table as it is."""
    if is_alone and any(dtype.name == "category" for dtype in dtypes):
        return _of_categories(boosted, dtypes)
    if boosted.splits:
        raise NoPlanError("splits by categories that are not those of a column of categories")
    return branches, boosted.trees


def _of_categories(boosted: Boosted, dtypes: Sequence[Dtype]) -> tuple[list[Branch], Head]:
    """Look the categories up in tables of what the splits say to them, and let the trees ask for these numbers."""
    import numpy as np

    known = {place: dtype.categories or [] for place, dtype in enumerate(dtypes) if dtype.name == "category"}
    known |= boosted.categories or {}
    if any(split.column not in known for split in boosted.splits):
        raise NoPlanError("splits by categories of a column of numbers")
    numbers = [place for place in range(boosted.width) if place not in known]
    asked = [(place, [n for n, split in enumerate(boosted.splits) if split.column == place]) for place in known]
    asked = [(place, splits) for place, splits in asked if splits]
    order = [*numbers, *(boosted.width + n for _, splits in asked for n in splits)]
    places = np.full(boosted.width + len(boosted.splits), -1, dtype=np.int32)
    places[order] = np.arange(len(order))
    feature = places[boosted.trees.feature.get()]
    # A split between what is missing and all the rest has an infinite threshold, too: only a leaf points to itself.
    left = boosted.trees.left.get()
    is_leaf = left == np.arange(len(left))
    if (feature[~is_leaf] < 0).any():
        raise NoPlanError("categories compared like numbers")
    tables = [_said_to(known[place], [boosted.splits[n] for n in splits]) for place, splits in asked]
    asked_for = np.where(is_leaf, 0, feature)
    head = msgspec.structs.replace(
        boosted.trees, feature=Array.of(asked_for.astype(np.min_scalar_type(asked_for.max())))
    )
    branches: list[Branch] = [Numbers(numbers, [])]
    return [*branches, *([Tables([place for place, _ in asked], tables, [])] if asked else [])], head


def _said_to(categories: Sequence[Any], splits: Sequence[CategorySplit]) -> Lookup:
    """The table of what some splits say to each category; to a missing one each tree has an answer of its own."""
    import numpy as np

    keys = {code: value_of(category) for code, category in enumerate(categories) if not is_missing(category)}
    missing = [float("nan")] * len(splits)
    rows = np.array([[split.answer(code) for split in splits] for code in keys], dtype=np.float64)
    return Lookup([*keys.values()], Array.of(rows.reshape(len(keys), len(splits))), missing, missing)
