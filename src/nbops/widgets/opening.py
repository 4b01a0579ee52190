"""How a layer comes to its project."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from nbops.workspace import Workspace

Open = Callable[[], AbstractContextManager[Workspace]]
"""Opens the project for one question: between two of them nothing is held open."""
