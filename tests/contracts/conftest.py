"""Packages of somebody else, installed for the length of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from other_packages import installed

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Install]:
    """Install packages of one module each until the test ends, see ``other_packages.installed``."""
    with ExitStack() as stack:
        yield lambda name, source, **options: stack.enter_context(
            installed(tmp_path_factory.mktemp("site"), name, source, **options)
        )
