"""Verbs of retraining: single runs, sweeps and their results."""

from __future__ import annotations

from nbops.grammar.language import Option, Verb
from nbops.grammar.verbs.options import (
    COLD,
    FILE,
    LIMIT,
    NOTIFY,
    OFFSET,
    RUN,
    RUNNER,
    SCHEDULER,
    SHIP,
    TOTAL_TIMEOUT,
)
from nbops.records import (
    Sweep,
)
from nbops.retrain.declarations import Parameter
from nbops.retrain.results import SweepResults
from nbops.retrain.study import SAMPLERS
from nbops.retrain.tail import Tail
from nbops.workspace import Cancelled

RETRAINING: tuple[Verb, ...] = (
    Verb(
        name="parameters",
        topic="retraining",
        summary="List the typed parameters of a notebook.",
        gives=list[Parameter],
        options=(FILE,),
        examples=("parameters churn.ipynb",),
    ),
    Verb(
        name="retrain",
        topic="retraining",
        summary="Run a notebook with parameters through papermill, once, over a grid, or in search of the best.",
        gives=Sweep,
        changes=True,
        options=(
            FILE,
            Option(name="param", short="-p", kind="pairs", metavar="NAME=VALUE", help="Set a parameter for every run."),
            Option(name="grid", short="-g", kind="pairs", metavar="NAME=V1,V2", help="Try each of these values."),
            Option(
                name="search",
                short="-s",
                is_many=True,
                metavar="NAME[=RANGE]",
                help="Let a sampler choose this parameter from RANGE, or from what the notebook's comment says.",
            ),
            Option(name="trials", short="-t", kind="integer", minimum=1, help="How many runs a search may make."),
            Option(
                name="sampler",
                kind="choice",
                choices=SAMPLERS,
                default="tpe",
                help="Who chooses in a search.",
            ),
            Option(
                name="prune",
                kind="choice",
                choices=("median", "halving", "hyperband", "none"),
                default="median",
                help="When a search stops a run early.",
            ),
            Option(
                name="objective",
                metavar="max:METRIC",
                help="What makes a run the best: max:NAME or min:NAME; several, parted by commas, give a front.",
            ),
            Option(name="jobs", short="-j", kind="integer", minimum=1, default=2, help="How many runs at a time."),
            Option(name="name", help="A name for the sweep; the notebook's when not given."),
            Option(name="kernel", help="The kernel spec; the one the notebook asks for when not given."),
            COLD,
            Option(name="timeout", kind="number", minimum=0, metavar="SECONDS", help="How long one run may take."),
            TOTAL_TIMEOUT,
            Option(name="retries", kind="integer", minimum=0, default=0, help="How often a failed run is tried again."),
            Option(name="again", kind="flag", help="Run every point, even where an equal finished run stands."),
            RUNNER,
            SCHEDULER,
            SHIP,
            Option(
                name="output",
                short="-o",
                metavar="FOLDER",
                help="Where executed notebooks go: a folder, or an address such as s3://bucket/runs.",
            ),
            NOTIFY,
        ),
        examples=(
            "retrain churn.ipynb -p lr=0.1 --notify team",
            "retrain churn.ipynb --grid depth=2,4,8 --grid lr=0.1,0.01 --objective max:accuracy --jobs 2",
            'retrain churn.ipynb --search depth --search "lr=1e-4..1 log" --trials 30 --objective max:accuracy',
            "retrain churn.ipynb --grid depth=2,4,8 --runner dask --scheduler tcp://10.0.0.5:8786 --jobs 8",
            "retrain churn.ipynb --grid depth=2,4 --output s3://bucket/runs",
        ),
    ),
    Verb(
        name="resume",
        topic="retraining",
        summary="Go on with a sweep that was cut short; finished runs are not run again.",
        gives=Sweep,
        changes=True,
        options=(
            Option(
                name="sweep", is_argument=True, is_required=True, completes="sweeps", help="The sweep's id or name."
            ),
            Option(
                name="jobs",
                short="-j",
                kind="integer",
                minimum=1,
                help="How many runs at a time; as before when not given.",
            ),
            COLD,
            TOTAL_TIMEOUT,
            Option(name="runner", help="Where the rest is executed: local, dask, ray; as before when not given."),
            SCHEDULER,
            NOTIFY,
        ),
        examples=("resume churn",),
    ),
    Verb(
        name="cancel",
        topic="retraining",
        summary="Cancel a sweep or a run that is under way, in whatever process.",
        gives=Cancelled,
        changes=True,
        options=(Option(name="id", is_argument=True, is_required=True, completes="sweeps", help="A sweep or a run."),),
        examples=("cancel churn",),
    ),
    Verb(
        name="tail",
        topic="retraining",
        summary="Show the end of what a run has printed, also while it goes on, and how it failed.",
        gives=Tail,
        options=(
            RUN,
            Option(name="lines", short="-n", kind="integer", minimum=1, default=40, help="How many lines at most."),
        ),
        examples=("tail 01a2274701de", "tail last --lines 100"),
    ),
    Verb(
        name="sweeps",
        topic="retraining",
        summary="List sweeps with their best run.",
        gives=list[Sweep],
        options=(LIMIT, OFFSET),
        examples=("sweeps",),
    ),
    Verb(
        name="results",
        topic="retraining",
        summary="List what the runs of a sweep tried and reached, the best first, and which parameters mattered.",
        gives=SweepResults,
        options=(
            Option(
                name="sweep", is_argument=True, is_required=True, completes="sweeps", help="The sweep's id or name."
            ),
            LIMIT,
            OFFSET,
        ),
        examples=("results churn", "results churn --limit 10"),
    ),
)
