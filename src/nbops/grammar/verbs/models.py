"""Verbs of models: versions, checks, aliases, batch scoring."""

from __future__ import annotations

from nbops.bundle.portable import PRECISIONS, Exported
from nbops.grammar.language import Option, Verb
from nbops.grammar.verbs.options import (
    LIMIT,
    OFFSET,
    SCHEDULER,
    STORED_MODEL,
)
from nbops.records import (
    CheckResult,
    Model,
    ModelVersion,
)
from nbops.score import BAD_ROWS, RUNNERS, Scored

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
        options=(STORED_MODEL,),
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
            STORED_MODEL,
            Option(
                name="source",
                is_argument=True,
                is_required=True,
                kind="path",
                metavar="FILE",
                help="Rows as .parquet, .csv, .csv.gz, .arrow or .arrows: a file, a folder, a pattern, or s3://….",
            ),
            Option(name="out", short="-o", is_required=True, kind="path", metavar="FILE", help="Where the answers go."),
            Option(name="jobs", short="-j", kind="integer", minimum=1, default=1, help="How many batches at a time."),
            Option(
                name="bad_rows",
                kind="choice",
                choices=BAD_ROWS,
                default="keep",
                help="Keep rows without an answer, with their error, or reject the whole for one of them.",
            ),
            Option(
                name="runner",
                kind="choice",
                choices=RUNNERS,
                default="local",
                help="Who answers: processes of this machine, or the workers of a dask cluster.",
            ),
            SCHEDULER,
        ),
        examples=(
            "score churn events/ -o scored.parquet --runner dask --scheduler tcp://10.0.0.5:8786",
            "score churn@3 customers.parquet -o scored.parquet",
            "score churn 'customers/*.csv.gz' -o scored.csv --jobs 2",
            "score churn s3://bucket/customers/ -o s3://bucket/scored.parquet --bad-rows reject",
        ),
    ),
    Verb(
        name="export",
        topic="models",
        summary="Write a model as a folder that answers without nbops, in Python and in the browser.",
        gives=Exported,
        changes=True,
        options=(
            STORED_MODEL,
            Option(
                name="format", kind="choice", choices=("onnx",), default="onnx", help="What the folder computes with."
            ),
            Option(
                name="out",
                short="-o",
                kind="path",
                metavar="FOLDER",
                help="Where it goes; MODEL-VERSION-onnx-PRECISION in the project's folder when not given.",
            ),
            Option(
                name="precision",
                kind="choice",
                choices=PRECISIONS,
                default="float32",
                help="How tables of weights are stored; refused where the answers are no longer the same.",
            ),
            Option(
                name="tolerance",
                kind="number",
                minimum=0,
                help="Largest difference from the notebook's answers that is allowed; the precision's own if left out.",
            ),
            Option(name="page", kind="flag", default=True, help="Write the page for browsers, too (14 MB)."),
            Option(name="overwrite", kind="flag", help="Let an earlier export in the same place go."),
        ),
        examples=("export churn@3", "export churn --precision float16 -o edge/churn", "export churn@3 --no-page"),
    ),
)
