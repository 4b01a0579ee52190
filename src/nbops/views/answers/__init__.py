"""What each answer shows: one small function per type, chosen by the answer itself."""

from __future__ import annotations

from nbops.views.answers import endpoints, functions, lineage, models, project, retraining, runs, schedules  # noqa: F401 - each registers its views
from nbops.views.answers.dispatch import view_of

__all__ = ["view_of"]
