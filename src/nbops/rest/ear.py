"""Hearing a team's store: what another machine writes wakes the watcher, which need not ask ten times a second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from nbops.errors import NbopsError

QUIET_S = 60.0
"""How long an ear hears nothing before it asks whether the line is still there."""
AGAIN_S = 2.0
"""How long after a line broke it is opened again."""


class Ear:
    """Listens to a shared store in a thread of its own.

    Args:
        store: a store with ``news`` (``nbops.store.shared.SharedStore``).
        woken: called in that thread for every write that is announced.
    """

    def __init__(self, store: Any, woken: Callable[[], None]) -> None:
        self._store = store
        self._woken = woken
        self._closed = threading.Event()
        self.has_heard = False
        """Whether the line is known to work: until then, and after it broke, the watcher asks as often as without."""
        # Nobody waits for it at the end of the process: it may be in the middle of a long silence.
        threading.Thread(target=self._listen, name="nbops-ear", daemon=True).start()

    def close(self) -> None:
        """Stop listening; the thread ends with the next thing it hears, or with its silence."""
        self._closed.set()

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                for _ in self._store.news(timeout_s=QUIET_S):
                    if self._closed.is_set():
                        return
                    self.has_heard = True
                    self._woken()
            except NbopsError:
                # The watcher asks the same store and says what is wrong with it.
                self.has_heard = False
                self._closed.wait(AGAIN_S)
