"""A project with a store, and one call that extracts from texts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for what several test modules share

from extract_sessions import cells_of

from nbops.extract import Request, extract
from nbops.records import ModuleVersion
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.interface import Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".nbops").mkdir()
    (tmp_path / "src").mkdir()
    return tmp_path


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    store = open_store(load_settings(root, env={}))
    yield store
    store.close()


@pytest.fixture
def take(root: Path, store: Store) -> Callable[..., ModuleVersion]:
    """Extract names, statically, to ``churn.features`` from the texts of cells."""

    def taken(names: str, *sources: str, **options: Any) -> ModuleVersion:
        how = {name: options.pop(name) for name in ("overwrite", "accept", "with_tests") if name in options}
        given = {"names": names.split(), "cells": cells_of(*sources), "to": "churn.features", **options}
        return extract(Request(**given), root=root, store=store, **how)

    return taken
