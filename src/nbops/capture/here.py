"""The one session of this process: the recorder's where cells are recorded, else one that the first call opens."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from nbops.settings import load_settings

if TYPE_CHECKING:
    from nbops.capture.recorder import Recorder
    from nbops.capture.session import Session
    from nbops.capture.writer import OpenStore

_lock = threading.Lock()
_recorder: Recorder | None = None
_implicit: Session | None = None
_uncaught: BaseException | None = None


def session() -> Session:
    """The session to log into; in a plain script the first call opens it, and the end of the process ends it."""
    if _recorder is not None:
        return _recorder.session
    if _implicit is not None:
        return _implicit
    return _open_implicit()


def open_session() -> Session | None:
    """The session of this process, if there is one."""
    return _recorder.session if _recorder is not None else _implicit


def root() -> str | None:
    """The project of the session that is open, wherever a cell has gone with ``%cd``; None while there is none."""
    opened = open_session()
    return opened.settings.root if opened is not None else None


def recorder() -> Recorder | None:
    """The recorder of this process, if cells are recorded."""
    return _recorder


def started(recorder: Recorder) -> None:
    """Make a recorder's session the one to log into."""
    global _recorder
    _end_implicit()
    _recorder = recorder
    atexit.register(ended)


def ended() -> None:
    """End the session of this process, whichever it is; safe to call at any time."""
    global _recorder
    leaving, _recorder = _recorder, None
    if leaving is not None:
        leaving.abandon()
    _end_implicit()
    atexit.unregister(ended)


def forgotten(recorder: Recorder) -> None:
    """Log no longer into the session of a recorder that was stopped."""
    global _recorder
    if _recorder is recorder:
        _recorder = None


@contextlib.contextmanager
def reading() -> Iterator[OpenStore]:
    """Give the store to read from: the session's own, or one that is opened for the block."""
    if (opened := open_session()) is not None:
        yield opened.writer.store
        return
    from nbops.store import open_store

    with contextlib.closing(open_store(load_settings())) as store:
        yield store


def _open_implicit() -> Session:
    global _implicit
    from nbops.capture import place
    from nbops.capture.session import Session

    with _lock:
        if _implicit is None:
            settings = load_settings()
            notebook = place.notebook({}, settings.root)
            kind: Any = "session" if notebook else "named"
            opened = Session(settings, kind=kind, name=notebook or place.script(), notebook=notebook)
            sys.excepthook = _noted(sys.excepthook)
            atexit.register(ended)
            if settings.autolog:
                opened.autologger.put_in()
            _implicit = opened
        return _implicit


def _end_implicit() -> None:
    global _implicit
    leaving, _implicit = _implicit, None
    if leaving is None:
        return
    if _uncaught is None:
        leaving.close()
        return
    from nbops.capture.tracking import outcome
    from nbops.masking import masker_of

    leaving.close(*outcome(_uncaught, masker_of(leaving.settings)))


def _noted(hook: Any) -> Any:
    """Wrap the interpreter's last hook: a script that dies of an exception has a failed run."""
    pid = os.getpid()

    def noting(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        global _uncaught
        if os.getpid() == pid:
            _uncaught = error
        hook(kind, error, traceback)

    return noting
