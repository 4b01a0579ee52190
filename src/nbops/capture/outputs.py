"""What a cell shows, seen where it is shown: at the streams' ``write`` and at IPython's two publishers.

Nothing is asked of the user's objects: their text is taken from what IPython has already made of them. Output that
never reaches the notebook (``%%capture``, ``redirect_stdout``, a file) is not recorded, because nothing was shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nbops.masking import OFF, Masker
from nbops.masking.masker import MARGIN
from nbops.records import OutputSummary

# From the most to the least telling; a display is known by the first of these that it has.
_RICHEST = (
    "application/vnd.jupyter.widget-view+json", "application/vnd.plotly.v1+json", "application/vnd.vegalite.v5+json",
    "text/html", "image/svg+xml", "image/png", "image/jpeg", "image/gif", "text/latex", "text/markdown",
    "application/json", "text/plain",
)  # fmt: skip
# Those that are kept, from the most to the least telling, with the ending that a file of it has. What needs a running
# kernel (widgets) or runs in the page (scripts) is not among them.
ENDINGS = {
    "application/vnd.plotly.v1+json": "plotly.json", "application/vnd.vegalite.v6+json": "vl.json",
    "application/vnd.vegalite.v5+json": "vl.json", "application/vnd.vegalite.v4+json": "vl.json",
    "application/vnd.vega.v6+json": "vg.json", "application/vnd.vega.v5+json": "vg.json",
    "application/geo+json": "geojson", "text/html": "html", "image/svg+xml": "svg", "image/png": "png",
    "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp", "text/latex": "tex", "text/markdown": "md",
    "application/json": "json",
}  # fmt: skip
_MOST_TYPES = 20
_MOST_DISPLAYS = 50
_MEASURED_AT_ONCE = 1 << 16


class Display(msgspec.Struct, frozen=True):
    """One thing that was shown."""

    media_type: str
    content: Any
    """As it was published: text, bytes, base64 of them, or JSON."""
    id: str | None = None
    """By which the same cell may replace it."""


def display_of(data: Mapping[str, Any], id: str | None = None) -> Display | None:
    """Choose the form in which something published is kept; None for plain text, widgets and scripts.

    Args:
        data: media type → content, as IPython publishes it.
        id: the display's own id, when it has one.

    Example:
        >>> display_of({"text/plain": "   a", "text/html": "<table>"}).media_type
        'text/html'
    """
    for kind in ENDINGS:
        if data.get(kind):
            return Display(kind, data[kind], id)
    return None


def size_of(display: Display) -> int:
    """How many bytes it takes about, as far as that costs nothing to tell."""
    return len(display.content) if isinstance(display.content, str | bytes) else 0


class Shown:
    """What one execution has shown so far: the head of its text, and how much there was."""

    __slots__ = (
        "_clears", "_head", "_limit", "_memory", "_room", "_total", "_types", "displays", "key", "left_out", "outer",
    )  # fmt: skip

    def __init__(self, limit: int, key: str | None, outer: Shown | None, *, display_bytes: int = 0) -> None:
        self.key = key
        self.outer = outer
        self._limit = limit
        # More is held than is kept, so that a secret at the limit is seen whole.
        self._room = limit + MARGIN if limit else 0
        self._head: list[str] = []
        self._total = 0
        self._types: dict[str, None] = {}
        self._memory = display_bytes
        self._clears = False
        self.displays: list[Display] = []
        """What it has shown and not taken back, as far as it may be kept."""
        self.left_out = 0
        """How much there was besides."""

    def text(self, text: str) -> None:
        """Note text that was printed; its cost does not grow with what was printed before."""
        self._total += len(text) if text.isascii() else _size(text)
        if self._room > 0:
            self._head.append(text[: self._room])
            self._room -= len(text)
        if self.outer is not None:
            self.outer.text(text)

    def display(
        self, data: Mapping[str, Any], *, with_text: bool, id: str | None = None, is_update: bool = False
    ) -> None:
        """Note a display by its richest type, and by its plain text where that is not printed as well."""
        self._note(data, id, is_update=is_update)
        plain = data.get("text/plain")
        if with_text and isinstance(plain, str):
            self.text(plain if plain.endswith("\n") else plain + "\n")

    def clear(self, *, wait: bool) -> None:
        """Forget the displays, now or when the next one comes, as the front end does."""
        self._clears = wait
        if not wait:
            self.displays, self.left_out = [], 0
        if self.outer is not None:
            self.outer.clear(wait=wait)

    def _note(self, data: Mapping[str, Any], id: str | None, *, is_update: bool) -> None:
        if self.outer is not None:
            self.outer._note(data, id, is_update=is_update)
        if len(self._types) < _MOST_TYPES:
            self._types[next((kind for kind in _RICHEST if kind in data), next(iter(data), ""))] = None
        if not self._memory:
            return
        shown = display_of(data, id)
        if self._clears and not is_update:
            self.clear(wait=False)
        if is_update:
            # One that an earlier cell has shown is that cell's.
            self.displays = [shown if shown and one.id == id else one for one in self.displays]
        elif shown is not None:
            if len(self.displays) >= _MOST_DISPLAYS or sum(map(size_of, self.displays)) > 2 * self._memory:
                self.left_out += 1
            else:
                self.displays.append(shown)

    def summary(self, mask: Masker = OFF) -> OutputSummary | None:
        """Sum up without secrets, within the limit; None when nothing was shown."""
        if not self._total and not self._types:
            return None
        head = mask.head("".join(self._head), self._limit).encode("utf-8", "replace")[: self._limit]
        return OutputSummary(text=head.decode("utf-8", "ignore"), total_bytes=self._total, media_types=[*self._types])


class Outlets:
    """The streams and publishers of one shell, listened to while cells run.

    Streams are wrapped for the duration of a cell only, by setting ``write`` on the object as IPython itself does: a
    replaced ``sys.stdout`` would be seen by code that looks at its type, and a cell may put its own object there.
    """

    def __init__(self, shell: Any, *, failed: Callable[[Exception], None]) -> None:
        self._shell = shell
        self._failed = failed
        # By the message that asked for the execution: a kernel tells by it which cell an output belongs to, also
        # for background tasks of earlier cells. In a terminal there is one, under None.
        self._open: dict[str | None, Shown] = {}
        self._taps: list[_Tap] = []
        self._patches: list[_Tap] = []
        # Kept from cell to cell for the streams that are found as they were left.
        self._rested: dict[int, _Tap] = {}
        # A terminal shell prints displays and tracebacks to stdout; a kernel publishes them beside it.
        self._prints = not hasattr(shell.displayhook, "session")

    def attach(self) -> None:
        """Listen to displays and results from now on."""
        self._patches = [
            _Tap(self._shell.display_pub, "publish", self._published, self._failed),
            _Tap(self._shell.display_pub, "clear_output", self._cleared, self._failed),
            _Tap(self._shell.displayhook, "write_format_data", self._resulted, self._failed),
        ]
        for tap in self._patches:
            tap.install()

    def detach(self) -> None:
        """Leave everything as it was found, even under wrappers that others put on top of ours."""
        self._open.clear()
        for tap in (*self._taps, *self._patches):
            tap.remove()
        self._taps, self._patches, self._rested = [], [], {}

    def begin(self, limit: int, *, display_bytes: int = 0) -> Shown:
        """Start to note what is shown, for the execution that begins here."""
        key = self._key(self._shell.display_pub)
        shown = self._open[key] = Shown(limit, key, self._open.get(key), display_bytes=display_bytes)
        self._listen(sys.stdout)
        self._listen(sys.stderr)
        return shown

    def end(self, shown: Shown, mask: Masker = OFF) -> OutputSummary | None:
        """Stop noting for an execution and sum up what it showed."""
        if shown.outer is None:
            self._open.pop(shown.key, None)
        elif self._open.get(shown.key) is shown:
            self._open[shown.key] = shown.outer
        if not self._open:
            for tap in reversed(self._taps):
                if tap.remove():
                    self._rested[id(tap.target)] = tap
            self._taps = []
        return shown.summary(mask)

    def _listen(self, stream: Any) -> None:
        for tap in self._taps:
            if tap.target is stream:
                return
        # A rested tap holds its stream, so that the id cannot belong to another one meanwhile.
        rested = self._rested.get(id(stream))
        if rested is None:
            self._rested = {}  # the streams have changed; let go of those that were
            rested = _Tap(stream, "write", self._written, self._failed)
        rested.install()
        self._taps.append(rested)

    def _written(self, stream: Any, text: object, *_: object, **__: object) -> None:
        shown = self._open.get(self._key(stream))
        if shown is None or not isinstance(text, str):
            return
        if not (self._prints and getattr(self._shell, "showing_traceback", False)):
            shown.text(text)

    def _published(self, publisher: Any, data: object, *_: object, **options: object) -> None:
        shown = self._open.get(self._key(publisher))
        if shown is not None and isinstance(data, Mapping):
            # An update replaces what is on the screen; a progress bar would fill the record with its past.
            is_update, transient = bool(options.get("update")), options.get("transient")
            name = transient.get("display_id") if isinstance(transient, Mapping) else None
            shown.display(data, with_text=not (self._prints or is_update), id=name, is_update=is_update)

    def _cleared(self, publisher: Any, wait: object = False, *_: object, **__: object) -> None:
        shown = self._open.get(self._key(publisher))
        if shown is not None:
            shown.clear(wait=bool(wait))

    def _resulted(self, hook: Any, data: object, *_: object, **__: object) -> None:
        shown = self._open.get(self._key(hook))
        if shown is not None and isinstance(data, Mapping):
            shown.display(data, with_text=not self._prints)

    def _key(self, outlet: Any) -> str | None:
        if self._prints:
            return None
        header = getattr(outlet, "parent_header", None)
        if header is None:
            # a stream of the user's own: what it gets is the latest cell's
            return next(reversed(self._open), None)
        message: str | None = header.get("msg_id")
        return message


class _Tap:
    """Our wrapper around one method of one object, which can always be taken out again."""

    __slots__ = ("_had_own", "_live", "_method", "_name", "_original", "target")

    def __init__(self, target: Any, name: str, noted: Callable[..., None], failed: Callable[[Exception], None]) -> None:
        self.target = target
        self._name = name
        self._live = False
        self._had_own = False
        self._original: Any = None

        def method(*args: Any, **options: Any) -> Any:
            answer = self._original(*args, **options)
            if self._live:
                try:
                    noted(target, *args, **options)
                except Exception as error:  # noqa: BLE001 - a user's print or display must never fail because of us
                    failed(error)
            return answer

        self._method = method

    def install(self) -> None:
        try:
            self._had_own = self._name in self.target.__dict__
            self._original = getattr(self.target, self._name)
            setattr(self.target, self._name, self._method)
            self._live = True
        except (AttributeError, TypeError):
            # No such method, slots, or read-only attributes: the cell is recorded without what it shows there.
            self._original = None

    def remove(self) -> bool:
        """Take the wrapper out; False when someone has wrapped it meanwhile, and it stays in their chain as a pass."""
        if not self._live:
            return False
        self._live = False
        if self.target.__dict__.get(self._name) is not self._method:
            return False
        if self._had_own:
            setattr(self.target, self._name, self._original)
        else:
            delattr(self.target, self._name)
        return True


def _size(text: str) -> int:
    """Count the bytes of a text in UTF-8, without a second copy of a large one."""
    pieces = (text[start : start + _MEASURED_AT_ONCE] for start in range(0, len(text), _MEASURED_AT_ONCE))
    return sum(len(piece.encode("utf-8", "surrogatepass")) for piece in pieces)
