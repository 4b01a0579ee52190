"""A real JupyterLab, and journeys through it in a real Chromium."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "labextension" / "journeys"))

from hub import hub
from lab import Lab, serving


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """JupyterLab on an empty folder."""
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., contextlib.AbstractContextManager[Lab]]:
    """Start JupyterLab or Notebook 7: ``with serve("notebook") as lab``; ``base_url`` is a hub's address for a user."""
    return lambda module, **options: serving(tmp_path, module, **options)


@pytest.fixture
def jupyterhub(tmp_path: Path) -> Iterator[Lab]:
    """A JupyterHub with its proxy; its token is everybody's password."""
    with hub(tmp_path) as found:
        yield found
