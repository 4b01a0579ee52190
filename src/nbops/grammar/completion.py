"""Ids and names that may stand on a command line just now."""

from __future__ import annotations

from nbops import extending
from nbops.records import Endpoint, Model, ModelVersion, ModuleVersion, Run, Schedule, Sweep
from nbops.store.interface import Store

_RECENT = 30


def names_of(store: Store, nouns: str) -> list[str]:
    """Offer what answers to a noun, newest first.

    Args:
        store: the project's store.
        nouns: ``runs``, ``models``, ``modules``, ``sweeps``, ``schedules``, ``endpoints``, or the seam ``engines``.
    """
    if nouns == "engines":
        from nbops.deploy.engine import ENGINES

        return extending.names("engines", built_in=ENGINES)
    if nouns == "endpoints":
        return [endpoint.name for endpoint in store.find(Endpoint, limit=_RECENT)]
    if nouns == "models":
        models = store.find(Model, limit=_RECENT)
        aliases = [f"{model.name}@{alias}" for model in models for alias in model.aliases]
        versions = [f"{version.model}@{version.number}" for version in store.find(ModelVersion, limit=_RECENT)]
        return [*(model.name for model in models), *aliases, *versions]
    if nouns == "sweeps":
        sweeps = store.find(Sweep, limit=_RECENT)
        return [*dict.fromkeys(sweep.name for sweep in sweeps), *(sweep.id for sweep in sweeps)]
    if nouns == "schedules":
        return [schedule.name for schedule in store.find(Schedule, limit=_RECENT)]
    if nouns == "modules":
        versions_of_modules = store.find(ModuleVersion, limit=_RECENT)
        names = dict.fromkeys(version.module for version in versions_of_modules)
        return [*names, *(f"{version.module}@{version.version}" for version in versions_of_modules)]
    if nouns == "put_away":
        away = [*store.search_runs(shelf="deleted", limit=_RECENT), *store.search_runs(shelf="archived", limit=_RECENT)]
        return [*dict.fromkeys(row.run.name for row in away), *(row.run.id for row in away)]
    runs = store.find(Run, deleted_at=None, limit=_RECENT)
    return ["last", *dict.fromkeys(run.name for run in runs), *(run.id for run in runs)]
