"""Everything nbops raises on purpose, as one small tree.

::

    NbopsError                 something the user can understand and cure
    ├── UsageError             a wrong call: the message shows the right one
    ├── SettingsError          a setting that cannot be understood
    ├── NotFoundError          an id or a name that nothing answers to
    ├── ConflictError          a name, port or version that is taken
    ├── MissingError           a library, program or service that is not there
    ├── StoreError             the store cannot be read or written
    │   ├── StoreLockedError   another process holds it too long
    │   ├── StoreCorruptError  its bytes are damaged
    │   └── StoreVersionError  it was written by a newer nbops
    ├── SourceError            notebook source that cannot be read or carried
    ├── ExtractError           definitions that cannot honestly leave the notebook
    ├── RetrainError           a notebook run that failed
    ├── BundleError            a model that cannot be packed, or a bundle that was altered
    ├── ScoreError             a table that could not be scored to its end
    ├── DeployError            an engine that could not start, reach or stop a container
    ├── MonitorError           a prediction log that cannot be measured
    ├── ScheduleError          a schedule that cannot be installed or looked at
    ├── NotifyError            a notice that could not be delivered
    └── BridgeError            another tracker that cannot be read or written

Each carries a stable ``code`` for programs, and a ``hint``: the cure, as a command where there is one.
"""

from __future__ import annotations


class NbopsError(Exception):
    """Say what happened, with the values in it, and what to do next.

    Args:
        message: one sentence with the values that matter.
        code: a stable word for programs, such as ``"run_not_found"``; the class's own when not given.
        hint: the cure, as a command where there is one.

    Example:
        >>> error = NbopsError("no run starts with 'abc'", hint="nbops runs")
        >>> str(error)
        "no run starts with 'abc'\\n  → nbops runs"
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        """IPython asks for this: our errors are for reading, their stack is not."""
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross processes (workers, kernels); the default would lose code and hint.
        return (_rebuild, (type(self), self.message, self.code, self.hint))


def _rebuild(kind: type[NbopsError], message: str, code: str, hint: str | None) -> NbopsError:
    return kind(message, code=code, hint=hint)


class UsageError(NbopsError):
    """A wrong call; the message shows the right one."""

    code = "usage"


class SettingsError(NbopsError):
    """A setting that cannot be understood."""

    code = "settings"


class NotFoundError(NbopsError):
    """An id or a name that nothing answers to."""

    code = "not_found"


class ConflictError(NbopsError):
    """A name, port or version that is taken."""

    code = "conflict"


class MissingError(NbopsError):
    """A library, program or service that is not there."""

    code = "missing"


class StoreError(NbopsError):
    """The store cannot be read or written."""

    code = "store"


class StoreLockedError(StoreError):
    """Another process holds the store too long."""

    code = "store_locked"


class StoreCorruptError(StoreError):
    """The store's bytes are damaged."""

    code = "store_corrupt"


class StoreVersionError(StoreError):
    """The store was written by a newer nbops."""

    code = "store_version"


class SourceError(NbopsError):
    """Notebook source that cannot be read or carried."""

    code = "source"


class ExtractError(NbopsError):
    """Definitions that cannot honestly leave the notebook."""

    code = "extract"


class RetrainError(NbopsError):
    """A notebook run that failed."""

    code = "retrain"


class BundleError(NbopsError):
    """A model that cannot be packed, or a bundle that was altered."""

    code = "bundle"


class ScoreError(NbopsError):
    """A table that could not be scored to its end."""

    code = "score"


class DeployError(NbopsError):
    """An engine that could not start, reach or stop a deployment."""

    code = "deploy"


class MonitorError(NbopsError):
    """A prediction log that cannot be measured."""

    code = "monitor"


class ScheduleError(NbopsError):
    """A schedule that cannot be installed or looked at."""

    code = "schedule"


class NotifyError(NbopsError):
    """A notice that could not be delivered."""

    code = "notice_refused"


class BridgeError(NbopsError):
    """Another tracker that cannot be reached, or that refuses what it was given."""

    code = "bridge"
