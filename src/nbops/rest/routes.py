"""Every address of the API: one for each verb of the grammar, and the few that only a panel needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from nbops.errors import NotFoundError, UsageError
from nbops.grammar import VERBS, Option, Verb
from nbops.records import NOUNS, Artifact, CellExecution, Record, Run
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


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a list has without its limit."""

    total: int


class NotebookCells(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of one notebook: its newest run, and each cell's newest execution."""

    run: Run | None
    cells: list[CellExecution]
    """In the order they ran."""
    executions: int
    """How many executions the run has, those of the same cell counted each."""


class Bytes(msgspec.Struct, frozen=True, kw_only=True):
    """Content that is sent as it is, always as a download: what is stored may be hostile HTML."""

    content: bytes
    name: str


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


def _verb_route(verb: Verb) -> Route:
    action: Action = "read"
    if verb.changes:
        action = "write" if verb.topic in ("start", "runs") else "execute"

    def do(workspace: Workspace, values: dict[str, Any]) -> Any:
        if verb.name == "predict":
            _rows_are_json(values.get("rows"))
        return getattr(workspace, verb.name)(**values)

    return Route(
        name=verb.name,
        method="POST" if verb.changes else "GET",
        action=action,
        summary=verb.summary,
        options=verb.options,
        gives=verb.gives,
        do=do,
        empty=[] if get_origin(verb.gives) is list and not verb.changes else None,
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
        gives=list[kind],  # type: ignore[valid-type]
        do=do,
        empty=[],
    )


def _count_runs(workspace: Workspace, values: dict[str, Any]) -> Count:
    return Count(total=workspace.store.count_runs(values["where"]))


def _count_cells(workspace: Workspace, values: dict[str, Any]) -> Count:
    run = workspace.store.resolve(Run, values["run"])
    if run.kind == "named":
        # Its cells are a stretch of its session's, which only a look at them tells.
        return Count(total=len(workspace.cells(run.id, limit=None)))
    return Count(total=workspace.store.count(CellExecution, run_id=run.id))


def _changes(workspace: Workspace, values: dict[str, Any]) -> list[Change]:
    return workspace.store.changes(values["since"], limit=values["limit"])


def _notebook(workspace: Workspace, values: dict[str, Any]) -> NotebookCells:
    store = workspace.store
    path = Path(values["path"])
    # A run knows its notebook relative to the project when inside it.
    known = path.relative_to(workspace.root) if path.is_relative_to(workspace.root) else path
    # Named runs are parts of the session that has the cells.
    whole = [run for run in store.find(Run, notebook=str(known), limit=MOST_ROWS) if run.kind != "named"]
    if not whole:
        return NotebookCells(run=None, cells=[], executions=0)
    run = whole[0]
    newest: dict[str, CellExecution] = {}
    for cell in store.find(CellExecution, run_id=run.id, order_by="-position", limit=MOST_ROWS):
        newest.setdefault(cell.cell_id or cell.id, cell)
    cells = sorted(newest.values(), key=lambda cell: cell.position)
    return NotebookCells(run=run, cells=cells, executions=store.count(CellExecution, run_id=run.id))


def _content(workspace: Workspace, values: dict[str, Any]) -> Bytes:
    artifact = workspace.store.get(Artifact, values["id"])
    if artifact.size_bytes > CONTENT_BYTES:
        raise UsageError(
            f"{artifact.name} has {artifact.size_bytes:,} bytes; at most {CONTENT_BYTES:,} are sent to a browser",
            hint=f"nbops show {artifact.id}",
        )
    if not workspace.blobs.has(artifact.digest):
        raise NotFoundError(
            f"the bytes of {artifact.name} are no longer stored ({artifact.digest[:12]})", hint="nbops doctor"
        )
    return Bytes(content=workspace.blobs.get(artifact.digest), name=Path(artifact.name).name)


CONTENT_BYTES = 20_000_000

_OWN = (
    Route(
        name="runs/count",
        method="GET",
        action="read",
        summary="Count the runs that match an expression.",
        options=(Option(name="where", help="An expression: metrics.accuracy > 0.9 and params.depth = 4."),),
        gives=Count,
        do=_count_runs,
        empty=Count(total=0),
    ),
    Route(
        name="cells/count",
        method="GET",
        action="read",
        summary="Count the cells of a run.",
        options=(Option(name="run", default="last", help="A run: id, unique start of an id, name or last."),),
        gives=Count,
        do=_count_cells,
        empty=Count(total=0),
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
        name="content",
        method="GET",
        action="read",
        summary="Download the bytes of an artifact.",
        options=(Option(name="id", is_required=True, help="The artifact's id."),),
        gives=Bytes,
        do=_content,
    ),
)

ROUTES: tuple[Route, ...] = (
    *(_verb_route(verb) for verb in VERBS if "rest" in verb.doors),
    *_OWN,
    *(_record_route(kind) for kind in NOUNS),
)
"""Everything the API answers to. An address that is not here does not exist."""
