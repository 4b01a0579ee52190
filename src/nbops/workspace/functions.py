"""Functions that leave a notebook for a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbops.errors import UsageError
from nbops.records import (
    ModuleVersion,
)
from nbops.workspace.opened import Opened

if TYPE_CHECKING:
    from nbops.extract import Built, ModuleState, Preview, Pulled, Request, TestReport
    from nbops.source import SourceCell


@dataclass(frozen=True, kw_only=True)
class _Material:
    """Cells to read definitions from, with the live objects they made."""

    cells: list[SourceCell]
    namespace: dict[str, Any] | None = None
    run_id: str | None = None
    notebook: str | None = None

    def request(
        self,
        names: Sequence[str],
        to: str,
        parameters: Sequence[str],
        pins: Sequence[str],
        definition: Mapping[str, str] | None,
        *,
        only: bool,
    ) -> Request:
        """Ask for names of it."""
        from nbops.extract import Request

        return Request(
            names=list(names), to=to, cells=self.cells, namespace=self.namespace, run_id=self.run_id,
            notebook=self.notebook, parameters=list(parameters), pins=list(pins), definition=definition, only=only,
        )  # fmt: skip


class Functions(Opened):
    """Functions that leave a notebook for a module."""

    def extract(
        self,
        names: Sequence[str],
        to: str,
        notebook: str | None = None,
        parameter: Sequence[str] = (),
        pin: Sequence[str] = (),
        definition: Mapping[str, str] | None = None,
        only: bool = False,
        overwrite: bool = False,
        accept: bool = False,
        with_tests: bool = False,
        replace: bool = False,
    ) -> ModuleVersion:
        """Take functions and classes out of the notebook into a versioned module."""
        from nbops import extract as room

        material = self._material(notebook, wanted=f"extract {' '.join(names)} --to {to}")
        request = material.request(names, to, parameter, pin, definition, only=only)
        version = room.extract(
            request, root=self.root, store=self.store, overwrite=overwrite, accept=accept, with_tests=with_tests
        )
        if with_tests and self.live is not None and notebook is None:
            room.record(
                list(names),
                namespace=self.live.namespace,
                module=to,
                root=self.root,
                run_id=material.run_id,
                keep=self.blobs.put,
            )
        if replace:
            self._offer([room.replacement(version.module, names, version.definitions)])
        return version

    def preview(
        self,
        names: Sequence[str],
        to: str,
        notebook: str | None = None,
        parameter: Sequence[str] = (),
        pin: Sequence[str] = (),
        definition: Mapping[str, str] | None = None,
        only: bool = False,
        proof: bool = False,
    ) -> Preview:
        """Show what extract would write and what is in its way, without writing anything."""
        from nbops import extract as room

        material = self._material(notebook, wanted=f"preview {' '.join(names)} --to {to}")
        request = material.request(names, to, parameter, pin, definition, only=only)
        return room.preview(request, root=self.root, store=self.store, proof=proof)

    def modules(self) -> list[ModuleState]:
        """List the modules taken from notebooks, and whether their files were edited since."""
        from nbops.extract import modules

        return modules(self.store, self.root)

    def history(self, module: str) -> list[ModuleVersion]:
        """List every version of a module, newest first."""
        from nbops.extract import find_version, history

        return history(self.store, find_version(self.store, module).module)

    def diff(self, module: str, other: str | None = None, notebook: str | None = None) -> str:
        """Show a module's edits three ways (notebook, recorded, file), or two versions against each other."""
        from nbops.extract import diff

        material = self._material(notebook)
        return diff(
            module,
            other,
            store=self.store,
            root=self.root,
            cells=material.cells,
            namespace=material.namespace,
            notebook=material.notebook,
        )

    def test(self, module: str) -> TestReport:
        """Replay the calls that were recorded for a module, and say which give something else."""
        from nbops.extract import run_tests

        return run_tests(module, root=self.root)

    def pull(self, module: str, notebook: str | None = None) -> list[Pulled]:
        """Offer what was edited in a module's file as new cells of the notebook; nothing is overwritten."""
        from nbops.extract import pull

        material = self._material(notebook)
        pulled = pull(
            module,
            store=self.store,
            root=self.root,
            cells=material.cells,
            namespace=material.namespace,
            notebook=material.notebook,
        )
        self._offer([part.source for part in pulled])
        return pulled

    def build(self, package: str, out: str | None = None, version: str | None = None, overwrite: bool = False) -> Built:
        """Build an installable wheel of a package taken from notebooks."""
        from nbops.extract import build_wheel

        return build_wheel(
            package,
            store=self.store,
            root=self.root,
            out=Path(out) if out is not None else None,
            version=version,
            overwrite=overwrite,
        )

    def _material(self, notebook: str | None, *, wanted: str | None = None) -> _Material:
        """What definitions are read from: a notebook's file when it is named, else the live session."""
        from nbops.source import from_executions, from_texts, read_notebook

        if notebook is not None:
            path = Path(notebook).absolute()
            relative = path.relative_to(self.root) if path.is_relative_to(self.root) else path
            return _Material(cells=read_notebook(path), notebook=relative.as_posix())
        if self.live is not None:
            return _Material(
                cells=[*from_texts(self.live.earlier()), *from_executions(self.live.executions())],
                namespace=self.live.namespace,
                run_id=self.live.run_id,
                notebook=self.live.notebook,
            )
        if wanted is not None:
            raise UsageError(
                "outside of a notebook, nbops must be told which notebook to read",
                hint=f"nbops {wanted} --notebook FILE.ipynb",
            )
        return _Material(cells=[])

    def _offer(self, sources: Sequence[str]) -> None:
        if self.live is not None and sources:
            self.live.offer("\n\n\n".join(source.strip() for source in sources) + "\n")
