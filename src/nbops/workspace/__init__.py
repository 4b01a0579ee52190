"""The one object all doors hold: an opened project, with one method for each verb.

Each method imports its room inside, so that opening a workspace loads nothing but the store.
"""

from __future__ import annotations

from nbops.workspace.endpoints import Endpoints, Prediction, RolledBack
from nbops.workspace.functions import Functions
from nbops.workspace.models import Models
from nbops.workspace.opened import Live
from nbops.workspace.others import Others
from nbops.workspace.retraining import Cancelled, Retraining
from nbops.workspace.runs import Runs, shelf_of
from nbops.workspace.schedules import Schedules
from nbops.workspace.start import Start, Status, Synced

__all__ = ["Cancelled", "Live", "Prediction", "RolledBack", "Status", "Synced", "Workspace", "shelf_of"]


class Workspace(Start, Runs, Functions, Retraining, Schedules, Models, Endpoints, Others):
    """An opened project: settings and store, and every verb as a method.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Workspace.opened(folder) as workspace:
        ...     workspace.runs()
        []
    """
