"""A bundle as the server finds it: nothing of it is used before its digests were checked."""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Protocol

from nbops_serving.manifest import MANIFEST, Manifest, read_manifest
from nbops_serving.signatures import SIGNATURE, check_signature

MODULES = "modules"


class TamperedError(Exception):
    """The bundle is not what its manifest, or whoever started the server, says."""


class Contents(Protocol):
    """What rungs are opened from: a bundle, or one that is about to be written."""

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        ...

    def read(self, name: str) -> bytes:
        """Return the bytes of one of its files."""
        ...


@dataclass(frozen=True, slots=True)
class OpenBundle:
    """A bundle whose files are all what the manifest says."""

    folder: Path
    manifest: Manifest
    digest: str
    """sha256 of ``manifest.json``, which names the bundle."""

    def read(self, name: str) -> bytes:
        """Return a file's bytes, checked once more: it may have changed since the bundle was opened."""
        data = (self.folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != self.manifest.files.get(name):
            raise TamperedError(f"{name} is not what the manifest says")
        return data


def open_bundle(
    folder: str | os.PathLike[str], *, digest: str | None = None, trusted_keys: Sequence[str] = ()
) -> OpenBundle:
    """Open a bundle and check every file of it.

    Args:
        folder: the bundle.
        digest: the sha256 that ``manifest.json`` must have, when the caller knows it.
        trusted_keys: public keys one of which must have signed the manifest; without any, no signature is asked for.

    Returns:
        The bundle.

    Raises:
        TamperedError: a file is missing, altered, or not in the manifest; or the manifest is another one.
        UntrustedError: keys are given, and none of them has signed it.
        ValueError: ``manifest.json`` cannot be read, or a key is none.
        OSError: the folder cannot be read.

    Example:
        >>> open_bundle("/nowhere")
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/manifest.json'
    """
    place = Path(folder)
    data = (place / MANIFEST).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if digest is not None and found != digest:
        raise TamperedError(f"manifest.json has the digest {found}, not {digest}")
    if trusted_keys:
        # Before anything of the manifest is believed.
        signature = place / SIGNATURE
        check_signature(data, signature.read_bytes() if signature.is_file() else None, trusted_keys)
    manifest = read_manifest(data)
    _check_files(place, manifest)
    return OpenBundle(place, manifest, found)


def _check_files(place: Path, manifest: Manifest) -> None:
    for name, expected in manifest.files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise TamperedError(f"the manifest names a file outside the bundle: {name}")
        file = place / name
        if file.is_symlink() or not file.is_file():
            raise TamperedError(f"{name} is missing")
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != expected:
                raise TamperedError(f"{name} is not what the manifest says")
    for file in place.rglob("*"):
        name = file.relative_to(place).as_posix()
        # Byte code that a build step left behind is never loaded, see _Source.
        if file.is_dir() or name in (MANIFEST, SIGNATURE) or name in manifest.files or file.suffix == ".pyc":
            continue
        raise TamperedError(f"{name} is not in the manifest")


class _Source(importlib.machinery.SourceFileLoader):
    """Compiles a module from the source that was checked, never from byte code that lies beside it."""

    def path_stats(self, path: str | os.PathLike[str]) -> dict[str, int]:
        raise OSError("byte code is not used")  # what importlib asks first; without it there is no cache


class ModuleFinder(importlib.abc.MetaPathFinder):
    """Finds the modules that travel in the bundle, before anything installed under the same name."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = str(folder)
        self._names = frozenset(names)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in self._names:
            return None
        for folder in [self.folder] if path is None else path:
            finder = importlib.machinery.FileFinder(folder, (_Source, [".py"]))
            spec = finder.find_spec(fullname, target)
            if spec is not None:
                return spec
        return None


def offer_modules(bundle: OpenBundle) -> None:
    """Make the bundle's own modules importable in this process."""
    if bundle.manifest.modules:
        sys.meta_path.insert(0, ModuleFinder(bundle.folder / MODULES, bundle.manifest.modules))


def withdraw_modules(bundle: OpenBundle) -> None:
    """Take a bundle's modules out of this process again, which may load another with the same names.

    What was loaded from them goes on working; what they would import only when they are called is not found any more.
    """
    folder = str(bundle.folder / MODULES)
    for finder in [one for one in sys.meta_path if isinstance(one, ModuleFinder) and one.folder == folder]:
        sys.meta_path.remove(finder)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}"):
            del sys.modules[name]
