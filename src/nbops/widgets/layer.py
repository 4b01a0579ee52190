"""The live half of an output: one widget without a view, and what it hears."""

from __future__ import annotations

import functools
import uuid
from collections import deque
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from nbops.errors import NbopsError

MOST_LAYERS = 20
"""Older ones are let go, and their outputs are static again: each holds memory in the kernel and in the page."""

_open: deque[Layer] = deque()


class Problem(msgspec.Struct, frozen=True, kw_only=True, tag="problem", tag_field="kind"):
    """Why something that was asked for cannot be answered."""

    request: int
    message: str
    hint: str


class Layer:
    """Draws over one output, and answers what is asked there.

    Args:
        script: the name of the JavaScript beside this module, without its ending.
        first: what is drawn first.
        hear: called with each message as the page sent it; returns the answer, None for none.
    """

    def __init__(self, script: str, first: msgspec.Struct, hear: Callable[[Any], msgspec.Struct | None]) -> None:
        self.id = uuid.uuid4().hex
        self._hear = hear
        self._widget = _kind(script)(layer=self.id, first=msgspec.to_builtins(first))
        self._widget.on_msg(self._heard)
        _open.append(self)
        while len(_open) > MOST_LAYERS:
            _open.popleft().close()

    def below(self, html: str) -> str:
        """Mark the static half, so that the page finds it."""
        return f'<div data-nbops-layer="{escape(self.id)}">{html}</div>'

    def tell(self, message: msgspec.Struct) -> None:
        """Send something to wherever the layer is drawn."""
        self._widget.send(msgspec.to_builtins(message))

    def close(self) -> None:
        """Let go of it; the output is static from now on."""
        self._widget.close()

    def _heard(self, _widget: Any, content: Any, _buffers: Any) -> None:
        try:
            answer = self._hear(content)
        except NbopsError as error:
            answer = problem(_request(content), error.message, error.hint)
        # The fence around a request: whoever asked is told, and the user's notebook goes on.
        except Exception as error:  # noqa: BLE001 - as said
            answer = problem(_request(content), f"{type(error).__name__}: {error}", "nbops doctor")
        if answer is not None:
            self.tell(answer)


def problem(request: int, message: str, hint: str | None = None) -> Problem:
    """Say why something cannot be answered."""
    return Problem(request=request, message=message, hint=hint or "")


def _request(content: Any) -> int:
    """Which message it was, where even that can be read."""
    request = content.get("request") if isinstance(content, dict) else None
    return request if isinstance(request, int) else 0


@functools.cache
def _kind(script: str) -> Any:
    import anywidget
    import traitlets

    here = Path(__file__).parent
    # One text: a module that is handed over as text can import nothing that lies beside it.
    source = "".join((here / f"{name}.js").read_text("utf-8") for name in ("layer", script))
    traits = {
        "_esm": source,
        "layer": traitlets.Unicode().tag(sync=True),
        "first": traitlets.Dict().tag(sync=True),
    }
    return type(f"{script.title()}Layer", (anywidget.AnyWidget,), {"__module__": __name__, **traits})
