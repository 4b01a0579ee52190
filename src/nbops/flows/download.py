"""Artifacts of a run brought out of the store as ordinary files."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec

from nbops.errors import NbopsError, NotFoundError, UsageError
from nbops.progress import stage
from nbops.records import Artifact, Run
from nbops.store.blobs import Blobs
from nbops.store.interface import Store


class Downloaded(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact that stands as a file now."""

    name: str
    path: str
    size_bytes: int
    is_new: bool
    """False when the file was there with the same bytes already."""


def download(
    reference: str, names: Sequence[str], folder: Path, *, store: Store, blobs: Blobs, overwrite: bool = False
) -> list[Downloaded]:
    """Write artifacts to files; each file appears whole or not at all.

    Args:
        reference: a run, or one artifact by its id.
        names: of a run's artifacts only these; all that were logged when empty.
        folder: where the files go; made when it is not there.
        store: the project's store.
        blobs: the bytes.
        overwrite: replace files that hold something else.

    Returns:
        The files. An artifact that was logged several times under one name is written as it was last.

    Raises:
        NotFoundError: there is no such run or artifact, or the run has none of a name.
        UsageError: a file is in the way, or a name leads out of the folder.
        StoreCorruptError: the bytes kept are not those that were logged.
        NbopsError: the folder cannot be written to.
    """
    chosen = _chosen(store, reference, names)
    places = {name: folder / _below(name) for name in chosen}
    in_the_way = [
        path for name, path in places.items() if not overwrite and path.exists() and not _holds(path, chosen[name])
    ]
    if in_the_way:
        raise UsageError(
            f"{in_the_way[0]} holds something else; nothing was written",
            hint=f"nbops download {reference} --out {folder} --overwrite",
        )
    with stage("Download", total=sum(one.size_bytes for one in chosen.values()) / 1e6, unit="MB") as now:
        written = []
        for name, artifact in chosen.items():
            now.say(name)
            written.append(_written(name, artifact, places[name], blobs))
            now.advance(artifact.size_bytes / 1e6)
    return written


def _chosen(store: Store, reference: str, names: Sequence[str]) -> dict[str, Artifact]:
    try:
        run = store.resolve(Run, reference)
    except NotFoundError as no_run:
        try:
            artifact = store.resolve(Artifact, reference)
        except NotFoundError:
            raise no_run from None
        return {artifact.name: artifact}
    kept = {one.name: one for one in store.find(Artifact, run_id=run.id, kind="logged", order_by="id")}
    absent = [name for name in names if name not in kept]
    if absent or not kept:
        has = f"it has {', '.join(sorted(kept))}" if kept else "nothing was logged in it"
        wanted = f"artifact {absent[0]!r}" if absent else "artifacts"
        raise NotFoundError(f"run {run.name} has no {wanted}; {has}", hint=f"nbops show {run.id}")
    return {name: kept[name] for name in names} if names else kept


def _below(name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise UsageError(
            f"artifact {name!r} would be written outside of the folder", hint="nbops download ID-OF-THE-ARTIFACT"
        )
    return path


def _holds(path: Path, artifact: Artifact) -> bool:
    if not path.is_file() or path.stat().st_size != artifact.size_bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == artifact.digest


def _written(name: str, artifact: Artifact, path: Path, blobs: Blobs) -> Downloaded:
    told = Downloaded(name=name, path=str(path), size_bytes=artifact.size_bytes, is_new=not _holds(path, artifact))
    if not told.is_new:
        return told
    source = blobs.path(artifact.digest, verify=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file, source.open("rb") as bytes_:
                shutil.copyfileobj(bytes_, file)
            shutil.copymode(path if path.exists() else source, half)
            Path(half).replace(path)
        except BaseException:
            Path(half).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NbopsError(
            f"{path} cannot be written: {error.strerror}", code="unwritable", hint=f"ls -ld {path.parent}"
        ) from error
    return told
