"""The calls that users make: ``nbops.run`` and ``nbops.log_…``, in a cell, a script or a thread."""

from __future__ import annotations

from collections.abc import Mapping

from nbops.capture import here, tracking, values
from nbops.capture.tracking import ActiveRun
from nbops.records import Artifact


def run(name: str) -> ActiveRun:
    """Open a run for a block: what is logged inside belongs to it, and it ends with the block.

    An exception closes it as failed and goes on to the caller. Runs may be nested, and opened in loops and threads.

    Args:
        name: what the run is called; the same name may be used again.

    Returns:
        A context manager that gives the open run, with its ``id`` and the ``log_…`` methods.

    Raises:
        UsageError: the name is not text of 1 to 250 characters.

    Example:
        >>> with run("baseline") as active:
        ...     log_metric("accuracy", 0.93)
        >>> active.is_open
        False
    """
    return tracking.open_run(here.session(), values.as_name(name, 'with nbops.run("baseline"):'))


def log_param(name: str, value: object) -> None:
    """Set a parameter of the innermost run; setting it again replaces it.

    Args:
        name: text of 1 to 250 characters.
        value: any scalar; other objects are kept as their JSON or, failing that, their text.

    Raises:
        UsageError: the name is not text of 1 to 250 characters.

    Example:
        >>> log_param("depth", 4)
    """
    _innermost().log_param(name, value)


def log_params(params: Mapping[str, object]) -> None:
    """Set several parameters of the innermost run.

    Args:
        params: name → value.

    Raises:
        UsageError: it is no dict, or a name is not text of 1 to 250 characters.

    Example:
        >>> log_params({"depth": 4, "lr": 0.1})
    """
    _innermost().log_params(params)


def log_metric(name: str, value: object, step: object = None) -> None:
    """Append a value of a metric to the innermost run; it is committed when the call returns.

    Args:
        name: text of 1 to 250 characters.
        value: one number, of Python, numpy or another library; NaN and the infinities are kept.
        step: a whole number such as the epoch; None when there is none.

    Raises:
        UsageError: the value is not one number, the step not a whole number, or the name not text.

    Example:
        >>> for epoch in range(3):
        ...     log_metric("loss", 1 / (epoch + 1), step=epoch)
    """
    _innermost().log_metric(name, value, step)


def log_metrics(metrics: Mapping[str, object], step: object = None) -> None:
    """Append one value to each of several metrics of the innermost run.

    Args:
        metrics: name → one number.
        step: a whole number such as the epoch; None when there is none.

    Raises:
        UsageError: it is no dict, or a value, name or the step is not what it should be.

    Example:
        >>> log_metrics({"loss": 0.3, "accuracy": 0.9}, step=1)
    """
    _innermost().log_metrics(metrics, step)


def log_artifact(path_or_object: object, name: str | None = None) -> Artifact | None:
    """Keep a file, or an object as a file, under the innermost run.

    Args:
        path_or_object: a path, bytes, a matplotlib figure (kept as PNG), a DataFrame or Arrow table (Parquet), a numpy
            array (``.npy``), or a dict or list (JSON).
        name: what it is called; needed for bytes, otherwise the file's name or the kind of object.

    Returns:
        The artifact's record, or None when its bytes could not be stored, which is told in a notice.

    Raises:
        UsageError: there is no such file, or this kind of object cannot be kept.

    Example:
        >>> log_artifact({"classes": ["no", "yes"]}, "classes").name
        'classes.json'
    """
    return _innermost().log_artifact(path_or_object, name)


def _innermost() -> ActiveRun:
    return tracking.innermost(here.session())
