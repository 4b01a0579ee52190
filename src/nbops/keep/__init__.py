"""Keeping the house: naming what runs were, putting them away, and removing what nobody refers to any more.

``labels`` says more about a run (tags, note, name). ``shelves`` takes runs out of the lists (archive), into the trash
(delete) and back (restore); nothing is lost there. ``collection`` is the only place of nbops that removes what was
recorded, and only what has been in the trash for a while. Rows, files and blobs themselves belong to the store.
"""

from __future__ import annotations

from nbops.keep.collection import Collected, Garbage, collect
from nbops.keep.labels import note, rename, tag
from nbops.keep.shelves import archive, delete, restore

__all__ = ["Collected", "Garbage", "archive", "collect", "delete", "note", "rename", "restore", "tag"]
