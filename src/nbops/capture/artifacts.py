"""From what users have in hand to bytes under a name: files as they are, objects in the format of their kind."""

from __future__ import annotations

import io
import mimetypes
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.capture import values
from nbops.capture.notices import tell
from nbops.errors import NbopsError, UsageError
from nbops.masking import masker_of
from nbops.optional import loaded
from nbops.records import Artifact, new_id

if TYPE_CHECKING:
    from nbops.capture.session import Session
    from nbops.store.blobs import Blobs

_CALL = 'nbops.log_artifact("report.html") or nbops.log_artifact(figure, "confusion")'
_LOOKED_AT = 1_000_000
_PARQUET = "application/vnd.apache.parquet"


class _Content(msgspec.Struct, frozen=True):
    """An object as a file."""

    body: bytes
    name: str
    media_type: str


def log(session: Session, run_id: str, path_or_object: object, name: str | None) -> Artifact | None:
    """Keep a file or an object under a run.

    Args:
        session: where it is recorded.
        run_id: the run it belongs to.
        path_or_object: what to keep.
        name: what it is called; the file's name or the kind of object when not given.

    Returns:
        Its record, or None when the bytes could not be stored, which is told in a notice.

    Raises:
        UsageError: there is no such file, or this kind of object cannot be kept.
    """
    if name is not None:
        values.as_name(name, _CALL)
    if isinstance(path_or_object, (str, os.PathLike)):
        path = _file(path_or_object)
        name, size = name or path.name, path.stat().st_size
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        _warn(session, name, path)
        digest = _stored(session, name, lambda blobs: blobs.put_file(path))
    else:
        content = _content(path_or_object, name)
        name, size, media_type = content.name, len(content.body), content.media_type
        _warn(session, name, content.body)
        digest = _stored(session, name, lambda blobs: blobs.put(content.body))
    if digest is None:
        return None
    artifact = Artifact(
        id=new_id(),
        run_id=run_id,
        execution_id=session.execution_id,
        name=name,
        digest=digest,
        size_bytes=size,
        media_type=media_type,
        at=time.time(),
    )
    session.writer.put(artifact)
    return artifact


def _warn(session: Session, name: str, given: Path | bytes) -> None:
    """Say that an artifact seems to hold a secret; it is the user's, and is kept as it is."""
    masker = masker_of(session.settings)
    if not masker.is_on:
        return
    if isinstance(given, bytes):
        head = given[:_LOOKED_AT]
    else:
        try:
            with given.open("rb") as file:
                head = file.read(_LOOKED_AT)
        except OSError:
            return  # storing it will say so
    if b"\0" in head[:1_000]:
        return  # pictures, tables and models: what is secret in them has no form of text
    kinds = masker.kinds(head.decode("utf-8", "replace"))
    if kinds:
        tell(
            f"the artifact {name!r} seems to hold a secret ({', '.join(kinds[:3])}); it is kept as it is, for "
            "everybody who can read this store",
            hint="nbops delete RUN, then nbops gc --apply",
        )


def _stored(session: Session, name: str, put: Callable[[Blobs], str]) -> str | None:
    from nbops.store.blobs import Blobs

    try:
        return put(Blobs(session.settings.blobs))
    except (NbopsError, OSError) as error:
        # A full disk must not end hours of training; metrics and parameters go on.
        reason = error.message if isinstance(error, NbopsError) else str(error)
        tell(f"the artifact {name!r} could not be stored: {reason}", hint=f"df -h {session.settings.blobs}")
        return None


def _file(given: str | os.PathLike[str]) -> Path:
    path = Path(given)
    if path.is_file():
        return path
    if path.is_dir():
        raise UsageError(
            f"{str(given)!r} is a folder, and an artifact is one file",
            hint=f'nbops.log_artifact(shutil.make_archive("{path.name}", "zip", "{given}"))',
        )
    raise UsageError(f"there is no file {str(given)!r} in {Path.cwd()}", hint=_CALL)


def _content(thing: Any, name: str | None) -> _Content:
    if isinstance(thing, (bytes, bytearray, memoryview)):
        if name is None:
            raise UsageError("bytes need a name", hint='nbops.log_artifact(data, "model.bin")')
        return _Content(bytes(thing), name, mimetypes.guess_type(name)[0] or "application/octet-stream")
    for kind in (_figure, _table, _array, _json):
        found = kind(thing, name)
        if found is not None:
            return found
    raise UsageError(
        f"a {type(thing).__module__}.{type(thing).__qualname__} cannot be kept as an artifact; paths, bytes, figures, "
        "DataFrames, arrays, dicts and lists can",
        hint=_CALL,
    )


def _is_a(thing: object, module: str, *names: str) -> bool:
    """Recognise an object by a class of a library that is loaded; if it is not, the object cannot be one."""
    library = loaded(module)
    return library is not None and isinstance(thing, tuple(getattr(library, name) for name in names))


def _figure(thing: Any, name: str | None) -> _Content | None:
    if not _is_a(thing, "matplotlib.figure", "Figure"):
        axes = getattr(thing, "figure", None)  # what pandas and seaborn return
        if not _is_a(axes, "matplotlib.figure", "Figure"):
            return None
        thing = axes
    body = io.BytesIO()
    suffix = Path(name or "").suffix.lower()
    form = suffix[1:] if suffix in (".png", ".svg", ".pdf") else "png"
    thing.savefig(body, format=form, bbox_inches="tight")
    media_type = {"svg": "image/svg+xml", "pdf": "application/pdf"}.get(form, "image/png")
    return _Content(body.getvalue(), _with_suffix(name or "figure", f".{form}"), media_type)


def _table(thing: Any, name: str | None) -> _Content | None:
    if _is_a(thing, "pyarrow", "Table"):
        import pyarrow.parquet as parquet

        body = io.BytesIO()
        parquet.write_table(thing, body)
        return _Content(body.getvalue(), _with_suffix(name or "table", ".parquet"), _PARQUET)
    if _is_a(thing, "pandas", "Series"):
        thing = thing.to_frame(name=thing.name if thing.name is not None else "value")
    if _is_a(thing, "pandas", "DataFrame"):
        return _Content(_parquet(thing), _with_suffix(name or "table", ".parquet"), _PARQUET)
    if _is_a(thing, "polars", "DataFrame"):
        body = io.BytesIO()
        thing.write_parquet(body)
        return _Content(body.getvalue(), _with_suffix(name or "table", ".parquet"), _PARQUET)
    return None


def _parquet(frame: Any) -> bytes:
    try:
        body: bytes = frame.to_parquet()
    except (ValueError, TypeError, OverflowError) as error:
        # Parquet's own errors derive from these: mixed types in a column, a column name that is no text.
        raise UsageError(
            f"this DataFrame cannot be kept as Parquet: {error}",
            hint='frame.to_csv("table.csv"); nbops.log_artifact("table.csv")',
        ) from error
    return body


def _array(thing: Any, name: str | None) -> _Content | None:
    if not _is_a(thing, "numpy", "ndarray"):
        return None
    import numpy as np

    if thing.dtype.hasobject:
        raise UsageError(
            "an array of objects has no safe file format", hint="nbops.log_artifact(array.tolist(), 'values')"
        )
    body = io.BytesIO()
    np.save(body, thing, allow_pickle=False)
    return _Content(body.getvalue(), _with_suffix(name or "array", ".npy"), "application/x-npy")


def _json(thing: Any, name: str | None) -> _Content | None:
    if not isinstance(thing, (dict, list, tuple)):
        return None
    try:
        body = msgspec.json.format(msgspec.json.encode(thing, enc_hook=_plain), indent=2)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"this {type(thing).__name__} holds something that JSON cannot: {error}", hint=_CALL
        ) from error
    return _Content(body, _with_suffix(name or "data", ".json"), "application/json")


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy's arrays and scalars
        return value.tolist()
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__}")


def _with_suffix(name: str, suffix: str) -> str:
    return name if Path(name).suffix else name + suffix
