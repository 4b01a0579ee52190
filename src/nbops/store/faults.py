"""Every error of SQLite and of the file system under it, as one of ours with a cure. The one place that maps them."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from nbops.errors import ConflictError, NbopsError, StoreCorruptError, StoreError, StoreLockedError, StoreVersionError


def of_sqlite(error: sqlite3.Error, path: Path) -> NbopsError:
    """Say what happened to the store at ``path`` and what to do.

    Args:
        error: what sqlite3 raised.
        path: the database file.

    Returns:
        The error to raise from it.
    """
    name = getattr(error, "sqlite_errorname", "") or ""
    folder, file = shlex.quote(str(path.parent)), shlex.quote(str(path))
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return StoreError(f"the store {path} was closed", code="store_closed", hint="%reload_ext nbops")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
        return StoreLockedError(f"another process holds the store {path} too long", hint=f"fuser -v {file}")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(path, error)
    if name.startswith("SQLITE_FULL"):
        return StoreError(f"the disk under {path} is full", code="store_full", hint=f"df -h {folder}")
    if not path.parent.is_dir():
        return missing(path)
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH")):
        if path.exists() and name.startswith("SQLITE_READONLY_DBMOVED"):
            return StoreError(f"the store {path} was replaced while open", code="store_moved", hint="%reload_ext nbops")
        if path.is_dir():
            return StoreError(f"the store {path} is a folder", code="store_missing", hint="export NBOPS_STORE=FILE")
        return StoreError(
            f"the store {path} may not be written ({error})", code="store_readonly", hint=f"ls -ld {folder} {file}"
        )
    if name.startswith("SQLITE_IOERR"):
        return _of_io(path, error, folder)
    if name == "SQLITE_CONSTRAINT_UNIQUE":
        return ConflictError(f"the store {path} has that already ({error})", hint="nbops models")
    if "Could not decode to UTF-8" in str(error):
        return _damaged(path, "text that is none")
    if "no such table" in str(error) or "column" in str(error):
        return StoreVersionError(
            f"the store {path} has other tables than this nbops expects ({error})",
            hint=f"mv {file} {file}.old",
        )
    return StoreError(f"the store {path} failed: {error}", hint="nbops doctor")


def _damaged(path: Path, what: object) -> StoreCorruptError:
    return StoreCorruptError(
        f"the store {path} is damaged ({what})", hint=f"python -m nbops.store.rescue {shlex.quote(str(path))}"
    )


def _of_io(path: Path, error: sqlite3.Error, folder: str) -> StoreError:
    # A disk that fills up while SQLite grows its shared memory shows as an I/O error.
    with contextlib.suppress(OSError):
        space = os.statvfs(path.parent)
        if space.f_bavail * space.f_frsize < 1 << 16:
            return StoreError(f"the disk under {path} is full", code="store_full", hint=f"df -h {folder}")
    return StoreError(
        f"the disk under {path} cannot be read or written ({error})", code="store_io", hint="dmesg | tail"
    )


def missing(path: Path) -> StoreError:
    """Say that the folder of the store is not there, as when its drive is not mounted."""
    folder = shlex.quote(str(path.parent))
    return StoreError(
        f"the folder of the store {path} is not there; is its drive mounted?",
        code="store_missing",
        hint=f"mkdir -p {folder}",
    )


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of files inside into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise of_sqlite(error, path) from error
    except OSError as error:
        raise of_file(error, path) from error


def of_file(error: OSError, path: Path) -> StoreError:
    """Say what the file system refused at ``path`` and what to do."""
    folder = shlex.quote(str(path.parent))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(f"the disk under {path} is full", code="store_full", hint=f"df -h {folder}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError(
            f"{path} may not be written ({error.strerror})", code="store_readonly", hint=f"ls -ld {folder}"
        )
    if error.errno == errno.ENOENT and not path.parent.is_dir():
        return missing(path)
    return StoreError(f"{path} failed: {error.strerror or error}", code="store_io", hint="nbops doctor")
