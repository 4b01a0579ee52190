"""What takes longer than a fit should: models as bytes, tables' fingerprints and profiles, on a thread of their own.

A small model is pickled where it was fitted, so that its bytes are those of that moment; a larger one here, while it is
there and unchanged. The thread takes one fit after another and writes what it found with one update; what waits for it
is bounded in number and in bytes, so that a loop of a thousand fits keeps neither its models nor its tables alive.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.capture import tracking
from nbops.capture.autolog.held import Held, Mark, is_as
from nbops.capture.notices import tell
from nbops.errors import NbopsError
from nbops.masking import Masker, masker_of
from nbops.quiet import quiet
from nbops.records import Dataset, Fit, Seen, new_id

if TYPE_CHECKING:
    from nbops.capture.session import Session

SMALL = 256_000
"""Bytes of a pickle up to which a model is taken at once."""
_MOST_WAITING = 2_000
_MOST_WAITING_BYTES = 64_000_000
_MOST_TABLES = 2_000
"""Tables of which it is remembered that they were read."""
_MOST_PROFILED = 2_000_000
"""Cells of a table that are profiled; evenly spread rows of larger ones."""
_MOST_READ = 4_000_000_000
"""Bytes of a table that is read at all."""
_LEAVE_S = 10.0
_LONGEST_REASON = 200
_BREATH_S = 0.03
_PAUSE_S = 0.2
"""After this long without another batch a fit in batches is taken as ended."""


class TooLargeError(Exception):
    """A model has more bytes than may be kept."""


class _Bounded:
    """A file in memory that refuses to grow beyond its limit."""

    def __init__(self, most: int) -> None:
        self.parts: list[bytes] = []
        self._left = most

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._left -= len(part)
        if self._left < 0:
            raise TooLargeError
        self.parts.append(part)
        return len(part)


def pickled(estimator: Any, most: int) -> bytes:
    """Pickle an estimator.

    Args:
        estimator: any object.
        most: how many bytes there may be.

    Returns:
        The pickle, protocol 5.

    Raises:
        TooLargeError: there would be more; at most that many were written.
    """
    file = _Bounded(most)
    with quiet():
        pickle.Pickler(file, protocol=5).dump(estimator)
    return b"".join(file.parts)


class Later(msgspec.Struct, kw_only=True, eq=False, gc=True):
    """What is still to be done of one fit."""

    fit: Fit
    x: Held | None = None
    y: Held | None = None
    model: bytes | None = None
    """The pickle, taken at once."""
    live: Any = None
    """A weak reference to an estimator that was too large for that."""
    mark: Mark | None = None
    """What that one held when it had been fitted."""
    ready_at: float = 0.0
    """On the monotonic clock; later than now for a fit that may go on."""

    @property
    def size_bytes(self) -> int:
        """Memory that only waiting keeps."""
        held = sum(one.size_bytes for one in (self.x, self.y) if one is not None)
        return held + len(self.model or b"")


class Keeper:
    """Keeps models and tables of one session.

    Args:
        session: where it is recorded, and how many bytes of models are kept of one run.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: deque[Later] = deque()
        self._waiting_bytes = 0
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_busy = self._is_idle = self._is_leaving = False
        self._kept: dict[str, dict[str, int]] = {}
        self._tables: OrderedDict[tuple[str, Mark], str | None] = OrderedDict()
        self._versions: dict[tuple[str, str, str], str] = {}
        self._has_told = False

    def has_room(self, later: Later) -> bool:
        """Tell whether one more fit can wait."""
        return len(self._waiting) < _MOST_WAITING and self._waiting_bytes + later.size_bytes <= _MOST_WAITING_BYTES

    def keep(self, later: Later) -> None:
        """Do the rest of a fit's work soon."""
        with self._news:
            if self._waiting and self._waiting[-1].fit.id == later.fit.id:
                self._waiting_bytes -= self._waiting.pop().size_bytes  # one more batch of the same fit
            self._waiting.append(later)
            self._waiting_bytes += later.size_bytes
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="nbops-autolog", daemon=True)
                self._thread.start()
            elif self._is_idle:
                self._news.notify()

    def known(self, run_id: str, held: Held | None) -> str | None:
        """The dataset of a table that a fit of this run has had already."""
        return None if held is None else self._tables.get((run_id, held.mark))

    def close(self) -> None:
        """Finish what waits; what takes too long is given up, and that is told."""
        until = time.monotonic() + _LEAVE_S
        with self._news:
            self._is_leaving = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join(max(0.0, until - time.monotonic()))
        left = len(self._waiting) + self._is_busy
        if left:
            tell(f"{left} fits are recorded without their model: the session ended too soon", hint="nbops fits last")

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing waits any more, for tests and for those who read at once."""
        with self._news:
            return self._news.wait_for(lambda: not self._waiting and not self._is_busy, timeout_s)

    def _work(self) -> None:
        while (later := self._next()) is not None:
            try:
                self._finish(later)
            except Exception as error:  # noqa: BLE001 - part of a hook: a user's own __getstate__ may raise anything
                self._tell_once(error)

    def _next(self) -> Later | None:
        with self._news:
            self._is_busy = False
            self._news.notify_all()
            if not self._waiting:
                self._is_idle = True
                self._news.wait_for(lambda: self._waiting or self._is_leaving)
                self._is_idle = False
                # The cell goes first, and in a loop of short fits most of them need no waking of this thread.
                self._news.wait_for(lambda: self._is_leaving, _BREATH_S)
            if not self._waiting:
                return None
            while self._goes_on() and not self._is_leaving:
                self._news.wait(_PAUSE_S)
            self._is_busy = True
            later = self._waiting.popleft()
            self._waiting_bytes -= later.size_bytes
            return later

    def _goes_on(self) -> bool:
        """Whether another batch may come for the only fit that waits: its model is kept when it pauses."""
        return len(self._waiting) == 1 and time.monotonic() < self._waiting[0].ready_at

    def _finish(self, later: Later) -> None:
        fit, notes = later.fit, list(later.fit.notes)
        fields: dict[str, Any] = {}
        model = self._model(later, notes)
        if model is not None and (digest := self._stored(fit.run_id, model, notes)) is not None:
            fields |= {"model_digest": digest, "model_bytes": len(model)}
        for name, held, seen in (("x", later.x, fit.x), ("y", later.y, fit.y)):
            if held is not None and seen is not None and seen.dataset_id is None:
                dataset_id = self._dataset(fit.run_id, held, seen, notes)
                if dataset_id is not None:
                    fields[name] = msgspec.structs.replace(seen, dataset_id=dataset_id)
        if notes != fit.notes:
            fields["notes"] = notes
        if fields:
            self._session.writer.update(Fit, fit.id, **fields)

    # Models.

    def _model(self, later: Later, notes: list[str]) -> bytes | None:
        if later.model is not None or later.live is None:
            return later.model
        estimator = later.live()
        if estimator is None:
            notes.append("the model was gone before it could be kept")
            return None
        left = self._left(later.fit.run_id)
        try:
            body = pickled(estimator, left)
        except TooLargeError:
            notes.append(f"the model is not kept: it has more than the {left:,} bytes left for models of this run")
            return None
        except Exception as error:  # noqa: BLE001 - the user's own pickling may raise anything
            notes.append(not_kept(error, masker_of(self._session.settings)))
            return None
        if later.mark is not None and not is_as(estimator, later.mark):
            notes.append("the model was changed before it could be kept")
            return None
        return body

    def _left(self, run_id: str) -> int:
        return self._session.settings.autolog_model_bytes - sum(self._kept.get(run_id, {}).values())

    def _stored(self, run_id: str, body: bytes, notes: list[str]) -> str | None:
        import hashlib

        kept = self._kept.setdefault(run_id, {})
        digest = hashlib.sha256(body).hexdigest()
        if digest in kept:
            return digest
        if len(body) > self._left(run_id):
            limit = self._session.settings.autolog_model_bytes
            notes.append(f"the model is not kept: this run has {limit:,} bytes of models (autolog_model_bytes)")
            return None
        if self._put(body) is None:
            notes.append("the model could not be stored")
            return None
        kept[digest] = len(body)
        return digest

    def _put(self, body: bytes) -> str | None:
        from nbops.store.blobs import Blobs

        try:
            return Blobs(self._session.settings.blobs).put(body, durable=False)
        except (NbopsError, OSError) as error:
            self._tell_once(error)
            return None

    def _tell_once(self, error: Exception) -> None:
        if not self._has_told:
            self._has_told = True
            said = error.message if isinstance(error, NbopsError) else f"{type(error).__name__}: {error}"
            tell(f"models and data of fits cannot be kept; your cells go on: {said}", hint="nbops doctor")

    # Data.

    def _dataset(self, run_id: str, held: Held, seen: Seen, notes: list[str]) -> str | None:
        key = (run_id, held.mark)
        if key in self._tables:
            return self._tables[key]
        dataset = self._read(run_id, held, seen, notes)
        dataset_id = None if dataset is None else self._recorded(run_id, dataset)
        self._tables[key] = dataset_id
        if len(self._tables) > _MOST_TABLES:
            self._tables.popitem(last=False)
            self._versions.clear()
        return dataset_id

    def _recorded(self, run_id: str, dataset: Dataset) -> str:
        """The run's dataset of this name and content, whichever fit had it first."""
        key = (run_id, dataset.name, dataset.fingerprint)
        if key not in self._versions:
            self._session.writer.put(dataset)
            self._versions[key] = dataset.id
        return self._versions[key]

    def _read(self, run_id: str, held: Held, seen: Seen, notes: list[str]) -> Dataset | None:
        from nbops.data import fingerprint

        name = seen.name or seen.type.rpartition(".")[2]
        if getattr(held.table, "nbytes", 0) > _MOST_READ:
            notes.append(f"{name} is not read: it has more than {_MOST_READ:,} bytes")
            return None
        with quiet():
            known = fingerprint(held.table)
            profile = _profile(held.table)
        if not held.is_own and not is_as(held.table, held.mark):
            notes.append(f"{name} was changed while it was read")
            return None
        return Dataset(
            id=new_id(),
            name=name,
            fingerprint=known.digest,
            rows=known.rows,
            columns=known.columns,
            profile_digest=None if profile is None else self._put(profile),
            run_id=run_id,
            at=time.time(),
        )


def not_kept(error: Exception, mask: Masker) -> str:
    """Say why a model cannot be kept."""
    said = tracking.failure(error, mask)
    return f"the model is not kept: it cannot be pickled ({said.name}: {mask.head(said.message, _LONGEST_REASON)})"


def _profile(table: Any) -> bytes | None:
    """A table summed up, as JSON; None for sparse matrices and what else has no columns of values."""
    from nbops.data import profile_of
    from nbops.errors import UsageError

    if getattr(table, "ndim", 2) == 1:
        table = table.to_frame(name=str(table.name or "y")) if hasattr(table, "to_frame") else table.reshape(-1, 1)
    shape = getattr(table, "shape", None)
    if shape is not None and len(shape) == 2 and shape[0] * shape[1] > _MOST_PROFILED:
        step = -(-shape[0] * shape[1] // _MOST_PROFILED)
        table = table.iloc[::step] if hasattr(table, "iloc") else table[::step]
    try:
        return profile_of(table).to_json()
    except UsageError:
        return None


def ready_at(fit: Fit) -> float:
    """When the model of a fit may be kept."""
    return time.monotonic() + _PAUSE_S if fit.method == "partial_fit" else 0.0
