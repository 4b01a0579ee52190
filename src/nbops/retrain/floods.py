"""What a cell of a run may print: up to a bound, kept where the text is printed and where it arrives.

In the kernel this is an IPython extension. A gigabyte would otherwise be queued, sent and parsed, with several copies
in the memory of kernel and driver, for the driver to leave out nearly all of it. The recorder counts what a cell
printed before it is cut.
"""

from __future__ import annotations

import sys
from typing import Any

LIMIT = 10_000_000
"""Characters of one cell's printed text in the executed notebook; a notebook of a gigabyte opens nowhere."""
NOTE = f"\n… the rest is left out: this cell printed more than {LIMIT:,} characters …\n"


class _Bounded:
    """The ``write`` of a stream, up to the bound in each cell."""

    def __init__(self, stream: Any) -> None:
        self._write = stream.write
        self.begin()

    def begin(self, *_: object) -> None:
        """A cell begins."""
        # With the note it is still within what the driver takes.
        self._room = LIMIT - len(NOTE)

    def write(self, text: object) -> int:
        """Pass text on as long as there is room for it."""
        # What is no text has no say in the matter: the stream itself refuses it.
        if not isinstance(text, str):
            return int(self._write(text))
        room, self._room = self._room, self._room - len(text)
        if room >= 0:
            self._write(text if len(text) <= room else text[:room] + NOTE)
        return len(text)


def load_ipython_extension(shell: Any) -> None:
    """Bound what this kernel's cells print."""
    for stream in (sys.stdout, sys.stderr):
        bounded = _Bounded(stream)
        # On the object, as IPython itself and the recorder do: code may look at the stream's type.
        stream.write = bounded.write  # type: ignore[method-assign]  # one object's own
        shell.events.register("pre_run_cell", bounded.begin)
