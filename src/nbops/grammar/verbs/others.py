"""Verbs that exchange runs and models with other tools."""

from __future__ import annotations

from nbops.bridge import Transferred
from nbops.grammar.language import Option, Verb
from nbops.grammar.verbs.options import (
    MLFLOW,
)

OTHERS: tuple[Verb, ...] = (
    Verb(
        name="mlflow export",
        topic="others",
        summary="Bring runs, metrics, artifacts and models to an MLflow server or store; nothing is made twice.",
        gives=Transferred,
        changes=True,
        # Not over REST: whoever may call a server should not make it call others, or read its disk.
        doors=("shell", "notebook"),
        options=(
            Option(
                name="runs",
                is_argument=True,
                is_many=True,
                completes="runs",
                metavar="RUN",
                help="Runs, or sweeps for all of theirs; every listed run when none is named.",
            ),
            Option(name="to", is_required=True, metavar="URI", help=MLFLOW),
            Option(name="where", short="-w", help="Only runs that match: metrics.accuracy > 0.9 and params.depth = 4."),
            Option(
                name="experiment", help="The experiment for runs that are new there; the project's name if not given."
            ),
        ),
        examples=(
            "mlflow export --to http://127.0.0.1:5000",
            "mlflow export last --to sqlite:///mlflow.db --experiment churn",
            'mlflow export --where "metrics.accuracy > 0.9" --to mlruns',
        ),
    ),
    Verb(
        name="mlflow import",
        topic="others",
        summary="Bring runs, metrics, artifacts and models from an MLflow server or store; nothing is made twice.",
        gives=Transferred,
        changes=True,
        doors=("shell", "notebook"),
        options=(
            Option(name="source", typed="from", is_required=True, metavar="URI", help=MLFLOW),
            Option(name="experiment", is_many=True, help="Only this experiment; all of them when none is named."),
            Option(
                name="trust",
                is_many=True,
                metavar="NAME",
                help="A type or module that a model's file may load; without it, its files are only kept.",
            ),
        ),
        examples=(
            "mlflow import --from http://127.0.0.1:5000 --experiment churn",
            "mlflow import --from mlruns --trust my_package.Scaler",
        ),
    ),
)
