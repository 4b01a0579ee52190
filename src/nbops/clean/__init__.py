"""The clean child process: a Python that knows nothing of this one, watched by an audit hook.

Rooms send it a job as JSON and get a report as JSON. Jobs look at a module that is not written yet: whether its
imports can be had, what it does when it is imported alone, and which names its code would look up in vain.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from nbops.errors import ExtractError

_CHILD = Path(__file__).with_name("child.py")


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Something a module did while it was being imported."""

    what: str
    """Such as ``opens data.csv`` or ``prints 'hello'``."""
    line: int | None = None


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a module in the clean process."""

    error: str | None = None
    """Why it could not be imported."""
    line: int | None = None
    missing: list[str] = []
    """Import statements that failed, each with the reason: ``import torch: No module named 'torch'``."""
    unresolved: dict[str, list[str]] = {}
    """Global names that the compiled code would look up in vain → the functions that do."""
    absent: list[str] = []
    """Dotted look-ups that fail on an imported module: ``scipy.stats`` where only ``scipy`` was imported."""
    submodules: list[str] = []
    """Of these, the ones an import of their own would cure."""
    later_missing: list[str] = []
    """Modules imported inside functions that are not installed here."""
    effects: list[Effect] = []
    values: dict[str, str | None] = {}
    """Asked-for constants as canonical text; None for what has none."""
    shown: dict[str, str] = {}
    """The same constants as a person would read them, cut short."""
    seconds: float = 0.0
    """How long the module's own code ran."""


def import_alone(
    module: str,
    source: str,
    *,
    search: Sequence[str | Path],
    constants: Sequence[str] = (),
    timeout_s: float = 120.0,
) -> ImportReport:
    """Import a module that is not written yet, alone, in a clean process.

    Args:
        module: its dotted name.
        source: its text.
        search: folders of the project that modules may be imported from.
        constants: names whose values shall be reported.
        timeout_s: after how many seconds the child is given up.

    Returns:
        The report; an import that fails is reported, not raised.

    Raises:
        ExtractError: the child itself could not do its work, or took longer than the time-out.

    Example:
        >>> import_alone("m", "print('hello')", search=[]).effects[0].what
        "prints 'hello'"
    """
    job = {"job": "import", "module": module, "source": source, "search": [str(p) for p in search]}
    return msgspec.convert(_run({**job, "constants": list(constants)}, timeout_s), ImportReport)


def public_names(
    modules: Sequence[str], *, search: Sequence[str | Path] = (), timeout_s: float = 120.0
) -> dict[str, list[str] | None]:
    """Tell which names ``from module import *`` would bring, for several modules in one clean process.

    Args:
        modules: dotted names.
        search: folders of the project that modules may be imported from.
        timeout_s: after how many seconds the child is given up.

    Returns:
        Module → names; None for a module that cannot be imported here.

    Raises:
        ExtractError: the child itself could not do its work, or took longer than the time-out.

    Example:
        >>> "sqrt" in public_names(["math"])["math"]
        True
    """
    job = {"job": "names", "modules": list(modules), "search": [str(p) for p in search]}
    return msgspec.convert(_run(job, timeout_s)["names"], dict[str, list[str] | None])


def _run(job: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    # The isolated mode drops PYTHONPATH and the user's site-packages; libraries installed there are still libraries.
    libraries = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    if site.ENABLE_USER_SITE:
        libraries.append(site.getusersitepackages())
    with tempfile.TemporaryDirectory(prefix="nbops-clean-") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-X", "utf8", str(_CHILD)],
                input=msgspec.json.encode({**job, "libraries": libraries}),
                capture_output=True,
                cwd=folder,
                env={**os.environ, "MPLBACKEND": "agg", "PYTHONHASHSEED": "0", "HOME": os.environ.get("HOME", folder)},
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ExtractError(
                f"the module was still being imported after {timeout_s:g} s in the clean process", code="proof_timeout"
            ) from error
    try:
        report: dict[str, Any] = msgspec.json.decode(done.stdout.rpartition(b"\x00")[2])
    except msgspec.DecodeError as error:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ExtractError(
            f"the clean process ended with code {done.returncode} and no report: {last}", code="proof_died"
        ) from error
    return report
