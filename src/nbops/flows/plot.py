"""Pictures of a run, a sweep, a model or an endpoint, kept as artifacts of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from nbops.errors import BundleError, MonitorError, NbopsError, NotFoundError, UsageError
from nbops.flows.sweep_draws import best_runs, draws_of
from nbops.progress import stage
from nbops.records import Artifact, Endpoint, Model, ModelVersion, Record, Run, Sweep, new_id
from nbops.source.writing import write_whole
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

if TYPE_CHECKING:
    from nbops.data.profile import ColumnProfile
    from nbops.flows.evaluation import Answered, Given, Loaded
    from nbops.plots import Drawing, Line, Pair

KINDS = (
    "parallel", "history", "front", "metrics", "importance", "confusion", "roc", "precision-recall", "calibration",
    "residuals", "drift", "latency",
)  # fmt: skip
"""Every kind of plot, in the order in which they are drawn."""
MOST_RUNS = 50
MOST_VALUES = 100_000
"""Metric values that are read of one run."""
_SHOWN_CELLS = 32
_SHOWN_CATEGORIES = 8
_SHOWN_NAMES = 4


class Plotted(msgspec.Struct, frozen=True, kw_only=True):
    """What was drawn."""

    of: str
    """What it shows, as people name it: ``churn@3``."""
    plots: list[Artifact]
    """PNG pictures with their captions; ``content`` gives their bytes."""
    left_out: dict[str, str] = {}
    """Kinds that could not be drawn, each with the reason."""
    files: list[str] = []
    """Where copies were written."""


class Wish(NamedTuple):
    """How pictures are to be made."""

    kinds: Sequence[str] = ()
    """Only these; all that can be drawn when empty."""
    data: str | None = None
    """A file with rows, or a variable of the notebook."""
    target: str | None = None
    """Where their truth is: a column of it, or a variable."""
    since: float | None = None
    """Requests from then on, seconds since the epoch, UTC."""
    output: str | None = None
    """A file to write a copy to."""


_Draws = dict[str, Callable[[], "Drawing"]]


def plot(
    references: Sequence[str],
    wish: Wish,
    *,
    store: Store,
    blobs: Blobs,
    root: Path,
    live: Mapping[str, Any] | None = None,
) -> Plotted:
    """Draw what there is to see of something, and keep the pictures with it.

    A picture that is drawn again takes the place of the one before it.

    Args:
        references: one run, sweep, model version or endpoint; or several runs, whose metrics are drawn together.
        wish: which pictures, and of which rows.
        store: where the records are.
        blobs: where the pictures are put.
        root: the project's folder, whose ``[tool.nbops.checks.held_out]`` may name rows.
        live: variables of the notebook, which ``wish.data`` and ``wish.target`` may name.

    Returns:
        The pictures; what could not be drawn stands beside them with the reason.

    Raises:
        NotFoundError: nothing answers to a reference.
        UsageError: a kind does not belong to it, or nothing can be drawn.
    """
    records = [_resolve(store, reference) for reference in references]
    if len(records) > 1 and not all(isinstance(record, Run) for record in records):
        raise UsageError("only runs are drawn together", hint="nbops plot RUN RUN")
    if wish.output is not None:
        _form_of(wish.output)
    label, draws = _draws_of(records, wish, store=store, blobs=blobs, root=root, live=live or {})
    if unfit := [kind for kind in wish.kinds if kind not in draws]:
        raise UsageError(
            f"{unfit[0]} is no plot of {label}; there are {', '.join(draws)}", hint=f"nbops plot {references[0]}"
        )
    drawings, left_out = _drawn(label, {kind: draw for kind, draw in draws.items() if kind in (wish.kinds or draws)})
    if not drawings or (wish.kinds and left_out):
        raise next(iter(left_out.values()))
    files = _copies(drawings, wish.output) if wish.output is not None else []
    plots = [_kept(drawing, label, records, store=store, blobs=blobs) for drawing in drawings]
    reasons = {kind: error.message for kind, error in left_out.items()}
    return Plotted(of=label, plots=plots, left_out=reasons, files=files)


def _resolve(store: Store, reference: str) -> Record:
    kinds: tuple[type[Record], ...] = (Run,)
    if reference != "last":
        kinds = (ModelVersion,) if "@" in reference else (Endpoint, ModelVersion, Model, Sweep, Run)
    for kind in kinds:
        with suppress(NotFoundError):
            found = store.resolve(kind, reference)
            if isinstance(found, Model):
                return store.find(ModelVersion, model=found.name, order_by="-number", limit=1)[0]
            return found
    raise NotFoundError(
        f"no run, sweep, model or endpoint has the id or name {reference!r}", hint="nbops runs, or nbops models"
    )


def _draws_of(
    records: Sequence[Record], wish: Wish, *, store: Store, blobs: Blobs, root: Path, live: Mapping[str, Any]
) -> tuple[str, _Draws]:
    """How people name what is drawn, and how each of its kinds is drawn."""
    first = records[0]
    if isinstance(first, Endpoint):
        return first.name, _endpoint_draws(first, wish, store, blobs)
    if isinstance(first, ModelVersion):
        return f"{first.model}@{first.number}", _model_draws(
            first, wish, store=store, blobs=blobs, root=root, live=live
        )
    if isinstance(first, Sweep):
        runs = best_runs(first, store, most=MOST_RUNS)
        # What each run reached in the end stands in the other pictures.
        metrics = {"metrics": lambda: _metrics(store, runs, first.name, only_stepped=True)}
        return first.name, draws_of(first, store) | metrics
    runs = [record for record in records if isinstance(record, Run)]
    label = ", ".join(run.name for run in runs) if len(runs) <= _SHOWN_NAMES else f"{len(runs)} runs"
    return label, {"metrics": lambda: _metrics(store, runs, label)}


def _drawn(label: str, draws: _Draws) -> tuple[list[Drawing], dict[str, NbopsError]]:
    drawings: list[Drawing] = []
    left_out: dict[str, NbopsError] = {}
    with stage(f"Draw {label}", total=len(draws), unit="plots") as now:
        for kind, draw in draws.items():
            now.say(kind)
            try:
                drawings.append(draw())
            except (UsageError, BundleError, MonitorError) as error:
                left_out[kind] = error
            now.advance()
    return drawings, left_out


def _kept(drawing: Drawing, label: str, records: Sequence[Record], *, store: Store, blobs: Blobs) -> Artifact:
    from nbops.plots import render

    first = records[0]
    content = render(drawing)
    artifact = Artifact(
        id=new_id(),
        run_id=first.id if isinstance(first, Run) else getattr(first, "run_id", None),
        name=f"{label} {drawing.kind}.png",
        digest=blobs.put(content),
        size_bytes=len(content),
        media_type="image/png",
        kind="plot",
        of=first.id,
        caption=drawing.caption,
        at=time.time(),
    )
    earlier = store.find(Artifact, kind="plot", of=first.id, name=artifact.name)
    store.put(artifact)
    for one in earlier:
        store.delete(Artifact, one.id)
    return artifact


def _form_of(output: str) -> Any:
    from nbops.plots import FORMS

    form = Path(output).suffix.lower()[1:]
    if form not in FORMS:
        raise UsageError(
            f"{Path(output).name} is of no format that can be drawn; there are {', '.join(FORMS)}",
            code="format_unknown",
            hint=f"-o {Path(output).stem}.svg",
        )
    return form


def _copies(drawings: Sequence[Drawing], output: str) -> list[str]:
    """Write each picture; of several each has its kind in the file's name."""
    from nbops.plots import render

    path, form, written = Path(output), _form_of(output), []
    for drawing in drawings:
        place = path if len(drawings) == 1 else path.with_stem(f"{path.stem}-{drawing.kind}")
        try:
            write_whole(place, render(drawing, form))
        except OSError as error:
            raise UsageError(f"cannot write {place}: {error.strerror}", hint=f"ls -ld {place.parent}") from error
        written.append(str(place))
    return written


# --- runs ---------------------------------------------------------------------------------------------------------


def _metrics(store: Store, runs: Sequence[Run], label: str, *, only_stepped: bool = False) -> Drawing:
    from nbops.plots import metrics

    names = [run.name for run in runs]
    found: dict[str, list[Line]] = {}
    for run in runs:
        title = run.name if names.count(run.name) == 1 else f"{run.name} {run.id[8:16]}"
        for name, line in _lines(store, run, title).items():
            found.setdefault(name, []).append(line)
    together = {
        name: lines
        for name, lines in found.items()
        if (len(lines) > 1 and not only_stepped) or any(len(line.values) > 1 for line in lines)
    }
    if not together:
        raise UsageError(
            f"{label} has no metric with more than one value" if found else f"{label} has logged no metric",
            code="nothing_to_draw",
            hint='nbops.log_metric("loss", 0.3, step=1)  # at each step, or: nbops plot RUN RUN',
        )
    return metrics(together)


def _lines(store: Store, run: Run, title: str) -> dict[str, Line]:
    from nbops.plots import Line

    points: dict[str, list[tuple[float, float]]] = {}
    for metric in store.metrics(run.id, limit=MOST_VALUES):
        line = points.setdefault(metric.name, [])
        line.append((metric.step if metric.step is not None else len(line), metric.value))
    ordered = {name: sorted(line, key=lambda point: point[0]) for name, line in points.items()}
    return {
        name: Line(title, [step for step, _ in line], [value for _, value in line]) for name, line in ordered.items()
    }


# --- models -------------------------------------------------------------------------------------------------------


def _model_draws(
    version: ModelVersion, wish: Wish, *, store: Store, blobs: Blobs, root: Path, live: Mapping[str, Any]
) -> _Draws:
    from functools import cache

    from nbops import plots
    from nbops.flows import evaluation

    label = f"{version.model}@{version.number}"
    # Loaded and asked once for all kinds.
    model = cache(lambda: evaluation.Loaded(version, blobs))
    rows = cache(lambda: _rows(model(), wish, root=root, live=live, store=store))
    said = cache(lambda: evaluation.answered(model(), _with_truth(rows(), label)))

    def importance() -> Drawing:
        weights, unit, words = evaluation.weights(model(), rows())
        return plots.importance(weights, of=label, rows=words, unit=unit)

    def confusion() -> Drawing:
        known = said()
        return plots.confusion(known.truth, known.answers, of=label, rows=known.words)

    def curve(draw: Callable[..., Drawing]) -> Callable[[], Drawing]:
        def drawn() -> Drawing:
            known = _with_probabilities(said(), label)
            return draw(known.truth, known.probabilities, known.classes, of=label, rows=known.words)

        return drawn

    def residuals() -> Drawing:
        known = said()
        truth, answers = _as_numbers(known, label)
        return plots.residuals(truth, answers, of=label, rows=known.words)

    draws: _Draws = {"importance": importance}
    if version.signature.output != "number":
        draws |= {
            "confusion": confusion,
            "roc": curve(plots.roc),
            "precision-recall": curve(plots.precision_recall),
            "calibration": curve(plots.calibration),
        }
    if version.signature.output != "class":
        draws["residuals"] = residuals
    return draws


def _rows(model: Loaded, wish: Wish, *, root: Path, live: Mapping[str, Any], store: Store) -> Given:
    """The rows that were asked for; else the project's held-out rows, where they fit; else the model's own sample."""
    from nbops.flows import evaluation
    from nbops.flows.check.demands import demands_of

    if wish.data is not None:
        return evaluation.given(model.version, wish.data, wish.target, live=live, store=store)
    held_out = demands_of(root).held_out
    if held_out is not None:
        with suppress(UsageError):  # they are another model's, or gone
            data = str(root / Path(held_out.data).expanduser())
            return evaluation.given(model.version, data, held_out.target, live={}, store=store)
    return evaluation.registered(model)


def _with_truth(rows: Given, label: str) -> Given:
    if rows.truth is None:
        raise UsageError(
            f"the truth of the {rows.words} is not known, and only rows that {label} was not trained on would tell",
            code="no_truth",
            hint=f"nbops plot {label} --data test.parquet --target COLUMN",
        )
    return rows


def _with_probabilities(known: Answered, label: str) -> Answered:
    if not known.probabilities or len(known.classes) != len(known.probabilities[0]):
        raise UsageError(f"{label} answers no probabilities of classes", code="no_probabilities")
    if len({str(value) for value in known.truth}) < 2:
        raise UsageError(f"all {known.words} are of one class: {known.truth[0]}", code="one_class")
    return known


def _as_numbers(known: Answered, label: str) -> tuple[list[float], list[float]]:
    try:
        return [float(value) for value in known.truth], [float(value) for value in known.answers]
    except (TypeError, ValueError) as error:
        raise UsageError(f"{label} answers no single numbers: {error}", code="no_numbers") from error


# --- endpoints ----------------------------------------------------------------------------------------------------


def _endpoint_draws(endpoint: Endpoint, wish: Wish, store: Store, blobs: Blobs) -> _Draws:
    from functools import cache

    from nbops import monitor, plots
    from nbops.deploy import spool

    # The log may be in a container, from which it is fetched once.
    collect = cache(lambda: spool.collect(endpoint.name, store=store))

    def drift() -> Drawing:
        collect()
        found = monitor.seen(endpoint, store=store, blobs=blobs, since=wish.since)
        version = store.get(ModelVersion, found.model_version_id)
        words = (
            f"{found.now.rows:,} rows that were asked beside the {found.training.rows:,} "
            f"that {version.model}@{version.number} was trained on"
        )
        drifts = {column.column: column for column in found.columns}
        pairs = [
            _pair(before, now, drifts.get(before.name))
            for before in found.training.columns
            if (now := found.now.column(before.name)) is not None
        ]
        return plots.drift([pair for pair in pairs if pair is not None], of=endpoint.name, rows=words)

    def latency() -> Drawing:
        collect()
        found = monitor.times(endpoint, store=store, since=wish.since)
        left_out = f", {found.left_out:,} older ones left out" if found.left_out else ""
        words = f"{len(found.at):,} answered requests{left_out}"
        return plots.latency(found.at, found.took_ms, of=endpoint.name, rows=words)

    return {"drift": drift, "latency": latency}


def _pair(before: ColumnProfile, now: ColumnProfile, found: Any) -> Pair | None:
    """Both distributions of a column on the same cells; None for values that cannot be counted."""
    from nbops.plots import Pair

    effect, drifted = (found.effect, found.drifted) if found is not None else (0.0, False)
    if before.categories is not None and now.categories is not None:
        names = list(before.categories)[:_SHOWN_CATEGORIES]
        first, second = (_by_category(counted, names) for counted in (before, now))
        shown = [*names, "others"]
        if not first[-1] and not second[-1]:
            first, second, shown = first[:-1], second[:-1], names
        return Pair(name=before.name, before=first, now=second, categories=shown, effect=effect, drifted=drifted)
    if before.grid is None or now.grid != before.grid or not before.present or not now.present:
        return None
    edges, first_counts, second_counts = _coarser(before, now)
    total, other = max(sum(first_counts), 1), max(sum(second_counts), 1)
    return Pair(
        name=before.name,
        before=[count / total for count in first_counts],
        now=[count / other for count in second_counts],
        edges=edges,
        effect=effect,
        drifted=drifted,
    )


def _by_category(column: ColumnProfile, names: Sequence[str]) -> list[float]:
    """The share of each category among the values, and that of all others."""
    counted = column.categories or {}
    listed = [counted.get(name, 0) for name in names]
    total = max(column.present, 1)
    return [*(count / total for count in listed), (column.present - sum(listed)) / total]


def _coarser(before: ColumnProfile, now: ColumnProfile) -> tuple[list[float], list[float], list[float]]:
    """Some thirty cells where nearly all values lie, as wide as each other; the rest counts into the outermost ones."""
    import numpy as np

    assert before.grid is not None
    borders = before.grid.edges()
    both = [column.counts().astype(float) for column in (before, now)]
    # The tails beyond the grid lie in its first and last cell here.
    inner = [np.concatenate([[c[0] + c[1]], c[2:-2], [c[-2] + c[-1]]]) if len(c) > 3 else c[1:-1] + 0 for c in both]
    share = sum(counts / max(counts.sum(), 1) for counts in inner) / 2
    reached = np.cumsum(share)
    low = int(np.searchsorted(reached, 0.005))
    high = min(int(np.searchsorted(reached, 0.995)) + 1, len(share))
    edges = np.linspace(borders[low], borders[high], min(_SHOWN_CELLS, high - low) + 1)
    middles = np.clip((borders[:-1] + borders[1:]) / 2, edges[0], edges[-1])
    first, second = (np.histogram(middles, bins=edges, weights=counts)[0] for counts in inner)
    return edges.tolist(), first.tolist(), second.tolist()
