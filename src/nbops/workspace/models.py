"""Models: versions, checks, aliases, batch scoring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbops.errors import NotFoundError, UsageError
from nbops.records import (
    CheckResult,
    Model,
    ModelVersion,
    Sweep,
)
from nbops.workspace.opened import Opened

if TYPE_CHECKING:
    from nbops.bundle.portable import Exported, Precision
    from nbops.score import BadRows, RunnerName, Scored


class Models(Opened):
    """Models: versions, checks, aliases, batch scoring."""

    def models(self, name: str | None = None, limit: int | None = 50, offset: int = 0) -> list[ModelVersion]:
        """List the models, or the versions of one."""
        if name is None:
            return self.store.find(ModelVersion, limit=limit, offset=offset)
        model = self.store.resolve(Model, name)
        return self.store.find(ModelVersion, model=model.name, order_by="-number", limit=limit, offset=offset)

    def check(self, model: str) -> list[CheckResult]:
        """Run every check on a model version and record the verdicts."""
        from nbops.flows.check import check

        return check(
            self.store.resolve(ModelVersion, model),
            store=self.store,
            blobs=self.blobs,
            root=self.root,
            rung=self.settings.rung or None,
        )

    def promote(self, model: str | None = None, alias: str = "production", best: str | None = None) -> Model:
        """Give a model version an alias such as production."""
        if best is not None and model is not None:
            alias = model  # promote --best SWEEP staging: the sweep names the model
        if not alias.isidentifier():
            raise UsageError(
                f"{alias!r} cannot be an alias: letters, digits and _", hint="nbops promote churn@3 production"
            )
        if best is not None:
            version = self._best(self.store.resolve(Sweep, best))
        elif model is not None:
            version = self.store.resolve(ModelVersion, model)
        else:
            raise UsageError("promote takes a model, or --best SWEEP", hint="nbops promote churn@3 production")
        named = self.store.resolve(Model, version.model)
        self.store.update(Model, named.id, aliases={**named.aliases, alias: version.number})
        return self.store.get(Model, named.id)

    def score(
        self,
        model: str,
        source: str,
        out: str,
        jobs: int = 1,
        bad_rows: BadRows = "keep",
        runner: RunnerName = "local",
        scheduler: str | None = None,
    ) -> Scored:
        """Predict for every row of a file, batch by batch, resumable."""
        from nbops.bundle import pack
        from nbops.score import score

        version = self.store.resolve(ModelVersion, model)
        bundle = pack(version, store=self.store, blobs=self.blobs, root=self.root, rung=self.settings.rung or None)
        return score(bundle, source, out, jobs=jobs, bad_rows=bad_rows, runner=runner, scheduler=scheduler)

    def export(
        self,
        model: str,
        format: str = "onnx",
        out: str | None = None,
        precision: Precision = "float32",
        tolerance: float | None = None,
        page: bool = True,
        overwrite: bool = False,
    ) -> Exported:
        """Write a model as a folder that answers without nbops, in Python and in the browser."""
        from nbops.bundle.portable import export_folder

        version = self.store.resolve(ModelVersion, model)
        reduced = "" if precision == "float32" else f"-{precision}"
        return export_folder(
            version,
            out or self.root / f"{version.model}-{version.number}-{format}{reduced}",
            blobs=self.blobs,
            precision=precision,
            tolerance=tolerance,
            page=page,
            overwrite=overwrite,
        )

    def _best(self, sweep: Sweep) -> ModelVersion:
        """The model that a sweep's best run logged."""
        found = [] if sweep.best_run_id is None else self.store.find(ModelVersion, run_id=sweep.best_run_id, limit=1)
        if not found:
            raise NotFoundError(
                f"sweep {sweep.name} has no best run that logged a model",
                hint=f'nbops show {sweep.id}  # --objective max:METRIC and nbops.log_model(model, name="…", sample=X)',
            )
        return found[0]
