"""Whether what a cell showed is still true: stale, out of order, edited or deleted since."""

from __future__ import annotations

from collections.abc import Sequence

from nbops.lineage.story import STATE, Story, key_of
from nbops.masking.marks import is_same_source
from nbops.records import CellExecution
from nbops.source.cells import with_newlines


class CellState(CellExecution, frozen=True, kw_only=True):
    """An execution, and what has become of it since."""

    stale: list[str] = []
    """Names it read that hold something else now: it would give another result."""
    is_out_of_order: bool = False
    """Whether it ran after a cell that stands below it."""
    is_edited: bool = False
    """Whether its cell says something else now than what ran."""
    is_deleted: bool = False
    """Whether its cell is gone from the notebook while what it made lives on."""
    is_superseded: bool = False
    """Whether the same cell has run again since."""

    @property
    def marks(self) -> str:
        """What a list says of it."""
        said = [f"stale: {', '.join(self.stale)}"] if self.stale else []
        said += ["out of order"] if self.is_out_of_order else []
        said += ["edited since"] if self.is_edited else []
        said += ["cell deleted"] if self.is_deleted else []
        return "; ".join(said)


def judge(story: Story, executions: Sequence[CellExecution] | None = None) -> list[CellState]:
    """Tell of executions what has become of them since.

    Args:
        story: the session they ran in.
        executions: those to judge; all when not given. Only a cell's last execution can be stale or out of order.

    Returns:
        One state for each, in their order.

    Example:
        >>> from nbops.records import Edge, Lineage, Written
        >>> def cell(position, cell_id, reads=(), writes=()):
        ...     edges = [Edge(name=name, source_id=source, evidence="named") for name, source in reads]
        ...     lineage = Lineage(edges=edges, writes=[Written(name=name, evidence="named") for name in writes])
        ...     return CellExecution(
        ...         id=str(position), run_id="r", position=position, source="", cell_id=cell_id, started_at=0.0,
        ...         lineage=lineage,
        ...     )
        >>> ran = [cell(1, "a", writes=["x"]), cell(2, "b", reads=[("x", "1")]), cell(3, "a", writes=["x"])]
        >>> [(state.stale, state.is_out_of_order) for state in judge(Story(ran))]
        [([], False), (['x'], False), ([], True)]
    """
    stale = stale_names(story)
    chosen = story.executions if executions is None else executions
    return [_state(story, execution, stale.get(execution.id, [])) for execution in chosen]


def stale_names(story: Story) -> dict[str, list[str]]:
    """Execution → names it read that would be others if its notebook ran from the top now."""
    found: dict[str, list[str]] = {}
    for execution in sorted(story.newest.values(), key=lambda one: one.position):
        names = []
        for edge in story.edges(execution):
            if edge.name.startswith(STATE[0]):
                continue
            source = story.by_id.get(edge.source_id or "")
            if _is_changed(story, execution, edge.name, edge.digest) or (
                source is not None and source.id in found and source.id != execution.id
            ):
                names.append(edge.name)
        if names:
            found[execution.id] = sorted(set(names))
    return found


def _is_changed(story: Story, execution: CellExecution, name: str, digest: str) -> bool:
    """Whether a cell above has written the name since; what cells below do to it comes later from the top as well."""
    for writer, held in reversed(story.writers.get(name, ())):
        if writer.position <= execution.position:
            return False
        if key_of(writer) != key_of(execution) and story.place(writer) < story.place(execution):
            return not (held and held == digest)
    return False


def is_edited(story: Story, execution: CellExecution) -> bool:
    """Whether the cell says something else in the notebook's file, saved after it ran, than what ran."""
    cell = story.notebook.get(execution.cell_id or "")
    if cell is None or story.saved_at < execution.started_at:
        return False
    return not is_same_source(with_newlines(execution.source).strip(), with_newlines(cell.source).strip())


def is_deleted(story: Story, execution: CellExecution) -> bool:
    """Whether the cell is gone from the notebook's file, saved after it ran."""
    if not story.notebook or execution.cell_id is None or execution.cell_id in story.notebook:
        return False
    return story.saved_at >= (execution.ended_at or execution.started_at)


def _state(story: Story, execution: CellExecution, stale: list[str]) -> CellState:
    newest = story.newest.get(key_of(execution))
    is_newest = newest is not None and newest.id == execution.id
    fields = {name: getattr(execution, name) for name in CellExecution.__struct_fields__}
    return CellState(
        **fields,
        stale=stale,
        is_out_of_order=is_newest and _is_out_of_order(story, execution),
        is_edited=is_newest and is_edited(story, execution),
        is_deleted=is_deleted(story, execution) and lives(story, execution),
        is_superseded=newest is not None and not is_newest,
    )


def _is_out_of_order(story: Story, execution: CellExecution) -> bool:
    place = story.place(execution)
    return any(other.position < execution.position and story.place(other) > place for other in story.newest.values())


def lives(story: Story, execution: CellExecution) -> bool:
    """Whether a name still holds what this execution gave it."""
    written = execution.lineage.writes if execution.lineage is not None else []
    return any(story.writers[one.name][-1][0].id == execution.id for one in written if one.name in story.writers)
