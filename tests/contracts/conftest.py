"""A package of somebody else, installed for the length of a test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbops import extending

Install = Callable[..., Path]
"""``install(name, source, **groups)``: group → entry point's name → attribute of the module; returns its folder."""


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install packages of one module each, as an installer leaves them: the module and its metadata on the path."""
    made: list[str] = []

    def put(name: str, source: str, *, requires: tuple[str, ...] = (), **groups: dict[str, str]) -> Path:
        folder = tmp_path_factory.mktemp("site-packages") / "site-packages"
        metadata = folder / f"{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}", "utf-8")
        sections = [
            f"[nbops.{group}]\n" + "".join(f"{entry} = {name}:{attribute}\n" for entry, attribute in entries.items())
            for group, entries in groups.items()
        ]
        (metadata / "entry_points.txt").write_text("\n".join(sections), "utf-8")
        (folder / f"{name}.py").write_text(source, "utf-8")
        monkeypatch.syspath_prepend(str(folder))
        extending._installed.cache_clear()
        made.append(name)
        return folder

    yield put
    for name in made:
        sys.modules.pop(name, None)
    extending._installed.cache_clear()
