"""``nbops.autolog``: on and off for the session, for a block, for a function, for one call."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_block: ContextVar[bool | None] = ContextVar("nbops_autolog", default=None)
_main_block: bool | None = None
"""What the main thread's innermost block says, for threads that have none of their own."""
_session: bool | None = None
"""What was said for the session; None leaves it to the settings."""


def is_wanted(setting: bool) -> bool:
    """Whether fits are logged here: the innermost block says, else the session's switch, else the setting."""
    for said in (_block.get(), _main_block, _session):
        if said is not None:
            return said
    return setting


def forget() -> None:
    """A new session begins with what the settings say."""
    global _session
    _session = None


@contextlib.contextmanager
def _holding(on: bool) -> Iterator[None]:
    global _main_block
    is_main = threading.current_thread() is threading.main_thread()
    before, main_before = _block.get(), _main_block
    _block.set(on)
    if is_main:
        _main_block = on
    try:
        yield
    finally:
        _block.set(before)
        if is_main:
            _main_block = main_before


class autolog:  # noqa: N801 - it is called like a function, and is one to those who use it
    """Log fits of estimators, or do not: for the rest of the session, for a block, for a function, for one call.

    Called alone it holds for the session; in a plain script ``nbops.autolog()`` begins one. As ``with`` block and
    around a function it holds only there.

    Args:
        on: whether fits, scores, data and models are logged.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> with autolog(False):
        ...     model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
        >>> model = autolog(False)(model.fit)([[0.0], [1.0]], [0.0, 2.0])
        >>> @autolog(False)
        ... def quietly(model):
        ...     return model.fit([[0.0], [1.0]], [0.0, 3.0])
    """

    def __init__(self, on: bool = True) -> None:
        global _session
        self._on = on
        self._before, self._is_for_session = _session, True
        self._blocks: list[contextlib.AbstractContextManager[None]] = []
        _session = on
        if on:
            from nbops.capture import here

            here.session().autologger.put_in()

    def __repr__(self) -> str:
        return f"nbops.autolog({self._on})"

    def __enter__(self) -> Self:
        self._only_here()
        self._blocks.append(_holding(self._on))
        self._blocks[-1].__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._blocks.pop().__exit__(None, None, None)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Wrap a function, so that this holds for its calls alone."""
        self._only_here()

        @functools.wraps(function)
        def switched(*args: P.args, **kwargs: P.kwargs) -> R:
            __tracebackhide__ = True
            with _holding(self._on):
                return function(*args, **kwargs)

        return switched

    def _only_here(self) -> None:
        """Take back what the call said for the session: it was meant for a block or a function."""
        global _session
        if self._is_for_session:
            self._is_for_session = False
            _session = self._before
