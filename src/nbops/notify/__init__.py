"""Notices: telling people elsewhere that a run, a sweep or a schedule's firing has ended.

A *channel* is a table below ``[tool.nbops.notify]`` of the project's ``pyproject.toml``; its ``kind`` names a notifier
(``webhook``, ``slack``, ``email``, or one that another package brings under the entry point group ``nbops.notifiers``).
Secrets are never written there: a channel names the environment variable that holds one. What is told, and when, is
decided by those above; this room only delivers, tries again where that helps, and says what it could not deliver.
"""

from __future__ import annotations

from nbops.notify.channels import NOTIFIERS, Channel, Notifications, Notifier, channels
from nbops.notify.delivery import Undelivered, deliver
from nbops.notify.notice import Notice

__all__ = ["NOTIFIERS", "Channel", "Notice", "Notifications", "Notifier", "Undelivered", "channels", "deliver"]
