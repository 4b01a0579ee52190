"""Verbs of runs: lists, where results come from, comparison, housekeeping."""

from __future__ import annotations

from nbops.flows.compare import Comparison
from nbops.flows.download import Downloaded
from nbops.flows.outputs import ShownOutputs
from nbops.flows.plot import KINDS, Plotted
from nbops.flows.show import Page
from nbops.grammar.language import Option, Verb
from nbops.grammar.verbs.options import (
    ARCHIVED,
    DELETED,
    LIMIT,
    MADE,
    METRIC,
    NAMED_RUN,
    OFFSET,
    RESULT,
    RUN,
    VARIABLE,
    _runs_of,
)
from nbops.keep import Collected
from nbops.lineage import CellState, Graph, Origin, Slice
from nbops.records import (
    Fit,
    Reproduction,
    Run,
)
from nbops.store.interface import RunSummary

RUNS: tuple[Verb, ...] = (
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
        name="download",
        topic="runs",
        summary="Write a run's artifacts, or one artifact, to files.",
        gives=list[Downloaded],
        changes=True,
        options=(
            Option(
                name="id",
                is_argument=True,
                default="last",
                completes="runs",
                help="A run: id, unique start of an id, name or last; or the id of one artifact.",
            ),
            Option(
                name="names", is_argument=True, is_many=True, metavar="NAME", help="Only these of the run's artifacts."
            ),
            Option(name="out", kind="path", short="-o", default=".", help="The folder to write to."),
            Option(name="overwrite", kind="flag", help="Replace files that hold something else."),
        ),
        examples=("download", "download last report.html -o reports"),
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
)
