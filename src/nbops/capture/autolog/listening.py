"""What is made of the calls that the hooks tell of: a ``Fit`` for each fit, and a score for each score.

On the user's side stand the call itself, a mark of the data, the parameters and one write; everything that takes longer
goes to the keeper's thread. Our part is fenced: a failure of ours is never the user's, and after three of them
autologging switches itself off.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from nbops.capture import tracking
from nbops.capture.autolog import describe
from nbops.capture.autolog.held import Held, hold, mark_of, values_mark, weakly
from nbops.capture.autolog.hooks import Call, arguments_of
from nbops.capture.autolog.keeping import SMALL, Keeper, Later, TooLargeError, not_kept, pickled, ready_at
from nbops.capture.autolog.known import Known, Memory
from nbops.capture.autolog.params import RunParams
from nbops.capture.notices import tell
from nbops.capture.tracking import ActiveRun
from nbops.masking import masker_of
from nbops.records import Fit, FitStatus, Metric, Score, Seen, new_id

if TYPE_CHECKING:
    from nbops.capture.session import Session

_MOST_FAILURES = 3
_MOST_SCORES = 200
_MOST_TABLES = 50
_LONGEST_TEXT = 500
_MOST_UNNAMED = 200
_TRAINING = "training_"
_SLOW_SHARE = 0.02
"""The share of its own time that a fit may cost on top for a mark of a large model."""
T = TypeVar("T")


class _Begun(msgspec.Struct, kw_only=True, eq=False):
    """A fit that runs just now."""

    x: Any
    y: Any
    x_seen: Seen | None
    y_seen: Seen | None
    x_held: Held | None
    y_held: Held | None
    name: str


class Listening:
    """Logs the fits and scores of one session.

    Args:
        session: where they are recorded.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.keeper = Keeper(session)
        self.memory = Memory()
        self.failures: list[Exception] = []
        self._params = RunParams(session)
        self._pid = os.getpid()
        self._mask = masker_of(session.settings)
        self._unnamed: deque[tuple[Any, Known]] = deque(maxlen=_MOST_UNNAMED)
        """Fits of the cell that runs whose estimator stood in no variable yet, as in ``model = SVC().fit(X, y)``."""
        self._tables: tuple[str | None, set[Any]] = (None, set())

    @property
    def is_able(self) -> bool:
        """Whether calls can be logged: not in a forked child, whose parent has the thread that keeps models."""
        return len(self.failures) < _MOST_FAILURES and self._pid == os.getpid()

    # ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def fit(self, method: str, function: Call, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of ``fit`` or one of its siblings, and log it."""
        __tracebackhide__ = True
        begun = self._fenced(lambda: self._begin(function, estimator, args, kwargs))
        started_at, began = time.time(), time.perf_counter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            took_s, failed = time.perf_counter() - began, error
            self._fenced(lambda: self._failed(method, estimator, begun, started_at, took_s, failed))
            raise
        took_s = time.perf_counter() - began
        self._fenced(lambda: self._fitted(method, estimator, begun, started_at, took_s, result))
        return result

    def answer(self, method: str, function: Call, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of ``predict`` or one of its siblings, and remember whose answer it is."""
        __tracebackhide__ = True
        result = function(*args, **kwargs)
        self._fenced(lambda: self.memory.answered(result, estimator, self.memory.of(estimator)))
        return result

    def score(self, method: str, function: Call, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of ``score``, and log it."""
        __tracebackhide__ = True
        result = function(*args, **kwargs)
        if (value := _number(result)) is not None:
            x, y = _given(function, args, kwargs)
            self._fenced(lambda: self._scored("score", value, x if y is None else y, self.memory.of(estimator)))
        return result

    def measure(self, name: str, function: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of a function of ``sklearn.metrics``, and log its number where it is about an estimator."""
        __tracebackhide__ = True
        result = function(*args, **kwargs)
        self._fenced(lambda: self._measured(name, function, args, kwargs, result))
        return result

    def _fenced(self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - a hook must never break or stop a user's cell
            self.failures.append(error)
            if len(self.failures) == _MOST_FAILURES:
                tell(
                    f"autologging switched itself off after {_MOST_FAILURES} failures of its own; cells go on being "
                    f"recorded: {type(error).__name__}: {error}",
                    hint="%reload_ext nbops",
                )
            return None

    # ── fits ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, function: Call, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Begun:
        x, y = _given(function, args, kwargs)
        frame = describe.caller()
        return _Begun(
            x=x,
            y=y,
            x_seen=None if x is None else describe.seen(x, describe.variable(x, frame)),
            y_seen=None if y is None else describe.seen(y, describe.variable(y, frame)),
            x_held=hold(x),
            y_held=hold(y),
            name=describe.variable(estimator, frame),
        )

    def _failed(
        self, method: str, estimator: Any, begun: _Begun | None, started_at: float, took_s: float, error: BaseException
    ) -> None:
        status, said = tracking.outcome(error, self._mask)
        fit_status: FitStatus = status if status in ("interrupted", "cancelled") else "failed"
        run = tracking.innermost(self.session)
        fit = self._described(method, estimator, begun, run, started_at, took_s)
        self.session.writer.put(
            msgspec.structs.replace(fit, status=fit_status, error=said or tracking.failure(error, self._mask))
        )

    def _fitted(
        self, method: str, estimator: Any, begun: _Begun | None, started_at: float, took_s: float, result: Any
    ) -> None:
        run = tracking.innermost(self.session)
        fit = self._described(method, estimator, begun, run, started_at, took_s)
        before = self.memory.of(estimator)
        if method == "partial_fit" and before is not None and _goes_on(fit, before.fit):
            fit = _continued(fit, before.fit)
        fit = self._with_best_score(fit, estimator)
        later = self._later(fit, estimator, begun)
        fit = later.fit
        self.session.writer.put(fit)
        known = Known(
            fit=fit,
            x_mark=begun.x_held.mark if begun and begun.x_held else None,
            truth_mark=values_mark(begun.y) if begun else None,
            x=weakly(begun.x) if begun else None,
        )
        self.memory.learn(estimator, known)
        self._remember_answers(method, estimator, known, result)
        if not fit.name and fit.execution_id is not None and (live := weakly(estimator)) is not None:
            self._unnamed.append((live, known))
        if begun is not None and begun.x_held is not None and hasattr(type(estimator), "predict"):
            self.memory.take_sample(begun.x_held)
        if hasattr(type(estimator), "predict"):
            self._params.say(run, {**fit.params, **_best_params(estimator)})
        for score in fit.scores[len(before.fit.scores) if before is not None and before.fit.id == fit.id else 0 :]:
            self._log_metric(run.id, score.name, score.value)
        if later.model is not None or later.live is not None or later.x is not None or later.y is not None:
            self.keeper.keep(later)

    def _described(
        self, method: str, estimator: Any, begun: _Begun | None, run: ActiveRun, started_at: float, took_s: float
    ) -> Fit:
        x, y = (self._tied(run.id, begun, name) for name in ("x", "y"))
        return Fit(
            id=new_id(),
            run_id=run.id,
            execution_id=self.session.execution_id,
            name=begun.name if begun else "",
            type_name=describe.type_name(estimator),
            method=method,
            status="finished",
            started_at=started_at,
            took_s=took_s,
            params=self._shortened(_params(estimator)),
            x=x,
            y=y,
            fitted=self._shortened(describe.fitted_of(estimator)),
        )

    def _shortened(self, said: dict[str, Any]) -> dict[str, Any]:
        """Cut long texts, and no secret in two that the store's mask would not know any more."""
        is_long = {name for name, value in said.items() if isinstance(value, str) and len(value) > _LONGEST_TEXT}
        return {
            name: self._mask.head(value, _LONGEST_TEXT) if name in is_long else value for name, value in said.items()
        }

    def _tied(self, run_id: str, begun: _Begun | None, name: str) -> Seen | None:
        """What is said of X or y, with its dataset where the run has it already."""
        seen: Seen | None = getattr(begun, f"{name}_seen", None)
        dataset_id = self.keeper.known(run_id, getattr(begun, f"{name}_held", None))
        return seen if seen is None or dataset_id is None else msgspec.structs.replace(seen, dataset_id=dataset_id)

    def _with_best_score(self, fit: Fit, estimator: Any) -> Fit:
        value = _number(describe.attributes(estimator).get("best_score_"))
        if value is None or "best_params_" not in describe.attributes(estimator):
            return fit
        best = Score(
            name="best_score",
            value=value,
            data="cross-validation",
            execution_id=fit.execution_id,
            at=time.time(),
        )
        return msgspec.structs.replace(fit, scores=[*fit.scores, best])

    def _remember_answers(self, method: str, estimator: Any, known: Known, result: Any) -> None:
        if method == "fit_predict":
            self.memory.answered(result, estimator, known)
        elif (labels := describe.attributes(estimator).get("labels_")) is not None:
            self.memory.answered(labels, estimator, known)

    def _later(self, fit: Fit, estimator: Any, begun: _Begun | None) -> Later:
        """What the keeper has to do of a fit."""
        later = Later(fit=fit, ready_at=ready_at(fit))
        for name in ("x", "y"):
            held: Held | None = getattr(begun, f"{name}_held", None)
            seen: Seen | None = getattr(fit, name)
            if held is None or seen is None or seen.dataset_id is not None:
                continue
            if self._may_read(fit, held):
                setattr(later, name, held)
            else:
                self._note(later, f"{name} is not read: this cell has had more than {_MOST_TABLES} tables")
        if self.session.settings.autolog_model_bytes > 0:
            self._take_model(later, estimator)
        if not self.keeper.has_room(later):
            later = Later(fit=later.fit)
            self._note(later, "model and data are not kept: too many fits at once")
        return later

    def _may_read(self, fit: Fit, held: Held) -> bool:
        """Whether a table may be read: a loop over resampled tables must not read each of a thousand."""
        place = fit.execution_id or fit.run_id
        if self._tables[0] != place:
            self._tables = (place, set())
        if len(self._tables[1]) >= _MOST_TABLES and held.mark not in self._tables[1]:
            return False
        self._tables[1].add(held.mark)
        return True

    def _take_model(self, later: Later, estimator: Any) -> None:
        most = min(SMALL, self.session.settings.autolog_model_bytes)
        try:
            later.model = pickled(estimator, most)
            return
        except TooLargeError:
            later.live = weakly(estimator)
        except Exception as error:  # noqa: BLE001 - the user's own pickling may raise anything
            self._note(later, not_kept(error, self._mask))
            return
        if later.live is None:
            self._note(later, "the model is not kept: it is large, and its class allows no weak references")
            return
        later.mark = mark_of(estimator, budget_s=min(max(0.004, _SLOW_SHARE * later.fit.took_s), 0.05))

    def _note(self, later: Later, note: str) -> None:
        later.fit = msgspec.structs.replace(later.fit, notes=[*later.fit.notes, note])

    def name_fits(self, namespace: Mapping[str, Any]) -> None:
        """Say which variables hold the estimators that a cell has fitted, now that it has ended."""
        if self._unnamed:
            self._fenced(lambda: self._name_fits(namespace))

    def _name_fits(self, namespace: Mapping[str, Any]) -> None:
        waiting, self._unnamed = self._unnamed, deque(maxlen=_MOST_UNNAMED)
        alive = [(id(estimator), known) for live, known in waiting if (estimator := live()) is not None]
        if not alive:
            return
        names = {id(value): name for name, value in reversed([*namespace.items()]) if not str(name).startswith("_")}
        for key, known in alive:
            if key in names:
                known.fit = msgspec.structs.replace(known.fit, name=names[key])
                self.session.writer.update(Fit, known.fit.id, name=names[key])

    # ── scores ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _measured(self, name: str, function: Call, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        first, second = _given(function, args, kwargs)
        source = self.memory.source(second) or self.memory.source(first) or self.memory.likely_source(second)
        if source is None:
            return  # about something that no estimator has answered here
        value = _number(result)
        if value is None:
            self.memory.follows(result, source, first)
            return
        options = [text for key, text in kwargs.items() if type(text) is str and key not in arguments_of(function)[:2]]
        truth = first if source.truth is None else source.truth()
        self._scored("_".join([name, *options]), value, truth, source.known)

    def _scored(self, name: str, value: float, truth: Any, known: Known | None) -> None:
        frame = describe.caller()
        is_training = known is not None and known.is_training(truth)
        shape = describe.shape_of(truth)
        score = Score(
            name=name,
            value=value,
            data=describe.variable(truth, frame),
            rows=shape[0] if shape else None,
            is_training=is_training,
            execution_id=self.session.execution_id,
            at=time.time(),
        )
        run = tracking.innermost(self.session)
        run_id = run.id
        if known is not None:
            known.fit = msgspec.structs.replace(known.fit, scores=[*known.fit.scores, score][-_MOST_SCORES:])
            self.session.writer.update(Fit, known.fit.id, scores=known.fit.scores)
            if run is self.session.root:
                run_id = known.fit.run_id  # of a named run that may have ended: the number is about its model
        self._log_metric(run_id, f"{_TRAINING}{name}" if is_training else name, value)

    def _log_metric(self, run_id: str, name: str, value: float) -> None:
        self.session.writer.log_metric(Metric(run_id=run_id, name=name[:250], step=None, value=value, at=time.time()))


def _given(function: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The first two arguments of a call, however they were passed: X and y of a fit, truth and answer of a metric."""
    names = [*arguments_of(function)[:2], "", ""]
    defaults = ("X", "y")
    found = []
    for place in range(2):
        name = names[place] or defaults[place]
        found.append(args[place] if len(args) > place else kwargs.get(name))
    return found[0], found[1]


def _number(result: Any) -> float | None:
    if type(result) in (int, float):
        return float(result)
    item = getattr(result, "item", None)
    if type(result).__module__ != "numpy" or getattr(result, "shape", None) != () or item is None:
        return None
    value = item()
    return float(value) if type(value) in (int, float) else None


def _params(estimator: Any) -> dict[str, Any]:
    try:
        return describe.params_of(estimator)
    except Exception:  # noqa: BLE001 - the user's own get_params may raise anything, and that is no failure of ours
        return {}


def _best_params(estimator: Any) -> dict[str, Any]:
    """What a search found best, by the names that its run has them under."""
    best = describe.attributes(estimator).get("best_params_")
    return {f"best_{name}": describe.plain(value) for name, value in best.items()} if isinstance(best, dict) else {}


def _goes_on(fit: Fit, before: Fit) -> bool:
    same = ("method", "run_id", "execution_id", "params")
    return before.method == "partial_fit" and all(getattr(fit, name) == getattr(before, name) for name in same)


def _continued(fit: Fit, before: Fit) -> Fit:
    """Count one more call of ``partial_fit`` into the fit that is there."""
    x = fit.x
    if x is not None and before.x is not None and x.shape and before.x.shape:
        x = msgspec.structs.replace(x, shape=[x.shape[0] + before.x.shape[0], *x.shape[1:]])
    return msgspec.structs.replace(
        before, calls=before.calls + 1, took_s=before.took_s + fit.took_s, x=x, fitted=fit.fitted
    )
