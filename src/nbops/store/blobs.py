"""Bytes kept by their sha256: figures, models, profiles, files. In a local folder, or wherever fsspec reaches.

A blob never changes, so writing one twice is writing it once, copies are safe, and what was read can be proved.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from nbops.errors import MissingError, NotFoundError, StoreCorruptError, StoreError, UsageError
from nbops.optional import need
from nbops.store import faults

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20
_NEW, _GONE = ".new-", ".gone-"  # a blob that is being written, and one that is being removed
_FRESH_S = 12 * 3600.0  # a remote blob put again within this time of the last is not sent again


class Blobs:
    """All blobs of a project.

    Args:
        location: a folder, or an fsspec address such as ``s3://bucket/prefix``; a folder is made at the first write.

    Example:
        >>> import tempfile
        >>> blobs = Blobs(tempfile.mkdtemp())
        >>> digest = blobs.put(b"figure")
        >>> blobs.get(digest)
        b'figure'
    """

    def __init__(self, location: str | os.PathLike[str]) -> None:
        address = os.fspath(location)
        self.location = without_password(address)
        """Where they are, without any password."""
        self._place: _Place = _Remote(address) if "://" in address else _Folder(Path(address))

    def put(self, data: bytes | bytearray | memoryview, *, durable: bool = True) -> str:
        """Keep bytes.

        Args:
            data: what to keep.
            durable: wait until the disk has them, so that a loss of power cannot take them.

        Returns:
            Their digest: sha256 as 64 hexadecimal digits.

        Raises:
            StoreError: they could not be written; ``code`` says why (``store_full``, ``store_readonly``, …).
        """
        digest = hashlib.sha256(data).hexdigest()
        if not self._place.refresh(_place_of(digest)):
            self._place.write(_place_of(digest), io.BytesIO(data), durable=durable)
        return digest

    def put_file(self, path: str | os.PathLike[str], *, durable: bool = True) -> str:
        """Keep a file's bytes, read in pieces; arguments, result and errors as for ``put``."""
        source = Path(path)
        try:
            # The bytes that are written are the bytes that were hashed, even if the file changes meanwhile.
            with source.open("rb") as file, tempfile.SpooledTemporaryFile(max_size=64 << 20) as copy:
                hashed = hashlib.sha256()
                while piece := file.read(_PIECE):
                    hashed.update(piece)
                    copy.write(piece)
                digest = hashed.hexdigest()
                if not self._place.refresh(_place_of(digest)):
                    copy.seek(0)
                    self._place.write(_place_of(digest), copy, durable=durable)  # type: ignore[arg-type]  # a binary file, though no BinaryIO
                return digest
        except FileNotFoundError as error:
            raise NotFoundError(
                f"there is no file {source}", code="file_not_found", hint=f"ls {source.parent}"
            ) from error
        except OSError as error:
            raise faults.of_file(error, source) from error

    def get(self, digest: str, *, verify: bool = True) -> bytes:
        """Return a blob's bytes.

        Args:
            digest: what ``put`` returned.
            verify: hash them again, and refuse damaged ones.

        Raises:
            NotFoundError: no blob has the digest.
            StoreCorruptError: its bytes are not those that were put.
        """
        data = self._place.read(_checked(digest))
        if verify and hashlib.sha256(data).hexdigest() != digest:
            raise self._damaged(digest)
        return data

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading, without verifying it; close it after use."""
        return self._place.open(_checked(digest))

    def path(self, digest: str, *, verify: bool = False) -> Path:
        """Return a local file with the blob's bytes, fetched into the cache when they are elsewhere; never write to it.

        Raises:
            NotFoundError: no blob has the digest.
            StoreCorruptError: ``verify`` was asked for and its bytes are damaged.
        """
        found = self._place.path(_checked(digest))
        if verify:
            with found.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    raise self._damaged(digest)
        return found

    def has(self, digest: str) -> bool:
        """Tell whether a blob is there."""
        return self._place.has(_checked(digest))

    def size(self, digest: str) -> int:
        """Return a blob's size in bytes; NotFoundError when it is not there."""
        return self._place.size(_checked(digest))

    def delete(self, digest: str) -> None:
        """Remove a blob; nothing happens when it is not there."""
        self._place.delete(_checked(digest))

    def list(self) -> Iterator[str]:
        """Give the digests of all blobs, in no order."""
        return self._place.list()

    def put_at(self, digest: str) -> float | None:
        """When a blob was put last, in seconds since the epoch; None where nothing tells.

        Putting bytes that are there already counts: a record that names them may be about to be written.

        Raises:
            NotFoundError: no blob has the digest.
        """
        return self._place.put_at(_checked(digest))

    def sweep(self, digest: str, *, before: float) -> bool:
        """Remove a blob unless somebody has put it since ``before``, even in this very moment.

        Returns:
            Whether it is gone; a blob whose age nothing tells stays.
        """
        return self._place.sweep(_checked(digest), before)

    def leftovers(self, *, before: float, remove: bool = False) -> tuple[int, ...]:
        """Find halves of blobs that writers who died left behind before a moment.

        Returns:
            Their sizes in bytes.
        """
        return self._place.leftovers(before, remove)

    def _damaged(self, digest: str) -> StoreCorruptError:
        return StoreCorruptError(
            f"the blob {digest} in {self.location} is damaged", code="blob_corrupt", hint="nbops doctor"
        )


def without_password(address: str) -> str:
    """Return an address with any password in it left out.

    Example:
        >>> without_password("postgresql://ada:s3cret@host/db?password=x")
        'postgresql://ada:***@host/db?password=***'
    """
    address = re.sub(r"(://[^:/@\s]*):\S*@", r"\1:***@", address)
    return re.sub(r"((?:password|passwd|secret|token|key)=)[^&\s]+", r"\1***", address, flags=re.IGNORECASE)


def _checked(digest: str) -> str:
    # It becomes part of a path: nothing else may get in.
    if not _DIGEST.fullmatch(digest):
        raise UsageError(f"a digest has 64 hexadecimal digits, which {digest[:80]!r} has not", code="bad_digest")
    return _place_of(digest)


def _place_of(digest: str) -> str:
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


def _none(key: str, location: object) -> NotFoundError:
    return NotFoundError(f"no blob {key.rpartition('/')[2]} in {location}", code="blob_not_found", hint="nbops doctor")


class _Place(Protocol):
    """Where blobs are, by their relative key."""

    def write(self, key: str, source: BinaryIO, *, durable: bool) -> None: ...
    def read(self, key: str) -> bytes: ...
    def open(self, key: str) -> BinaryIO: ...
    def path(self, key: str) -> Path: ...
    def has(self, key: str) -> bool: ...
    def size(self, key: str) -> int: ...
    def delete(self, key: str) -> None: ...
    def list(self) -> Iterator[str]: ...
    def refresh(self, key: str) -> bool:
        """Make a blob count as just put; False where it is not there or has to be written again for that."""
        ...

    def put_at(self, key: str) -> float | None: ...
    def sweep(self, key: str, before: float) -> bool: ...
    def leftovers(self, before: float, remove: bool) -> tuple[int, ...]: ...


class _Folder:
    """A local folder; needs no library."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, key: str, source: BinaryIO, *, durable: bool) -> None:
        target = self.root / key
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, source, durable=durable)
        except OSError as error:
            raise faults.of_file(error, target) from error

    def read(self, key: str) -> bytes:
        with self._found(key):
            return (self.root / key).read_bytes()

    def open(self, key: str) -> BinaryIO:
        with self._found(key):
            return (self.root / key).open("rb")

    def path(self, key: str) -> Path:
        if not self.has(key):
            raise _none(key, self.root)
        return self.root / key

    def has(self, key: str) -> bool:
        return (self.root / key).is_file()

    def size(self, key: str) -> int:
        with self._found(key):
            return (self.root / key).stat().st_size

    def delete(self, key: str) -> None:
        try:
            (self.root / key).unlink(missing_ok=True)
        except OSError as error:
            raise faults.of_file(error, self.root / key) from error

    def list(self) -> Iterator[str]:
        for path in self.root.glob("??/??/*"):
            if _DIGEST.fullmatch(path.name):
                yield path.name

    def refresh(self, key: str) -> bool:
        try:
            os.utime(self.root / key)
        except (FileNotFoundError, PermissionError):
            # Somebody else's file cannot be touched; a copy of ours takes its place.
            return False
        except OSError as error:
            raise faults.of_file(error, self.root / key) from error
        return True

    def put_at(self, key: str) -> float | None:
        with self._found(key):
            return (self.root / key).stat().st_mtime

    def sweep(self, key: str, before: float) -> bool:
        path = self.root / key
        aside = path.with_name(f"{_GONE}{path.name}")
        try:
            # Moved first and looked at then: whoever puts it after the move finds nothing and writes it again, whoever
            # put it before the move has left a time that is seen now.
            path.replace(aside)
            if aside.stat().st_mtime >= before:
                aside.replace(path)
                return False
            aside.unlink()
        except FileNotFoundError:
            return False  # another collection was quicker
        except OSError as error:
            raise faults.of_file(error, path) from error
        return True

    def leftovers(self, before: float, remove: bool) -> tuple[int, ...]:
        if remove:
            # A collection was killed in the middle of its look: what it moved aside is put back, to be looked at anew.
            for path in self.root.glob(f"??/??/{_GONE}*"):
                with contextlib.suppress(FileNotFoundError):
                    path.replace(path.with_name(path.name.removeprefix(_GONE)))
        sizes = []
        for path in self.root.glob(f"??/??/{_NEW}*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if status.st_mtime < before:
                    sizes.append(status.st_size)
                    if remove:
                        path.unlink()
        return tuple(sizes)

    @contextlib.contextmanager
    def _found(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise _none(key, self.root) from error
        except OSError as error:
            raise faults.of_file(error, self.root / key) from error


def write_whole(target: Path, source: BinaryIO, *, durable: bool) -> None:
    """Write a file so that others see all of it or nothing."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=_NEW)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            while piece := source.read(_PIECE):
                file.write(piece)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o444)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


# Where a write is seen whole or not at all without our doing; elsewhere a new name is moved into place.
_ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "memory"})


class _Remote:
    """Anything fsspec reaches."""

    def __init__(self, address: str) -> None:
        self.shown = without_password(address)
        self._address = address
        self._opened: tuple[Any, str] | None = None

    def _files(self) -> tuple[Any, str]:
        if self._opened is None:
            fsspec = need("fsspec", to=f"keep blobs at {self.shown}")
            try:
                files, root = fsspec.core.url_to_fs(self._address)
            except ImportError as error:
                scheme = self._address.partition("://")[0]
                package = {"s3": "nbops[s3]", "s3a": "nbops[s3]", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs"}
                raise MissingError(
                    f"to keep blobs at {self.shown}, a library for {scheme}:// is missing ({error})",
                    code="library_missing",
                    hint=f"pip install '{package.get(scheme, 'fsspec[full]')}'",
                ) from error
            except ValueError as error:
                raise UsageError(
                    f"{self.shown} is no place for blobs: {error}", hint="export NBOPS_BLOBS=FOLDER"
                ) from error
            self._opened = files, root.rstrip("/")
        return self._opened

    def write(self, key: str, source: BinaryIO, *, durable: bool) -> None:
        with self._reaching(key):
            files, root = self._files()
            target, is_whole = f"{root}/{key}", self._is_whole()
            first = target if is_whole else f"{target}{_NEW}{os.urandom(6).hex()}"
            if not is_whole:
                files.makedirs(target.rpartition("/")[0], exist_ok=True)
            with files.open(first, "wb") as file:
                while piece := source.read(_PIECE):
                    file.write(piece)
            if first != target:
                files.mv(first, target)

    def read(self, key: str) -> bytes:
        with self._reaching(key):
            files, root = self._files()
            return bytes(files.cat_file(f"{root}/{key}"))

    def open(self, key: str) -> BinaryIO:
        with self._reaching(key):
            files, root = self._files()
            opened: BinaryIO = files.open(f"{root}/{key}", "rb")
            return opened

    def path(self, key: str) -> Path:
        target = _cache() / key
        if not target.is_file():
            with self.open(key) as source:
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(target, source, durable=False)
                except OSError as error:
                    raise faults.of_file(error, target) from error
        return target

    def has(self, key: str) -> bool:
        with self._reaching(key):
            files, root = self._files()
            # Listings are cached by fsspec; another machine may have written meanwhile.
            files.invalidate_cache()
            return bool(files.exists(f"{root}/{key}"))

    def size(self, key: str) -> int:
        with self._reaching(key):
            files, root = self._files()
            return int(files.size(f"{root}/{key}"))

    def delete(self, key: str) -> None:
        with contextlib.suppress(NotFoundError), self._reaching(key):
            files, root = self._files()
            files.rm_file(f"{root}/{key}")

    def list(self) -> Iterator[str]:
        with self._reaching(""):
            files, root = self._files()
            files.invalidate_cache()
            found = files.find(root) if files.exists(root) else []
        for name in found:
            digest = str(name).rpartition("/")[2]
            if _DIGEST.fullmatch(digest):
                yield digest

    def refresh(self, key: str) -> bool:
        if not self.has(key):
            return False
        at = self.put_at(key)
        # Most places have no way to touch what is there; sending it again is one.
        return at is None or at > time.time() - _FRESH_S

    def put_at(self, key: str) -> float | None:
        with self._reaching(key):
            files, root = self._files()
            try:
                at = files.modified(f"{root}/{key}")
            except NotImplementedError:
                return None
        return float((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp())

    def sweep(self, key: str, before: float) -> bool:
        at = self.put_at(key)
        if at is None or at >= before:
            return False
        self.delete(key)
        (_cache() / key).unlink(missing_ok=True)
        return True

    def leftovers(self, before: float, remove: bool) -> tuple[int, ...]:
        if self._is_whole():
            return ()
        sizes = []
        with self._reaching(""):
            files, root = self._files()
            for name in files.find(root) if files.exists(root) else []:
                key = str(name).removeprefix(f"{root}/")
                if _NEW in key and (self.put_at(key) or before) < before:
                    sizes.append(int(files.size(name)))
                    if remove:
                        files.rm_file(name)
        return tuple(sizes)

    def _is_whole(self) -> bool:
        files, _ = self._files()
        return (files.protocol if isinstance(files.protocol, str) else files.protocol[0]) in _ATOMIC

    @contextlib.contextmanager
    def _reaching(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise _none(key, self.shown) from error
        except (StoreError, NotFoundError, MissingError, UsageError):
            raise
        except Exception as error:
            # Each file system of fsspec brings its own errors; this is where they become ours.
            raise StoreError(
                f"the blobs at {self.shown} cannot be reached ({type(error).__name__}: {without_password(str(error))})",
                code="blobs_unreachable",
                hint="nbops doctor",
            ) from error


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "nbops" / "blobs"
