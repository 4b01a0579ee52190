"""Counters of the server, in memory that all its workers share, shown as Prometheus text.

Each worker has a stripe of its own in one anonymous memory map made before the workers were forked, so counting is an
addition without a lock and any worker can answer ``/metrics`` for all.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence

ROUTES = ("predict", "invocations", "v2", "health", "metrics", "manifest", "openapi", "page", "other")
STATUSES = (200, 304, 400, 401, 404, 405, 406, 408, 413, 415, 422, 429, 431, 500, 503)
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the latency histogram, in seconds."""
CODES = ("unseen", "out_of_range")
_SINGLE = (
    "rows", "extra", "batches", "batched_rows", "latency_sum", "in_flight", "log_written", "log_dropped",
    "log_overflowed", "ready",
)  # fmt: skip
_DOUBLE_BYTES = 8


class Metrics:
    """What one worker counts, and what all count together.

    Args:
        columns: names of the model's inputs.
        labels: put on ``nbops_model_info``: model, version, rung, bundle.
        workers: how many stripes there are.

    Example:
        >>> metrics = Metrics(["age"], {"model": "churn"})
        >>> metrics.answered("predict", 200, 0.002)
        >>> 'nbops_requests_total{route="predict",status="200"} 1' in metrics.render()
        True
    """

    def __init__(self, columns: Sequence[str], labels: dict[str, str], *, workers: int = 1) -> None:
        self._columns, self._labels, self._workers = tuple(columns), labels, workers
        self._places: dict[object, int] = {}
        for name in self._slots():
            self._places[name] = len(self._places)
        self._stripe = len(self._places)
        self._buckets, self._latency_sum = self._places["bucket", 0], self._places["latency_sum"]
        size = self._stripe * workers * _DOUBLE_BYTES
        self._all = memoryview(mmap.mmap(-1, size)).cast("d")
        self._mine = self._all[: self._stripe]

    def _slots(self) -> Iterator[object]:
        yield from ((route, status) for route in ROUTES for status in STATUSES)
        yield from (("bucket", place) for place in range(len(BOUNDS) + 1))
        yield from ((code, column) for code in CODES for column in self._columns)
        yield from _SINGLE

    def become(self, worker: int) -> None:
        """Count as this worker from now on, starting from what its predecessor left."""
        self._mine = self._all[worker * self._stripe : (worker + 1) * self._stripe]
        self.set("in_flight", 0)
        self.set("ready", 0)

    def retire(self, worker: int) -> None:
        """Stop counting a worker that died as one that takes requests."""
        for name in ("in_flight", "ready"):
            self._all[worker * self._stripe + self._places[name]] = 0

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request; the time is that of a prediction, and 0 for any other."""
        mine, places = self._mine, self._places
        place = places.get((route, status))
        mine[places[route, 500] if place is None else place] += 1
        if seconds:
            mine[self._buckets + bisect_left(BOUNDS, seconds)] += 1
            mine[self._latency_sum] += seconds

    def add(self, name: object, amount: float = 1) -> None:
        """Add to one counter, such as ``"rows"`` or ``("unseen", "city")``."""
        self._mine[self._places[name]] += amount

    def set(self, name: object, value: float) -> None:
        """Set one gauge."""
        self._mine[self._places[name]] = value

    def total(self, name: object) -> float:
        """Return one counter, summed over all workers."""
        place = self._places[name]
        return sum(self._all[place :: self._stripe])

    def render(self) -> str:
        """Return the Prometheus text exposition of all workers together."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in self._labels.items())
        yield from _head("nbops_model_info", "gauge", "The model that answers.")
        yield f"nbops_model_info{{{labels}}} 1"
        yield from _head("nbops_requests_total", "counter", "Requests answered, by route and status.")
        for route in ROUTES:
            for status in STATUSES:
                count = self.total((route, status))
                if count:
                    yield f'nbops_requests_total{{route="{route}",status="{status}"}} {count:.0f}'
        yield from self._latency()
        for code, said in (("unseen", "categories not seen in training"), ("out_of_range", "numbers out of range")):
            name = f"nbops_{code}_values_total"
            yield from _head(name, "counter", f"Accepted and rejected values: {said}, by column.")
            for column in self._columns:
                yield f'{name}{{column="{_escaped(column)}"}} {self.total((code, column)):.0f}'
        for name, metric, kind, said in _PLAIN:
            yield from _head(metric, kind, said)
            yield f"{metric} {self.total(name):.0f}"

    def _latency(self) -> Iterator[str]:
        name = "nbops_prediction_seconds"
        yield from _head(name, "histogram", "Time from a request's arrival to its answer, in seconds.")
        count = 0.0
        for place, bound in enumerate((*BOUNDS, "+Inf")):
            count += self.total(("bucket", place))
            yield f'{name}_bucket{{le="{bound}"}} {count:.0f}'
        yield f"{name}_sum {self.total('latency_sum'):.6f}"
        yield f"{name}_count {count:.0f}"


_PLAIN = (
    ("rows", "nbops_rows_total", "counter", "Rows answered."),
    ("extra", "nbops_extra_fields_total", "counter", "Fields sent that the model does not take."),
    ("batches", "nbops_batches_total", "counter", "Calls of the model."),
    ("batched_rows", "nbops_batched_rows_total", "counter", "Rows given to the model in those calls."),
    ("in_flight", "nbops_requests_in_flight", "gauge", "Requests being answered now."),
    ("log_written", "nbops_log_written_total", "counter", "Requests written to the prediction log."),
    ("log_dropped", "nbops_log_dropped_total", "counter", "Requests that the disk of the prediction log refused."),
    ("log_overflowed", "nbops_log_overflowed_total", "counter", "Requests that came faster than the log was written."),
    ("ready", "nbops_ready_workers", "gauge", "Workers that take requests."),
)


def _head(name: str, kind: str, said: str) -> Iterator[str]:
    yield f"# HELP {name} {said}"
    yield f"# TYPE {name} {kind}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
