"""Verbs of models: versions, checks, aliases, batch scoring."""

from __future__ import annotations

from nbops.grammar.language import Option, Verb
from nbops.grammar.verbs.options import (
    LIMIT,
    MODEL,
    OFFSET,
)
from nbops.records import (
    CheckResult,
    Model,
    ModelVersion,
)
from nbops.score import Scored

MODELS: tuple[Verb, ...] = (
    Verb(
        name="models",
        topic="models",
        summary="List the models, or the versions of one.",
        gives=list[ModelVersion],
        options=(
            Option(name="name", is_argument=True, completes="models", help="Only the versions of this model."),
            LIMIT,
            OFFSET,
        ),
        examples=("models", "models churn"),
    ),
    Verb(
        name="check",
        topic="models",
        summary="Run every check on a model version and record the verdicts.",
        gives=list[CheckResult],
        changes=True,
        options=(MODEL,),
        examples=("check churn@3",),
    ),
    Verb(
        name="promote",
        topic="models",
        summary="Give a model version an alias such as production.",
        gives=Model,
        changes=True,
        options=(
            Option(
                name="model",
                is_argument=True,
                completes="models",
                help="A model's version: churn@3; left out with --best.",
            ),
            Option(name="alias", is_argument=True, default="production", help="The alias."),
            Option(name="best", metavar="SWEEP", completes="sweeps", help="The model of this sweep's best run."),
        ),
        examples=("promote churn@3 production", "promote --best churn", "promote --best churn staging"),
    ),
    Verb(
        name="score",
        topic="models",
        summary="Predict for every row of a file, batch by batch, resumable.",
        gives=Scored,
        changes=True,
        options=(
            MODEL,
            Option(
                name="source",
                is_argument=True,
                is_required=True,
                kind="path",
                metavar="FILE",
                help="Rows as .parquet, .csv, .arrow or .arrows.",
            ),
            Option(name="out", short="-o", is_required=True, kind="path", metavar="FILE", help="Where the answers go."),
            Option(name="jobs", short="-j", kind="integer", minimum=1, default=1, help="How many processes answer."),
        ),
        examples=("score churn@3 customers.parquet -o scored.parquet",),
    ),
)
