"""Every address of the API: one for each verb of the grammar, and the few that only a panel needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from nbops.errors import UsageError
from nbops.grammar import VERBS, Option, Verb
from nbops.grammar.verbs.options import ARCHIVED, DELETED
from nbops.records import NOUNS, Record
from nbops.rest import answers
from nbops.rest.notebook import NotebookCells, notebook_cells
from nbops.store.interface import Change
from nbops.store.tables import NAMES
from nbops.workspace import Workspace

PREFIX = "nbops/api/v1"
MOST_ROWS = 500
"""No reply lists more than this; callers page."""

Method = Literal["GET", "POST", "DELETE"]
Kind = Literal["text", "integer", "number", "flag", "path", "choice", "pairs"]
Action = Literal["read", "write", "execute"]
"""What Jupyter's authorizer is asked for."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One address with one method."""

    name: str
    """Path below the prefix, and the operation's name."""
    method: Method
    action: Action
    summary: str
    options: tuple[Option, ...]
    gives: Any
    do: Callable[[Workspace, dict[str, Any]], Any]
    """Called in a thread with the opened project and the understood options."""
    empty: Any = None
    """The answer where nothing was recorded yet; None: then there is no answer."""
    reads_store: bool = True


RUNS_CODE = frozenset({"plot", "preview", "reproduce"})
"""Verbs that run what they look at: no link and no image tag may set them off, and they take the right to execute."""


READS_FILES = frozenset({"parameters"})
"""Verbs that read a file and no record, so that they have an answer where nothing was recorded yet."""


def _verb_route(verb: Verb) -> Route:
    action: Action = "read"
    if verb.changes or verb.name in RUNS_CODE:
        action = "write" if verb.topic in ("start", "runs") and verb.name not in RUNS_CODE else "execute"

    def do(workspace: Workspace, values: dict[str, Any]) -> Any:
        if verb.name == "predict":
            _rows_are_json(values.get("rows"))
        return getattr(workspace, verb.method)(**values)

    return Route(
        name=verb.name.replace(" ", "/"),
        method="GET" if action == "read" else "POST",
        action=action,
        summary=verb.summary,
        options=verb.options,
        gives=verb.gives,
        do=do,
        empty=[] if get_origin(verb.gives) is list and action == "read" else None,
        reads_store=verb.name not in READS_FILES,
    )


def _rows_are_json(rows: str | None) -> None:
    # In the shell `rows` may be a file or `-`; here a path would read the server's disk and `-` hang on its stdin.
    if rows is not None and not rows.lstrip().startswith(("[", "{")):
        raise UsageError("rows must be JSON text here", hint='"rows": "[{\\"age\\": 41}]"')


LIMIT = Option(name="limit", kind="integer", default=50, help="How many at most.")
OFFSET = Option(name="offset", kind="integer", default=0, help="How many to pass over first.")
ORDER_BY = Option(name="order_by", default="-id", help="Field to sort by, - first for descending.")

_SCALARS: tuple[tuple[type, Kind], ...] = ((str, "text"), (int, "integer"), (bool, "flag"))


def _record_options(kind: type[Record]) -> tuple[Option, ...]:
    """The fields of a noun that a list can be narrowed by: those that hold one plain value."""
    options = [_field_option(name, hint) for name, hint in get_type_hints(kind).items()]
    return (*(option for option in options if option is not None), ORDER_BY, LIMIT, OFFSET)


def _field_option(name: str, hint: Any) -> Option | None:
    text = f"Only those with this {name}."
    if get_origin(hint) is Literal:
        return Option(name=name, kind="choice", choices=get_args(hint), help=text)
    plain = next((kind for scalar, kind in _SCALARS if hint in (scalar, scalar | None)), None)
    return None if plain is None else Option(name=name, kind=plain, help=text)


def _record_route(kind: type[Record]) -> Route:
    def do(workspace: Workspace, values: dict[str, Any]) -> Any:
        given = {name: value for name, value in values.items() if value is not None}
        return workspace.store.find(kind, **given)

    return Route(
        name=f"records/{NAMES[kind]}",
        method="GET",
        action="read",
        summary=f"List {kind.__name__} records, newest first, narrowed by their fields.",
        options=_record_options(kind),
        gives=list[kind],  # type: ignore[valid-type]  # known when it runs
        do=do,
        empty=[],
    )


def _changes(workspace: Workspace, values: dict[str, Any]) -> list[Change]:
    return workspace.store.changes(values["since"], limit=values["limit"])


def _notebook(workspace: Workspace, values: dict[str, Any]) -> NotebookCells:
    return notebook_cells(workspace.store, root=workspace.root, path=Path(values["path"]))


_OWN = (
    Route(
        name="runs/count",
        method="GET",
        action="read",
        summary="Count the runs that match an expression.",
        options=(
            Option(name="where", help="An expression: metrics.accuracy > 0.9 and params.depth = 4."),
            ARCHIVED,
            DELETED,
        ),
        gives=answers.Count,
        do=answers.count_runs,
        empty=answers.Count(total=0),
    ),
    Route(
        name="cells/count",
        method="GET",
        action="read",
        summary="Count the cells of a run.",
        options=(Option(name="run", default="last", help="A run: id, unique start of an id, name or last."),),
        gives=answers.Count,
        do=answers.count_cells,
        empty=answers.Count(total=0),
    ),
    Route(
        name="curves",
        method="GET",
        action="read",
        summary="Give the metrics of runs over their steps.",
        options=(Option(name="runs", is_many=True, is_required=True, metavar="RUN", help="At most twenty runs."),),
        gives=list[answers.Curve],
        do=answers.curves,
        empty=[],
    ),
    Route(
        name="changes",
        method="GET",
        action="read",
        summary="List the writes after a sequence number, oldest first.",
        options=(
            Option(name="since", kind="integer", default=0, help="Sequence number of the last write already known."),
            LIMIT,
        ),
        gives=list[Change],
        do=_changes,
        empty=[],
    ),
    Route(
        name="notebook",
        method="GET",
        action="read",
        summary="Say what is recorded of one notebook: its newest run and each cell's newest execution.",
        options=(Option(name="path", kind="path", is_required=True, help="The notebook, from the server's root."),),
        gives=NotebookCells,
        do=_notebook,
        empty=NotebookCells(run=None, cells=[], executions=0),
    ),
    Route(
        name="sweeps/state",
        method="GET",
        action="read",
        summary="List sweeps with how far they have come.",
        options=(LIMIT, OFFSET),
        gives=list[answers.SweepState],
        do=answers.sweep_states,
        empty=[],
    ),
    Route(
        name="modules/page",
        method="GET",
        action="read",
        summary="Put a module's version beside another one and the file on disk.",
        options=(
            Option(name="module", is_required=True, help="The module, such as churn.features."),
            Option(name="version", help="One of its versions; the newest when not given."),
            Option(name="against", help="The version to compare it with; the one before when not given."),
        ),
        gives=answers.ModulePage,
        do=answers.module_page,
    ),
    Route(
        name="models/state",
        method="GET",
        action="read",
        summary="List model versions, newest first, with their aliases and checks.",
        options=(LIMIT, OFFSET),
        gives=list[answers.ModelState],
        do=answers.model_states,
        empty=[],
    ),
    Route(
        name="models/one",
        method="GET",
        action="read",
        summary="Give one model version with its aliases and checks.",
        options=(Option(name="model", is_required=True, help="The model version, such as churn@3."),),
        gives=answers.ModelState,
        do=answers.model_one,
    ),
    Route(
        name="endpoints/state",
        method="GET",
        action="read",
        summary="List endpoints with what answers there, where that came from, and how it fares.",
        options=(Option(name="name", help="Only this endpoint."),),
        gives=list[answers.EndpointState],
        do=answers.endpoint_states,
        empty=[],
    ),
    Route(
        name="content",
        method="GET",
        action="read",
        summary="Download the bytes of an artifact.",
        options=(Option(name="id", is_required=True, help="The artifact's id."),),
        gives=answers.Bytes,
        do=answers.content,
    ),
)

ROUTES: tuple[Route, ...] = (
    *(_verb_route(verb) for verb in VERBS if "rest" in verb.doors),
    *_OWN,
    *(_record_route(kind) for kind in NOUNS),
)
"""Everything the API answers to. An address that is not here does not exist."""
