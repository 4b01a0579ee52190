"""Names for secrets that say nothing of them: the same value has the same id in a project, and nobody can guess back.

An id is a keyed hash. The key is random, made at a project's first secret, and stays beside the store in a file that
only its owner reads: whoever gets the store alone, or a slice of it, cannot try values against ids.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

_NAME = "secrets.key"
_BYTES = 32
ID_LETTERS = 12


class Names:
    """Gives ids to the secrets of one project.

    Args:
        folder: where its key is kept; None makes ids that last as long as the process.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / _NAME
        self._key: bytes | None = None

    def of(self, value: str) -> str:
        """The id of a value, in twelve hexadecimal digits.

        Example:
            >>> names = Names(None)
            >>> names.of("a") == names.of("a"), len(names.of("a"))
            (True, 12)
        """
        if self._key is None:
            self._key = self._kept()
        data = value.strip().encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._key, digest_size=ID_LETTERS // 2).hexdigest()

    @property
    def has_key(self) -> bool:
        """Whether the project has a key already, so that ids can be compared."""
        return self._path is not None and self._path.is_file()

    def _kept(self) -> bytes:
        fresh = os.urandom(_BYTES)
        if self._path is None:
            return fresh
        with contextlib.suppress(OSError):  # a read-only folder: ids hold for this process, and nothing is written
            if (found := self._read()) is not None:
                return found
            half = self._path.with_name(f".{_NAME}.{os.getpid()}.{os.urandom(4).hex()}")
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(descriptor, fresh)
            finally:
                os.close(descriptor)
            try:
                # The first of several processes wins; the others take its key.
                with contextlib.suppress(FileExistsError):
                    os.link(half, self._path)
            except OSError:  # file systems without links
                half.replace(self._path)
            finally:
                half.unlink(missing_ok=True)
            return self._read() or fresh
        return fresh

    def _read(self) -> bytes | None:
        assert self._path is not None
        try:
            key = self._path.read_bytes()
        except FileNotFoundError:
            return None
        return key if len(key) == _BYTES else None
