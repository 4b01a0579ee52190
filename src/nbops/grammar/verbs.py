"""Every verb, in the order a newcomer meets them."""

from __future__ import annotations

import difflib

from nbops.bridge import Transferred
from nbops.errors import UsageError
from nbops.extract import Built, ModuleState, Preview, Pulled, TestReport
from nbops.flows.compare import Comparison
from nbops.flows.demo import Journey
from nbops.flows.doctor import Finding
from nbops.flows.fire import Fired
from nbops.flows.outputs import ShownOutputs
from nbops.flows.plot import KINDS, Plotted
from nbops.flows.schedules import Scheduled, ScheduleState, Unscheduled
from nbops.flows.show import Page
from nbops.grammar.language import Option, Verb
from nbops.keep import Collected
from nbops.lineage import CellState, Graph, Origin, Slice
from nbops.records import (
    CheckResult,
    Deployment,
    Endpoint,
    Firing,
    Fit,
    Model,
    ModelVersion,
    ModuleVersion,
    Reproduction,
    Run,
    Schedule,
    Secret,
    Sweep,
    Window,
)
from nbops.retrain.parameters import Parameter
from nbops.retrain.results import SweepResults
from nbops.retrain.study import SAMPLERS
from nbops.schedule.export import TARGETS
from nbops.score import Scored
from nbops.store.interface import RunSummary
from nbops.workspace import Cancelled, Prediction, RolledBack, Status, Synced

LIMIT = Option(name="limit", kind="integer", minimum=1, default=50, short="-n", help="How many at most.")
OFFSET = Option(name="offset", kind="integer", minimum=0, default=0, help="How many to pass over first.")
RUN = Option(
    name="run",
    is_argument=True,
    default="last",
    completes="runs",
    help="A run: id, unique start of an id, name or last.",
)
NAMED_RUN = Option(name="run", is_argument=True, is_required=True, completes="runs", help=RUN.help)
ARCHIVED = Option(name="archived", kind="flag", default=False, help="The archived runs instead.")
DELETED = Option(name="deleted", kind="flag", default=False, help="The runs in the trash instead.")
RESULT = Option(
    name="id",
    is_argument=True,
    default="last",
    completes="runs",
    help="A run, a model such as churn@3, an endpoint, or a cell's id.",
)
MADE = Option(
    name="id",
    is_argument=True,
    default="last",
    completes="runs",
    help="An endpoint, a model such as churn@3, a module, a run, or the id of a cell, deployment or bundle.",
)
METRIC = Option(name="metric", help="A metric of the run; its last value counts.")
VARIABLE = Option(name="variable", help="A variable of the notebook, as the run left it.")
ENDPOINT = Option(
    name="endpoint", is_argument=True, is_required=True, completes="endpoints", help="The endpoint's name."
)
MODEL = Option(
    name="model",
    is_argument=True,
    is_required=True,
    completes="models",
    help="A model: churn, churn@3, churn@production; in a notebook also a live variable.",
)
FILE = Option(name="notebook", is_argument=True, kind="path", is_required=True, help="The notebook's file.")
COLD = Option(name="cold", kind="flag", help="Start each kernel from nothing instead of forking a warm one.")
SCHEDULER = Option(
    name="scheduler",
    metavar="ADDRESS",
    help="Where the runner's cluster is: tcp://HOST:8786 of dask; HOST:6379 or ray://HOST:10001 of Ray.",
)
TOTAL_TIMEOUT = Option(
    name="total_timeout", kind="number", minimum=0, metavar="SECONDS", help="How long all of it may take."
)
SCHEDULE = Option(
    name="schedule", is_argument=True, is_required=True, completes="schedules", help="The schedule's name or id."
)
NOTIFY = Option(
    name="notify", is_many=True, metavar="CHANNEL", help="Tell this channel of [tool.nbops.notify] when it has ended."
)
MODULE = Option(
    name="module",
    is_argument=True,
    is_required=True,
    completes="modules",
    help="A module: churn.features, or one version of it: churn.features@1.2.0.",
)
NOTEBOOK = Option(name="notebook", kind="path", help="Read this notebook instead of the live session.")
ONLY = Option(name="only", kind="flag", help="Leave out what the module had and is not named now.")
OVERWRITE = Option(name="overwrite", kind="flag", help="Let edits made in the file be lost.")
DEFINITIONS = (
    Option(
        name="names",
        is_argument=True,
        is_many=True,
        is_required=True,
        metavar="NAME",
        help="Functions, classes or constants.",
    ),
    Option(name="to", is_required=True, metavar="PKG.MODULE", help="The module to write, such as churn.features."),
    NOTEBOOK,
    Option(name="parameter", is_many=True, metavar="NAME", help="Turn this global into a keyword parameter."),
    Option(
        name="pin", is_many=True, metavar="NAME", help="Keep this global by its hash and load it when first needed."
    ),
    Option(
        name="definition",
        kind="pairs",
        metavar="NAME=WHICH",
        help="Where text and live object differ, take the last, live or saved definition.",
    ),
)


MLFLOW = "The MLflow: http://… of a server, sqlite:///mlflow.db, or a folder of MLflow's files."


def _runs_of(completes: str) -> Option:
    return Option(
        name="runs",
        is_argument=True,
        is_many=True,
        is_required=True,
        completes=completes,
        metavar="RUN",
        help="Runs; or sweeps, for all of their runs.",
    )


VERBS: tuple[Verb, ...] = (
    Verb(
        name="demo",
        topic="start",
        summary="Take a real notebook the whole way to an answering endpoint, with a time for each stage.",
        gives=Journey,
        changes=True,
        doors=("shell",),
        options=(
            Option(
                name="folder",
                is_argument=True,
                kind="path",
                default="nbops-demo",
                help="Where the demo project is made.",
            ),
            Option(name="engine", help="The engine to deploy on: docker, process, …", completes="engines"),
        ),
        examples=("demo", "demo ~/nbops-demo --engine process"),
    ),
    Verb(
        name="doctor",
        topic="start",
        summary="Say what is here, what is missing, and the command that cures it.",
        gives=list[Finding],
        examples=("doctor",),
    ),
    Verb(
        name="status",
        topic="start",
        summary="Say what is true of this session and this project.",
        gives=Status,
        examples=("status",),
    ),
    Verb(
        name="secrets",
        topic="start",
        summary="List the secrets that were masked in what is recorded, by id and kind.",
        gives=list[Secret],
        examples=("secrets",),
    ),
    Verb(
        name="lab",
        topic="start",
        summary="Open JupyterLab with the side panel on this project.",
        gives=int,
        changes=True,
        doors=("shell",),
        options=(
            Option(name="port", kind="integer", default=8888, help="The port to listen on."),
            Option(name="browser", kind="flag", default=True, help="Open a browser window."),
        ),
        examples=("lab", "lab --port 8890 --no-browser"),
    ),
    Verb(
        name="runs",
        topic="runs",
        summary="List runs, newest first, or those that match an expression.",
        gives=list[RunSummary],
        options=(
            Option(name="where", short="-w", help="An expression: metrics.accuracy > 0.9 and params.depth = 4."),
            Option(name="order_by", short="-o", help="Fields to sort by, - for descending: -metrics.accuracy,name."),
            LIMIT,
            OFFSET,
            ARCHIVED,
            DELETED,
        ),
        examples=("runs", 'runs --where "metrics.accuracy > 0.9 and params.depth = 4" --order-by=-metrics.accuracy'),
    ),
    Verb(
        name="cells",
        topic="runs",
        summary="List the cells of a run in the order they ran, and say which are stale, edited or out of order.",
        gives=list[CellState],
        options=(RUN, LIMIT, OFFSET),
        examples=("cells", "cells last --json"),
    ),
    Verb(
        name="fits",
        topic="runs",
        summary="List the fits of a run and of its parts, with their parameters, data, time and scores.",
        gives=list[Fit],
        options=(RUN, LIMIT, OFFSET),
        examples=("fits", "fits last --json"),
    ),
    Verb(
        name="lineage",
        topic="runs",
        summary="Say which cells a result stands on, and whether it can be trusted.",
        gives=Origin,
        options=(RESULT, METRIC, VARIABLE),
        examples=("lineage last --metric accuracy", "lineage churn@3"),
    ),
    Verb(
        name="graph",
        topic="runs",
        summary="Follow an endpoint, model, metric or run back to the cells, modules, data and files it was made of.",
        gives=Graph,
        options=(MADE, METRIC, VARIABLE),
        examples=("graph churn", "graph last --metric accuracy"),
    ),
    Verb(
        name="slice",
        topic="runs",
        summary="Write the cells that lead to a result, as they ran, as a notebook that runs.",
        gives=Slice,
        changes=True,
        doors=("shell", "notebook"),
        options=(
            RESULT,
            METRIC,
            VARIABLE,
            Option(name="output", short="-o", kind="path", default="slice.ipynb", help="The notebook to write."),
        ),
        examples=("slice last --metric accuracy -o slice.ipynb", "slice churn@3"),
    ),
    Verb(
        name="reproduce",
        topic="runs",
        summary="Run a recorded result again in a fresh kernel, as it ran, and compare what comes out.",
        gives=Reproduction,
        changes=True,
        options=(
            RESULT,
            METRIC,
            VARIABLE,
            Option(
                name="tolerance",
                kind="number",
                minimum=0,
                default=1e-9,
                metavar="SHARE",
                help="The relative difference up to which numbers count as equal.",
            ),
            Option(name="env", kind="flag", help="Build the recorded environment again, and run in it."),
            Option(name="anyway", kind="flag", help="Run even where what it read has changed or is gone."),
            Option(name="kernel", help="The kernel spec; python3 when not given."),
            Option(name="timeout", kind="number", minimum=0, metavar="SECONDS", help="How long it may take."),
        ),
        examples=("reproduce last", "reproduce last --metric accuracy", "reproduce churn@3 --tolerance 1e-6 --env"),
    ),
    Verb(
        name="show",
        topic="runs",
        summary="Open anything by its id or name: a run, cell, module, model, bundle, endpoint, window.",
        gives=Page,
        options=(
            Option(
                name="id",
                is_argument=True,
                default="last",
                completes="runs",
                help="An id, a unique start of one, or a name.",
            ),
        ),
        examples=("show", "show churn@3"),
    ),
    Verb(
        name="outputs",
        topic="runs",
        summary="Put what a cell showed at its last executions side by side.",
        gives=list[ShownOutputs],
        options=(
            Option(name="id", is_argument=True, is_required=True, help="An execution of the cell: its id."),
            Option(name="limit", kind="integer", minimum=1, default=10, short="-n", help="How many executions."),
        ),
        examples=("outputs 01920f3c-5b1e",),
    ),
    Verb(
        name="compare",
        topic="runs",
        summary="Say what differs between runs: parameters, metrics, cells, packages, commits.",
        gives=Comparison,
        options=(
            Option(
                name="runs",
                is_argument=True,
                is_many=True,
                is_required=True,
                completes="runs",
                metavar="RUN",
                help="Two or more runs.",
            ),
        ),
        examples=("compare 01981a 01981b",),
    ),
    Verb(
        name="plot",
        topic="runs",
        summary="Draw a run, several runs, a sweep, a model or an endpoint, and keep the pictures with it.",
        gives=Plotted,
        changes=True,
        options=(
            Option(
                name="ids",
                is_argument=True,
                is_many=True,
                is_required=True,
                completes="runs",
                metavar="ID",
                help="A run, sweep, endpoint or model such as churn@3; or several runs.",
            ),
            Option(name="kind", is_many=True, kind="choice", choices=KINDS, help="Only this kind of picture."),
            Option(
                name="data",
                kind="path",
                metavar="ROWS",
                help="For a model: a file with rows that it was not trained on; in a notebook also a variable.",
            ),
            Option(
                name="target",
                help="The column of them with the truth; in a notebook also a variable with one value each.",
            ),
            Option(name="hours", kind="number", minimum=0, help="For an endpoint: only the newest hours."),
            Option(
                name="output", short="-o", kind="path", metavar="FILE", help="Write a copy as .svg, .png or .pdf too."
            ),
        ),
        examples=(
            "plot last",
            "plot churn@3 --data test.parquet --target churned --kind roc -o roc.svg",
            "plot churn --kind latency --hours 24",
        ),
    ),
    Verb(
        name="tag",
        topic="runs",
        summary="Set and remove tags of a run, by which runs --where finds it.",
        gives=Run,
        changes=True,
        options=(
            NAMED_RUN,
            Option(name="tags", is_argument=True, kind="pairs", metavar="NAME=VALUE", help="The tags to set."),
            Option(name="remove", is_many=True, metavar="NAME", help="Take this tag off."),
        ),
        examples=("tag last team=churn stage=draft", "tag last --remove stage"),
    ),
    Verb(
        name="note",
        topic="runs",
        summary="Write a note on a run, in place of the one it has.",
        gives=Run,
        changes=True,
        options=(
            NAMED_RUN,
            Option(
                name="text", is_argument=True, is_required=True, help='The note; "" takes off the one that is there.'
            ),
        ),
        examples=('note last "the first with clean ages"',),
    ),
    Verb(
        name="rename",
        topic="runs",
        summary="Give a run another name.",
        gives=Run,
        changes=True,
        options=(NAMED_RUN, Option(name="name", is_argument=True, is_required=True, help="The name.")),
        examples=("rename last baseline",),
    ),
    Verb(
        name="archive",
        topic="runs",
        summary="Take runs out of the lists; nothing of them is lost.",
        gives=list[Run],
        changes=True,
        options=(_runs_of("runs"),),
        examples=("archive 01981a 01981b",),
    ),
    Verb(
        name="delete",
        topic="runs",
        summary="Put runs into the trash, where they stay restorable until gc removes them.",
        gives=list[Run],
        changes=True,
        options=(_runs_of("runs"),),
        examples=("delete 01981a",),
    ),
    Verb(
        name="restore",
        topic="runs",
        summary="Bring runs back from the trash, or from the archive into the lists.",
        gives=list[Run],
        changes=True,
        options=(_runs_of("put_away"),),
        examples=("restore 01981a",),
    ),
    Verb(
        name="gc",
        topic="runs",
        summary="Remove what has long been in the trash and what no record refers to; without --apply only show it.",
        gives=Collected,
        changes=True,
        options=(
            Option(name="apply", kind="flag", default=False, help="Really remove it; without, nothing is changed."),
            Option(
                name="older_than",
                kind="number",
                default=30.0,
                metavar="DAYS",
                help="Remove runs that have been in the trash for so many days.",
            ),
        ),
        examples=("gc", "gc --apply", "gc --older-than 7 --apply"),
    ),
    Verb(
        name="extract",
        topic="functions",
        summary="Take functions and classes out of the notebook into a versioned module.",
        gives=ModuleVersion,
        changes=True,
        options=(
            *DEFINITIONS,
            ONLY,
            OVERWRITE,
            Option(name="accept", kind="flag", help="Let recorded calls give other results than before."),
            Option(
                name="with_tests",
                kind="flag",
                help="Record calls of these functions from now on, and write the tests that replay them.",
            ),
            Option(name="replace", kind="flag", help="Offer the import line that takes the place of the code."),
        ),
        examples=(
            "extract build_features train --to churn.features",
            "extract clean --to churn.clean --notebook churn.ipynb --parameter customers",
        ),
    ),
    Verb(
        name="preview",
        topic="functions",
        summary="Show what extract would write and what is in its way, without writing anything.",
        gives=Preview,
        options=(*DEFINITIONS, ONLY, Option(name="proof", kind="flag", help="Import it in a clean process too.")),
        examples=("preview train --to churn.training",),
    ),
    Verb(
        name="modules",
        topic="functions",
        summary="List the modules taken from notebooks, and whether their files were edited since.",
        gives=list[ModuleState],
        examples=("modules",),
    ),
    Verb(
        name="history",
        topic="functions",
        summary="List every version of a module, newest first.",
        gives=list[ModuleVersion],
        options=(MODULE,),
        examples=("history churn.features",),
    ),
    Verb(
        name="diff",
        topic="functions",
        summary="Show a module's edits three ways (notebook, recorded, file), or two versions against each other.",
        gives=str,
        options=(
            MODULE,
            Option(
                name="other",
                is_argument=True,
                completes="modules",
                help="A second version, such as churn.features@1.0.0.",
            ),
            NOTEBOOK,
        ),
        examples=("diff churn.features", "diff churn.features@1.0.0 churn.features@1.1.0"),
    ),
    Verb(
        name="test",
        topic="functions",
        summary="Replay the calls that were recorded for a module, and say which give something else.",
        gives=TestReport,
        changes=True,
        options=(MODULE,),
        examples=("test churn.features",),
    ),
    Verb(
        name="pull",
        topic="functions",
        summary="Offer what was edited in a module's file as new cells of the notebook; nothing is overwritten.",
        gives=list[Pulled],
        changes=True,
        options=(MODULE, NOTEBOOK),
        examples=("pull churn.features",),
    ),
    Verb(
        name="build",
        topic="functions",
        summary="Build an installable wheel of a package taken from notebooks.",
        gives=Built,
        changes=True,
        options=(
            Option(name="package", is_argument=True, is_required=True, help="The top-level package, such as churn."),
            Option(name="out", kind="path", help="The folder to write to; dist when not given."),
            Option(name="version", help="The wheel's version; its newest module's when not given."),
            OVERWRITE,
        ),
        examples=("build churn",),
    ),
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
            Option(name="runner", default="local", help="Where runs are executed: local, dask, ray."),
            SCHEDULER,
            Option(
                name="ship",
                is_many=True,
                metavar="PATH",
                help="Send this file or folder to workers too, besides what the notebook names.",
            ),
            NOTIFY,
        ),
        examples=(
            "retrain churn.ipynb --grid depth=2,4,8 --runner dask --scheduler tcp://10.0.0.5:8786 --jobs 8",
            "retrain churn.ipynb -p lr=0.1 --notify team",
            "retrain churn.ipynb --grid depth=2,4,8 --grid lr=0.1,0.01 --objective max:accuracy --jobs 2",
            'retrain churn.ipynb --search depth --search "lr=1e-4..1 log" --trials 30 --objective max:accuracy',
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
        ),
        examples=("results churn",),
    ),
    Verb(
        name="schedule",
        topic="schedules",
        summary="Run a notebook again by itself, at times or when a condition holds.",
        gives=Scheduled,
        changes=True,
        options=(
            FILE,
            Option(name="cron", metavar="TIMES", help='When, as cron says it: "0 3 * * *"; or @daily and its like.'),
            Option(
                name="when",
                is_many=True,
                metavar="KIND:WHAT",
                help="Only when this holds at such a time: new-data:PATTERN, model-age:MODEL>30d, metric:NAME<BAR; "
                "looked at every five minutes without --cron.",
            ),
            Option(
                name="param", short="-p", kind="pairs", metavar="NAME=VALUE", help="Set a parameter of the notebook."
            ),
            Option(
                name="to",
                kind="choice",
                choices=TARGETS,
                help="Install a timer there that calls it; nbops watch does without.",
            ),
            Option(
                name="output",
                short="-o",
                kind="path",
                metavar="FOLDER",
                help="Write the timer's files into this folder and install nothing.",
            ),
            Option(name="name", help="A name for the schedule; the notebook's when not given."),
            Option(name="timezone", metavar="ZONE", help="The zone of the times: Europe/Berlin; else this machine's."),
            Option(name="kernel", help="The kernel spec; the one the notebook asks for when not given."),
            Option(name="timeout", kind="number", minimum=0, metavar="SECONDS", help="How long one run may take."),
            Option(name="retries", kind="integer", minimum=0, default=0, help="How often a failed run is tried again."),
            NOTIFY,
            Option(
                name="overlap",
                kind="choice",
                choices=("forbid", "allow"),
                default="forbid",
                help="Whether it may fire while its last run goes on.",
            ),
            Option(
                name="debounce",
                default="60s",
                metavar="TIME",
                help="How long new data must have stood still before it counts.",
            ),
            Option(
                name="cooldown",
                default="1d",
                metavar="TIME",
                help="How long the same old model or bad metric does not fire again.",
            ),
            Option(name="image", help="For --to kubernetes: the image that has this project and nbops."),
            Option(name="replace", kind="flag", help="Change the schedule that has the name."),
        ),
        examples=(
            'schedule churn.ipynb --cron "0 3 * * *" -p days=30 --to systemd --notify team',
            "schedule churn.ipynb --when 'new-data:data/*.parquet' --when 'metric:accuracy<0.9'",
            "schedule churn.ipynb --cron @daily --when 'model-age:churn@production>30d' --retries 1 --timeout 3600",
        ),
    ),
    Verb(
        name="schedules",
        topic="schedules",
        summary="List schedules with when they are due next and how they went last.",
        gives=list[ScheduleState],
        options=(LIMIT, OFFSET),
        examples=("schedules",),
    ),
    Verb(
        name="firings",
        topic="schedules",
        summary="List what fired, newest first, or only what one schedule fired.",
        gives=list[Firing],
        options=(
            Option(name="schedule", is_argument=True, completes="schedules", help="Only those of this schedule."),
            LIMIT,
            OFFSET,
        ),
        examples=("firings", "firings churn"),
    ),
    Verb(
        name="fire",
        topic="schedules",
        summary="Fire a schedule if it is due and nobody has; what its timers call.",
        gives=Fired,
        changes=True,
        options=(
            SCHEDULE,
            Option(name="now", kind="flag", help="Run it now, whatever its times and conditions say."),
            Option(
                name="wait",
                kind="flag",
                help="Where another process carries it out, wait for the end, and take over if that dies.",
            ),
        ),
        examples=("fire churn", "fire churn --now"),
    ),
    Verb(
        name="pause",
        topic="schedules",
        summary="Let a schedule's times pass until it is unpaused.",
        gives=Schedule,
        changes=True,
        options=(SCHEDULE,),
        examples=("pause churn",),
    ),
    Verb(
        name="unpause",
        topic="schedules",
        summary="Let a paused schedule fire again, from its next time on.",
        gives=Schedule,
        changes=True,
        options=(SCHEDULE,),
        examples=("unpause churn",),
    ),
    Verb(
        name="unschedule",
        topic="schedules",
        summary="Remove a schedule and its timers on this machine; its runs stay.",
        gives=Unscheduled,
        changes=True,
        options=(SCHEDULE,),
        examples=("unschedule churn",),
    ),
    Verb(
        name="watch",
        topic="schedules",
        summary="Fire all schedules when they are due, until stopped; for a long-lived service.",
        gives=int,
        changes=True,
        doors=("shell",),
        options=(
            Option(
                name="jobs", short="-j", kind="integer", minimum=1, default=2, help="How many firings go on at a time."
            ),
        ),
        examples=("watch", "watch --jobs 4"),
    ),
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
    Verb(
        name="deploy",
        topic="endpoints",
        summary="Put a model behind a stable address, checked before it takes any traffic.",
        gives=Endpoint,
        changes=True,
        options=(
            MODEL,
            Option(name="name", help="The endpoint's name; the model's when not given."),
            Option(
                name="engine", help="Where it runs: docker, process, or an installed package's.", completes="engines"
            ),
            Option(name="sample", help="In a notebook: the variable with rows the model was trained on."),
            Option(name="base_image", metavar="IMAGE", help="What the image is built on: a tag, a digest or an id."),
            Option(name="platform", help="What the image is made for, such as linux/amd64."),
            Option(name="save", kind="path", metavar="FILE", help="Write the proven image to a file for docker load."),
            Option(
                name="push", metavar="REGISTRY", help="Push the proven image to a registry before it takes traffic."
            ),
            Option(name="isolated", kind="flag", default=False, help="Without Docker: serve with a venv of its own."),
        ),
        examples=(
            "deploy churn@3 --name churn",
            "deploy model --name churn --sample X_train",
            "deploy churn@3 --push registry.example.com/team",
            "deploy churn@3 --engine process --isolated",
        ),
    ),
    Verb(
        name="endpoints",
        topic="endpoints",
        summary="List endpoints with what runs behind them.",
        gives=list[Endpoint],
        examples=("endpoints",),
    ),
    Verb(
        name="deployments",
        topic="endpoints",
        summary="List what runs or ran behind an endpoint, newest first.",
        gives=list[Deployment],
        options=(
            Option(name="endpoint", is_argument=True, completes="endpoints", help="Only those of this endpoint."),
            LIMIT,
            OFFSET,
        ),
        examples=("deployments churn",),
    ),
    Verb(
        name="predict",
        topic="endpoints",
        summary="Ask an endpoint; without rows, with its own example.",
        gives=Prediction,
        changes=True,
        options=(
            ENDPOINT,
            Option(
                name="rows",
                is_argument=True,
                help="A JSON or CSV file, JSON text, or - for standard input; in a notebook also a variable.",
            ),
        ),
        examples=("predict churn", "predict churn rows.json", "predict churn '[{\"age\": 41}]'"),
    ),
    Verb(
        name="rollback",
        topic="endpoints",
        summary="Go back to what answered before the last deploy, or to an earlier version of a module.",
        gives=RolledBack,
        changes=True,
        options=(
            Option(
                name="name",
                is_argument=True,
                is_required=True,
                completes="endpoints",
                help="An endpoint; or a module's version, such as churn.features@1.2.0.",
            ),
            OVERWRITE,
        ),
        examples=("rollback churn", "rollback churn.features@1.2.0"),
    ),
    Verb(
        name="logs",
        topic="endpoints",
        summary="Show the newest lines an endpoint's server wrote.",
        gives=str,
        options=(
            ENDPOINT,
            Option(name="lines", kind="integer", minimum=1, default=100, short="-n", help="How many lines."),
        ),
        examples=("logs churn -n 20",),
    ),
    Verb(
        name="stop",
        topic="endpoints",
        summary="Stop an endpoint and everything behind it; its records and logs stay.",
        gives=Endpoint,
        changes=True,
        options=(ENDPOINT,),
        examples=("stop churn",),
    ),
    Verb(
        name="monitor",
        topic="watching",
        summary="Measure drift, latency and errors of an endpoint's requests against the training data.",
        gives=Window,
        changes=True,
        options=(
            ENDPOINT,
            Option(
                name="hours",
                kind="number",
                minimum=0,
                help="Only the last hours; everything since the deploy when not given.",
            ),
        ),
        examples=("monitor churn", "monitor churn --hours 24"),
    ),
    Verb(
        name="sync",
        topic="start",
        summary="Forward what the local journal still holds to the team's store.",
        gives=Synced,
        changes=True,
        examples=("sync",),
    ),
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


def verb_named(name: str) -> Verb:
    """Return the verb of this name.

    Raises:
        UsageError: there is none; near names are shown.

    Example:
        >>> verb_named("runs").topic
        'runs'
    """
    for verb in VERBS:
        if verb.name == name:
            return verb
    near = difflib.get_close_matches(name, [verb.name for verb in VERBS], n=3)
    raise UsageError(
        f"nbops has no verb {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""),
        code="unknown_verb",
        hint=f"nbops {near[0]} --help" if near else "nbops --help",
    )
