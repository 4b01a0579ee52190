"""Figures, tables and charts that a cell displays, kept as they were published: the last versions of each cell.

A display is kept by the most telling of its forms that needs no running kernel, as an ``Artifact`` of kind ``output``.
Its bytes are on this machine's disk before the cell's row is closed, so that a kernel that is killed has lost none of
what its user has seen. What takes longer goes to a thread: carrying bytes to a remote place, and removing versions that
are one too many.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.capture.notices import tell
from nbops.capture.outputs import ENDINGS, Display, size_of
from nbops.errors import NbopsError, NotFoundError
from nbops.records import Artifact, CellExecution, new_id

if TYPE_CHECKING:
    from nbops.capture.session import Session
    from nbops.store.blobs import Blobs

_PIXELS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_LEAVING_S = 5.0


def body_of(display: Display, clean: Callable[[str], str]) -> bytes | None:
    """Turn a display into what is kept of it; None for what is not of its media type.

    Args:
        display: what was shown.
        clean: what every text passes on its way to the disk.
    """
    content = display.content
    if display.media_type in _PIXELS:
        try:
            return content if isinstance(content, bytes) else base64.b64decode(content)
        except (binascii.Error, TypeError, ValueError):
            return None
    if display.media_type.endswith("json") and not isinstance(content, str):
        try:
            content = msgspec.json.encode(content, enc_hook=_listed).decode()
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
            return None
    if isinstance(content, bytes):
        content = content.decode("utf-8", "replace")
    return as_utf8(_cleaned(content, clean)).encode() if isinstance(content, str) else None


_LONG = 50_000
_NUMBERS, _BASE64 = r"[-+.,\[\]\sA-FLMQZa-flmqz\d]", r"[\w+/=]"
_DATA = re.compile(rf"(?<!{_NUMBERS}){_NUMBERS}{{512,}}|(?<!{_BASE64}){_BASE64}{{8192,}}", re.ASCII)
_PLACE = re.compile(r"\0(\d+)\0")


def _cleaned(text: str, clean: Callable[[str], str]) -> str:
    """Clean what is text in it. The points of a large chart and pictures within a page are read for no secrets, which
    would take many times as long as storing them."""
    if len(text) < _LONG or "\0" in text:
        return clean(text)
    data: list[str] = []

    def aside(found: re.Match[str]) -> str:
        data.append(found.group())
        return f"\0{len(data) - 1}\0"

    return _PLACE.sub(lambda place: data[int(place.group(1))], clean(_DATA.sub(aside, text)))


def as_utf8(text: str) -> str:
    """The text without halves of surrogate pairs, which no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _listed(value: Any) -> Any:
    """What charts hold beside JSON's own types: numpy's arrays and scalars."""
    if type(value).__module__.partition(".")[0] == "numpy":
        return value.tolist()
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__}")


class Kept(msgspec.Struct, frozen=True):
    """What became of a cell's displays."""

    count: int = 0
    left_out: int = 0


class Keeper:
    """Keeps the displays of a session's cells.

    Args:
        session: where they are recorded.
        clean: what every text passes on its way to the disk.
    """

    def __init__(self, session: Session, *, clean: Callable[[str], str] = as_utf8) -> None:
        self._session = session
        self._clean = clean
        settings = session.settings
        self._is_remote = "://" in settings.blobs
        # Of a remote place nobody knows how long it takes: bytes wait on this machine's disk until they are there.
        self._nearby = str(settings.outbox) if self._is_remote else settings.blobs
        self._later: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._has_told = False

    def keep(self, cell: CellExecution, displays: Sequence[Display], *, left_out: int = 0) -> Kept:
        """Keep what an execution has shown, as far as the settings allow.

        Args:
            cell: the execution.
            displays: what it showed, in order.
            left_out: how many there were besides.
        """
        room = self._session.settings.display_bytes
        artifacts: list[Artifact] = []
        for place, display in enumerate(displays, 1):
            body = body_of(display, self._clean) if size_of(display) <= 2 * room else None
            digest = self._stored(body) if body is not None and len(body) <= room else None
            if body is None or digest is None:
                left_out += 1
                continue
            room -= len(body)
            artifacts.append(self._artifact(cell, place, display.media_type, digest, len(body)))
        if artifacts:
            self._session.writer.put(*artifacts)
            self._tidy(artifacts)
        return Kept(len(artifacts), left_out)

    def close(self) -> None:
        """Give what is under way a moment to end; what is left is done by the next session."""
        if self._thread is not None:
            self._later.put(None)
            self._thread.join(_LEAVING_S)

    def _artifact(self, cell: CellExecution, place: int, media_type: str, digest: str, size_bytes: int) -> Artifact:
        return Artifact(
            id=new_id(),
            run_id=cell.run_id,
            execution_id=cell.id,
            name=f"output-{place}.{ENDINGS[media_type]}",
            digest=digest,
            size_bytes=size_bytes,
            media_type=media_type,
            kind="output",
            # Without an id from the front end each execution is a cell of its own.
            cell=f"{self._session.notebook or ''}#{cell.cell_id}" if cell.cell_id else "",
            at=time.time(),
        )

    def _stored(self, body: bytes) -> str | None:
        try:
            # Not forced onto the disk: that takes longer than many a cell, and a killed process loses nothing by it.
            return self._blobs(self._nearby).put(body, durable=False)
        except (NbopsError, OSError) as error:
            self._tell("displays could not be stored", error)
            return None

    def _tidy(self, artifacts: Sequence[Artifact]) -> None:
        if self._is_remote:
            self._do_later(self._carry)
        if cell := artifacts[0].cell:
            self._do_later(lambda: self._trim(cell))

    def _do_later(self, task: Callable[[], None]) -> None:
        self._later.put(task)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="nbops-displays", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (task := self._later.get()) is not None:
            try:
                task()
            except (NbopsError, OSError) as error:
                self._tell("displays wait to be carried to their place or tidied up", error)

    def _carry(self) -> None:
        """Bring everything that waits here to its place, whoever has left it."""
        here, there = self._blobs(self._nearby), self._blobs(self._session.settings.blobs)
        for digest in list(here.list()):
            with contextlib.suppress(NotFoundError):  # another session was quicker
                there.put(here.get(digest))
                here.delete(digest)

    def _trim(self, cell: str) -> None:
        from nbops.store.versions import superseded

        store = self._session.writer.store
        for artifact in superseded(store, cell, keep=self._session.settings.display_versions):
            store.delete(Artifact, artifact.id)

    def _blobs(self, location: str) -> Blobs:
        from nbops.store.blobs import Blobs

        return Blobs(location)

    def _tell(self, what: str, error: Exception) -> None:
        if not self._has_told:
            self._has_told = True
            reason = error.message if isinstance(error, NbopsError) else str(error)
            tell(f"{what}: {reason}", hint=f"df -h {self._nearby}")
