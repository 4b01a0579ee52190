"""Which fit a live estimator has had, and which estimator gave an answer: by weak references that keep nothing alive.

An answer is recognised by being the same array, a view of it (``proba[:, 1]``), or, among the last few, by following
from it: the same values in a list or a Series, or a rising function of them (``proba[:, 1] > 0.3``, ``numpy.exp``).
"""

from __future__ import annotations

import weakref
from collections import OrderedDict, deque
from typing import Any

import msgspec

from nbops.capture.autolog import describe
from nbops.capture.autolog.held import Held, Mark, hold, is_as, is_plain, is_table, sample_of, values_mark, weakly
from nbops.optional import loaded
from nbops.records import Fit

_MOST_SAMPLES = 16
_RECENT = 8
_MOST_HOPS = 4
_MOST_COMPARED = 10_000
"""Values that are compared, evenly spread over longer answers."""
_LEAST_COMPARED = 5


class Known(msgspec.Struct, kw_only=True, eq=False):
    """What is known of a live estimator's last fit."""

    fit: Fit
    x_mark: Mark | None = None
    truth_mark: Mark | None = None
    """What y held: a score against the same is one on the training data."""
    x: Any = None
    """A weak reference to the table it was fitted on."""
    takes_x: bool = True
    """Whether it takes tables like the one of the fit, which a step inside a pipeline does not."""

    def is_training(self, truth: Any) -> bool:
        """Whether something holds what the fit had as its y, or as its X where it had no y."""
        if self.fit.y is not None:
            return self.truth_mark is not None and values_mark(truth) == self.truth_mark
        held = hold(truth) if self.x_mark is not None else None
        return held is not None and held.mark == self.x_mark


class Answer(msgspec.Struct, kw_only=True, eq=False):
    """An array that an estimator gave, or that was computed from one."""

    live: Any
    """A weak reference to the array."""
    known: Known | None
    classes: Any = None
    """What the columns of probabilities stand for."""
    values: Any = None
    """A copy of the array, or of evenly spread rows of it, while it is among the last few."""
    rows: int = 0
    truth: Any = None
    """A weak reference to what an array that was computed from an answer was held against."""


class Memory:
    """Live estimators and their answers."""

    def __init__(self) -> None:
        self._estimators: dict[int, tuple[Any, Known]] = {}
        self._answers: dict[int, Answer] = {}
        self._recent: deque[Answer] = deque(maxlen=_RECENT)
        self._samples: OrderedDict[Mark, Any] = OrderedDict()

    # Estimators.

    def of(self, estimator: Any) -> Known | None:
        """The last fit of an estimator; None when it was not seen."""
        found = self._estimators.get(id(estimator))
        return found[1] if found is not None and found[0]() is estimator else None

    def learn(self, estimator: Any, known: Known) -> None:
        """Remember a fit for as long as its estimator lives, and for the fitted parts of it."""
        self._remember(estimator, known)
        for _, step in describe.steps(estimator):
            self._remember(step, msgspec.structs.replace(known, takes_x=False))
        best = describe.attributes(estimator).get("best_estimator_")
        if best is not None:
            self.learn(best, known)

    def _remember(self, estimator: Any, known: Known) -> None:
        key = id(estimator)
        try:
            live = weakref.ref(estimator, lambda _: self._estimators.pop(key, None))
        except TypeError:  # its class allows no weak references
            return
        self._estimators[key] = (live, known)

    # Answers.

    def answered(self, array: Any, estimator: Any, known: Known | None) -> None:
        """Remember what an estimator answered; a list of arrays is several answers."""
        for one in array if isinstance(array, list | tuple) else [array]:
            answer = self._note(one, known, describe.attributes(estimator).get("classes_"))
            if answer is not None:
                self._recent.append(_copied(answer, one))

    def follows(self, result: Any, answer: Answer, truth: Any) -> None:
        """Remember arrays that were computed from an answer, such as a curve, and what it was held against."""
        for one in result if isinstance(result, tuple) else (result,):
            self._note(one, answer.known, None, weakly(truth))

    def _note(self, array: Any, known: Known | None, classes: Any, truth: Any = None) -> Answer | None:
        key = id(array)
        try:
            live = weakref.ref(array, lambda _: self._answers.pop(key, None))
        except TypeError:
            return None
        answer = self._answers[key] = Answer(live=live, known=known, classes=classes, truth=truth)
        return answer

    def source(self, array: Any) -> Answer | None:
        """The answer that this is, or is a view of."""
        for _ in range(_MOST_HOPS):
            found = self._answers.get(id(array))
            if found is not None and found.live() is array:
                return found
            array = getattr(array, "base", None)
            if array is None:
                return None
        return None

    def likely_source(self, given: Any) -> Answer | None:
        """The newest recent answer that this follows from by its values."""
        numpy = loaded("numpy")
        values = None if numpy is None else _values(given)
        if values is None or values.ndim != 1 or len(values) < _LEAST_COMPARED:
            return None
        for answer in reversed(self._recent):
            if answer.rows == len(given) and _follow(values, answer.values, answer.classes):
                return answer
        return None

    # Samples.

    def take_sample(self, held: Held) -> None:
        """Keep a few rows of a table, for whoever deploys a model that was fitted on it."""
        if held.mark in self._samples:
            self._samples.move_to_end(held.mark)
            return
        self._samples[held.mark] = sample_of(held.table)
        if len(self._samples) > _MOST_SAMPLES:
            self._samples.popitem(last=False)

    def sample(self, known: Known) -> Any:
        """The table that a model was fitted on if it is still there, else some rows of it, else None."""
        if known.x_mark is None or not known.takes_x:
            return None
        table = None if known.x is None else known.x()
        if is_table(table) and is_as(table, known.x_mark):
            return table
        return self._samples.get(known.x_mark)


def _copied(answer: Answer, array: Any) -> Answer:
    """The answer with its values, which may have to be recognised when the array itself is gone."""
    values = _values(array)
    if values is None or len(values) < _LEAST_COMPARED:
        return answer
    return msgspec.structs.replace(answer, values=values.copy(), rows=len(array))


def _values(given: Any) -> Any:
    """An array of plain numbers or texts; None for everything whose comparison would run foreign code."""
    import numpy as np

    pandas = loaded("pandas")
    if pandas is not None and isinstance(given, pandas.Series | pandas.DataFrame):
        given = given.to_numpy()
    if isinstance(given, list):
        if not all(map(is_plain, set(map(type, given)))):
            return None
        given = np.asarray(given)
    if not isinstance(given, np.ndarray) or given.ndim == 0:
        return None
    step = max(1, -(-len(given) // _MOST_COMPARED))
    some = np.asarray(given)[::step]
    if some.dtype.kind == "O":
        return some if all(type(item) is str for item in some.flat) else None
    return some if some.dtype.kind in "biufUT" else None


def _follow(values: Any, answered: Any, classes: Any) -> bool:
    import numpy as np

    if answered.ndim == 2 and answered.shape[1] == 1:
        answered = answered[:, 0]
    if answered.ndim == 1:
        return bool(np.array_equal(values, answered)) or _rises_with(values, answered)
    if answered.ndim != 2 or answered.dtype.kind != "f":
        return False
    if isinstance(classes, np.ndarray) and len(classes) == answered.shape[1]:
        likeliest = classes[answered.argmax(axis=1)]
        if np.array_equal(values, likeliest):
            return True
    if np.array_equal(values, answered.argmax(axis=1)):
        return True
    return answered.shape[1] == 2 and _rises_with(values, answered[:, 1])


def _rises_with(values: Any, answered: Any) -> bool:
    """Whether values never fall where the answers rise, and are not all the same: a threshold, a rounding, an exp."""
    import numpy as np

    if values.dtype.kind not in "biuf" or answered.dtype.kind not in "iuf":
        return False
    if len(values) < 2 * _LEAST_COMPARED or values.min() == values.max():
        return False
    order = np.lexsort((values, answered))
    return bool(np.all(np.diff(values[order].astype(float)) >= 0))
