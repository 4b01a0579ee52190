"""Names and metrics that hold a measured time: no two runs share them, so they are never compared.

Told from the code alone: what is assigned from the clock, what is computed from that, and what is logged of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from nbops.source import plain

_READING = frozenset({
    "clock_gettime", "monotonic", "monotonic_ns", "now", "perf_counter", "perf_counter_ns", "process_time",
    "process_time_ns", "time", "time_ns", "today", "utcnow", "getctime", "getmtime", "timeit", "default_timer",
})  # fmt: skip
# What of a time is a time again.
_KEEPING = frozenset({
    "abs", "float", "format", "int", "isoformat", "max", "min", "round", "str", "strftime", "sum", "timedelta",
    "total_seconds",
})  # fmt: skip
_COMPUTED = (
    ast.Attribute, ast.BinOp, ast.Dict, ast.FormattedValue, ast.JoinedStr, ast.List, ast.Tuple, ast.UnaryOp,
)  # fmt: skip
_Assignment = ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr
_LOGGING = frozenset({"log_metric", "log_metrics", "log_param", "log_params"})


class Clock:
    """What the cells of one session have taken from the clock so far."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.metrics: set[str] = set()

    def reads(self, source: str) -> bool:
        """Whether a cell asks what time it is."""
        tree = plain(source).tree
        nodes = ast.walk(tree) if tree is not None else ()
        return any(isinstance(node, ast.Call) and _called(node) in _READING for node in nodes)

    def read(self, source: str) -> None:
        """Take in the next cell.

        Example:
            >>> clock = Clock()
            >>> clock.read("start = time.time()")
            >>> clock.read("took = time.time() - start; log_metric('fit_s', took); score = 1")
            >>> sorted(clock.names), sorted(clock.metrics)
            (['start', 'took'], ['fit_s'])
        """
        tree = plain(source).tree
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, _Assignment) and node.value is not None:
                self._assigned(node.targets if isinstance(node, ast.Assign) else [node.target], node)
            elif isinstance(node, ast.Call):
                self._asked(node)

    def _asked(self, call: ast.Call) -> None:
        if _called(call) in _LOGGING:
            self.metrics.update(self._logged(call))
        elif _called(call) in ("append", "extend", "insert") and isinstance(call.func, ast.Attribute):
            kept = call.func.value
            if isinstance(kept, ast.Name) and any(self._is_time(argument) for argument in call.args):
                self.names.add(kept.id)

    def _assigned(self, targets: Iterable[ast.expr], node: _Assignment) -> None:
        assert node.value is not None
        is_time = self._is_time(node.value)
        for target in targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                    if is_time:
                        self.names.add(name.id)
                    elif not isinstance(node, ast.AugAssign):
                        self.names.discard(name.id)

    def _is_time(self, value: ast.expr | None) -> bool:
        """Whether it is read off the clock, or computed from that alone; what a time only *seeds* is no time."""
        if isinstance(value, ast.Name):
            return value.id in self.names
        if isinstance(value, ast.Call):
            inside = [value.func, *value.args] if _called(value) in _KEEPING else []
            return _called(value) in _READING or any(map(self._is_time, inside))
        if not isinstance(value, _COMPUTED):
            return False
        return any(self._is_time(part) for part in ast.iter_child_nodes(value) if isinstance(part, ast.expr))

    def _logged(self, call: ast.Call) -> Iterator[str]:
        for argument in call.args:
            if isinstance(argument, ast.Dict):
                for key, value in zip(argument.keys, argument.values, strict=True):
                    if isinstance(key, ast.Constant) and self._is_time(value):
                        yield str(key.value)
        values = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "value")]
        if call.args and isinstance(call.args[0], ast.Constant) and any(self._is_time(value) for value in values):
            yield str(call.args[0].value)


def _called(call: ast.Call) -> str:
    called = call.func
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
