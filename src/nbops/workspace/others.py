"""Exchange of runs and models with other tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nbops.workspace.opened import Opened

if TYPE_CHECKING:
    from nbops.bridge import Transferred


class Others(Opened):
    """Exchange of runs and models with other tools."""

    def mlflow_export(
        self, runs: Sequence[str], to: str, where: str | None = None, experiment: str | None = None
    ) -> Transferred:
        """Bring runs and their models to an MLflow server or store."""
        from nbops.flows.mlflow import export_runs

        return export_runs(
            runs, to=to, where=where, experiment=experiment, store=self.store, blobs=self.blobs, settings=self.settings
        )

    def mlflow_import(self, source: str, experiment: Sequence[str] = (), trust: Sequence[str] = ()) -> Transferred:
        """Bring runs and registered models from an MLflow server or store here."""
        from nbops.flows.mlflow import import_runs

        return import_runs(
            source=source, experiments=experiment, trust=trust, store=self.store, blobs=self.blobs,
            settings=self.settings,
        )  # fmt: skip
