"""From a notebook cell to a watched, retrained container, with nothing lost in between.

``%load_ext nbops`` records the cells of a notebook; the calls below work there and in plain scripts. Everything is
imported at its first use, so that ``import nbops`` costs nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from nbops.capture.api import log_artifact, log_metric, log_metrics, log_param, log_params, run
    from nbops.capture.autolog.switch import autolog
    from nbops.capture.listing import runs
    from nbops.flows.session import deploy, load_model, log_model
    from nbops.masking.asking import secret

__version__ = "0.1.0"

_HOMES = {
    "autolog": "nbops.capture.autolog.switch",
    "deploy": "nbops.flows.session",
    "load_model": "nbops.flows.session",
    "log_artifact": "nbops.capture.api",
    "log_metric": "nbops.capture.api",
    "log_metrics": "nbops.capture.api",
    "log_model": "nbops.flows.session",
    "log_param": "nbops.capture.api",
    "log_params": "nbops.capture.api",
    "run": "nbops.capture.api",
    "runs": "nbops.capture.listing",
    "secret": "nbops.masking.asking",
}
"""Public name → the module that has it; a new call joins here and under TYPE_CHECKING above."""

__all__ = [
    "__version__",
    "autolog",
    "deploy",
    "load_model",
    "log_artifact",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "run",
    "runs",
    "secret",
]


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'nbops' has no attribute {name!r}") from None
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


class _Package(ModuleType):
    """Keeps ``nbops.deploy`` the call: Python sets a submodule as an attribute of its package when it is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Begin to record: what ``%load_ext nbops`` calls."""
    from nbops import magics

    magics.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Stop recording: what ``%unload_ext nbops`` calls."""
    from nbops import magics

    magics.unload(shell)
