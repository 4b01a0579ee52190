"""What a registered model answers to rows whose truth is known, or to the rows that it was registered with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.errors import BundleError, UsageError
from nbops.records import Dataset, ModelVersion
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

if TYPE_CHECKING:
    from nbops.bundle.evidence import Answers

MOST_ROWS = 20_000
"""Of a larger table, between this and twice as many evenly spread rows are asked."""
MOST_SHUFFLED = 500
"""Rows that are asked once for each column."""
MOST_COLUMNS = 100


@dataclass(frozen=True, kw_only=True)
class Given:
    """Rows for a model."""

    rows: list[list[Any]]
    """One value per column of the model's signature."""
    truth: list[Any] | None
    words: str
    """Which rows these are: ``412 rows of test.csv``."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a model said to rows, and what is true of them."""

    truth: list[Any]
    answers: list[Any]
    probabilities: list[list[float]]
    classes: list[Any]
    """In the order of the probabilities; empty for a model that answers no classes."""
    words: str


class Loaded:
    """A registered model, read back, that is asked rows as a client sends them.

    Args:
        version: which one.
        blobs: where its bytes and the rows of its sample are.
    """

    def __init__(self, version: ModelVersion, blobs: Blobs) -> None:
        from nbops.bundle import load
        from nbops.bundle.evidence import Evidence
        from nbops_serving.inputs import input_builder

        self.version = version
        self.label = f"{version.model}@{version.number}"
        self._model = load(version, blobs)
        raw = blobs.get(version.evidence_digest) if version.evidence_digest is not None else None
        self.evidence = None if raw is None else msgspec.msgpack.decode(raw, type=Evidence)
        self._build = input_builder(version.signature, self.evidence.dtypes if self.evidence is not None else [])

    @property
    def classes(self) -> list[Any]:
        """The classes it tells apart, in the order of its probabilities; empty for one that answers none."""
        found: Any = getattr(self._model, "classes_", None)
        return list(found.tolist()) if getattr(found, "ndim", 0) == 1 else []

    def ask(self, rows: list[list[Any]]) -> Answers:
        """Ask some rows, one value per column of the signature.

        Raises:
            BundleError: it does not answer them.
        """
        import warnings

        from nbops.bundle.evidence import ask

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the model's own remarks were made when it was fitted
                return ask(self._model, self._build([tuple(row) for row in rows]))
        except Exception as error:  # the user's own model: whatever it raises is the finding
            raise BundleError(
                f"{self.label} does not answer these rows: {type(error).__name__}: {error}",
                code="rows_not_answered",
                hint=f"nbops show {self.label}",
            ) from error


def registered(model: Loaded) -> Given:
    """Take the rows of its training sample that a model was registered with; their truth is not known.

    Raises:
        BundleError: it was registered without a sample.
    """
    if model.evidence is None:
        raise BundleError(
            f"{model.label} was registered without a sample, so there are no rows to ask it",
            code="no_sample",
            hint=f"nbops plot {model.label} --data test.parquet",
        )
    rows = model.evidence.rows
    return Given(rows=rows, truth=None, words=f"{len(rows):,} rows of its own training sample")


def given(version: ModelVersion, data: str, target: str | None, *, live: Mapping[str, Any], store: Store) -> Given:
    """Take rows from a variable of the notebook or from a file.

    Args:
        version: whose columns they must have.
        data: name of a variable with a table, or a file that ``nbops score`` reads.
        target: column of it with the truth, or a variable with one value for each row.
        live: the notebook's variables.
        store: where the training data is known.

    Raises:
        UsageError: there is no such file, variable or column, or the truth has another length.
    """
    from nbops.bundle.evidence import rows_of

    table, count, name = _table(version, data, live)
    truth = _truth(table, count, target, live, name) if target is not None else None
    step = max(1, count // MOST_ROWS)
    features = _features(version, table, name)
    rows = rows_of(_every(features, step), version.signature)
    words = f"{len(rows):,} {f'evenly spread ones of {count:,} ' if step > 1 else ''}rows of {name}"
    if step == 1 and _is_training(features, version, store):
        words += " (the very rows that it was trained on)"
    return Given(rows=rows, truth=truth[::step] if truth is not None else None, words=words)


def _table(version: ModelVersion, data: str, live: Mapping[str, Any]) -> tuple[Any, int, str]:
    # A door may have made a path of what is a variable's name.
    variable = data if data in live else Path(data).name
    if variable in live:
        from nbops.bundle.evidence import as_frame_or_plain

        table = as_frame_or_plain(live[variable])
        if not hasattr(table, "__len__") or isinstance(table, str):
            raise UsageError(f"{variable} is a {type(table).__name__}, no table", hint="--data X_test")
        return table, len(table), variable
    frame = _read(Path(data), version)
    return frame, len(frame), Path(data).name


def _read(path: Path, version: ModelVersion) -> Any:
    """Evenly spread rows of a file of any length, as a DataFrame."""
    import pyarrow as pa

    from nbops.score.tables import open_source

    texts = [column.name for column in version.signature.columns if column.kind in ("category", "text")]
    source = open_source(path, texts=texts)
    kept, step, seen = pa.schema(source.schema).empty_table(), 1, 0
    for batch in source.batches(50_000):
        piece = pa.Table.from_batches([batch])
        kept = pa.concat_tables([kept, piece.take(list(range(-seen % step, len(piece), step)))])
        seen += len(piece)
        while len(kept) > 10 * MOST_ROWS:
            kept, step = kept.take(list(range(0, len(kept), 2))), step * 2
    return kept.to_pandas()


def _every(table: Any, step: int) -> Any:
    if step == 1:
        return table
    return table.iloc[::step] if hasattr(table, "iloc") else table[::step]


def _features(version: ModelVersion, table: Any, name: str) -> Any:
    if not hasattr(table, "columns"):
        return table
    wanted = [column.name for column in version.signature.columns]
    names = {str(column): column for column in table.columns}
    missing = [column for column in wanted if column not in names]
    if missing:
        raise UsageError(
            f"{name} lacks {', '.join(missing[:5])}, which {version.model}@{version.number} takes",
            code="columns_missing",
            hint=f"nbops show {version.model}@{version.number}",
        )
    return table[[names[column] for column in wanted]]


def _truth(table: Any, count: int, target: str, live: Mapping[str, Any], name: str) -> list[Any]:
    if target in live:
        values = live[target]
    elif hasattr(table, "columns") and target in table.columns:
        values = table[target]
    else:
        raise UsageError(
            f"there is no {target!r}: neither a column of {name} nor a variable here",
            code="no_such_target",
            hint=f"--data {name} --target COLUMN",
        )
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    listed = values.reshape(-1).tolist() if hasattr(values, "reshape") else list(values)
    if len(listed) != count:
        raise UsageError(f"{target} has {len(listed):,} values for {count:,} rows of {name}", code="sample_mismatch")
    return listed


def _is_training(features: Any, version: ModelVersion, store: Store) -> bool:
    from nbops.data import fingerprint

    known = [store.find(Dataset, id=one, limit=1) for one in version.dataset_ids]
    prints = {one[0].fingerprint for one in known if one}
    return bool(prints) and fingerprint(features).digest in prints


def answered(model: Loaded, rows: Given) -> Answered:
    """Ask a model rows whose truth is known; those without a true value are left out, which ``words`` say.

    Raises:
        UsageError: the truth of no row is known.
        BundleError: the model does not answer them.
    """
    truth = rows.truth or []
    places = [place for place, value in enumerate(truth) if value is not None and value == value]
    if not places:
        raise UsageError(f"no row of {rows.words} has a true value", code="no_truth", hint="--target COLUMN")
    said = model.ask([rows.rows[place] for place in places])
    listed = model.classes
    left_out = len(truth) - len(places)
    known = {_key(name): name for name in listed}
    return Answered(
        truth=[known.get(_key(truth[place]), truth[place]) for place in places],
        answers=[known.get(_key(value), value) for value in said.predictions],
        probabilities=said.probabilities,
        classes=listed,
        words=rows.words + (f", {left_out:,} of them left out, whose truth is missing" if left_out else ""),
    )


def _key(value: Any) -> Any:
    """One key for the numbers 1, 1.0 and True: tables hold classes in another type than models."""
    return float(value) if isinstance(value, bool | int | float) else str(value)


def weights(model: Loaded, rows: Given) -> tuple[dict[str, float], str, str]:
    """Measure how much a model's answers change when one column is shuffled among the rows.

    Args:
        model: the model.
        rows: at most 500 evenly spread ones are used; their truth plays no part.

    Returns:
        The change by column, what it is, and which rows were used. Of more than a hundred columns the first ones are
        measured, which the words say.
    """
    import numpy as np

    step = max(1, -(-len(rows.rows) // MOST_SHUFFLED))
    chosen, columns = rows.rows[::step], model.version.signature.columns
    before = model.ask(chosen)
    order = np.random.default_rng(0).permutation(len(chosen))
    found = {}
    for place, column in enumerate(columns[:MOST_COLUMNS]):
        mixed = [
            [*row[:place], chosen[other][place], *row[place + 1 :]] for row, other in zip(chosen, order, strict=True)
        ]
        found[column.name] = _change(before, model.ask(mixed))
    words = f"{len(chosen):,} of {rows.words}" if step > 1 else rows.words
    if len(columns) > MOST_COLUMNS:
        words += f", for the first {MOST_COLUMNS} of {len(columns):,} columns"
    return found, _unit(before), words


def _unit(said: Answers) -> str:
    if said.probabilities:
        return "mean change of the probabilities, column shuffled"
    if _numbers(said.predictions) is not None:
        return "mean change of the answer in deviations, column shuffled"
    return "share of answers that change, column shuffled"


def _change(before: Answers, after: Answers) -> float:
    import numpy as np

    if before.probabilities:
        gaps = np.abs(np.asarray(before.probabilities) - np.asarray(after.probabilities)).sum(axis=1) / 2
        return float(gaps.mean())
    first, second = _numbers(before.predictions), _numbers(after.predictions)
    if first is None or second is None:
        pairs = list(zip(before.predictions, after.predictions, strict=True))
        return float(sum(one != other for one, other in pairs)) / max(len(pairs), 1)
    spread = float(first.std())
    return float(np.abs(first - second).mean()) / spread if spread else 0.0


def _numbers(values: Sequence[Any]) -> Any:
    """The answers of a regression as an array; None for classes."""
    import numpy as np

    if not values or not isinstance(values[0], float):
        return None
    return np.asarray(values, dtype=float)
