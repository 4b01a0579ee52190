"""``python -m nbops`` is ``nbops``."""

from nbops.cli import entry_point

entry_point()
