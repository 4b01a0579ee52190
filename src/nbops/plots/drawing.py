"""What a picture is, and how all of them look: one palette, no background of their own, words for who cannot see it."""

from __future__ import annotations

import io
import textwrap
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

INK = "#787878"
"""Text and axes: the grey that stands out about as much on a white page as on a nearly black one."""
PALETTE = ("#0b7bbd", "#d55e00", "#009068", "#b5629a", "#8a7500", "#787878")
"""After Okabe and Ito, whose colours the colour-blind tell apart, each with three to one against white and #111."""
DASHES = ("-", "--", "-.", ":")
"""Lines differ in these as well, for print and for who sees no colours."""
MOST_LINES = len(PALETTE) * 2
Form = Literal["png", "svg", "pdf"]
FORMS: tuple[Form, ...] = get_args(Form)
_STYLE = {
    "axes.edgecolor": INK, "axes.facecolor": "none", "axes.formatter.useoffset": False, "axes.grid": True,
    "axes.labelcolor": INK, "axes.spines.right": False, "axes.spines.top": False, "axes.titlelocation": "left",
    "axes.titlesize": 10, "axes.titleweight": "bold", "figure.constrained_layout.use": True,
    "figure.facecolor": "none", "figure.titlesize": 11, "figure.titleweight": "bold", "font.size": 9,
    "grid.alpha": 0.25, "grid.color": INK, "legend.frameon": False, "legend.labelcolor": INK, "lines.linewidth": 1.8,
    "savefig.facecolor": "none", "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    # Names are the user's: a dollar in one begins no formula.
    "text.parse_math": False,
    # Text stays text, which can be found and read out; and the same numbers give the same bytes.
    "svg.fonttype": "none", "svg.hashsalt": "nbops",
}  # fmt: skip
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A picture that can be drawn."""

    kind: str
    """``roc``, ``drift``, …"""
    title: str
    caption: str
    """What it shows in words, with the rows it is made of: the picture's alternative text."""
    draw: Callable[[Any], None]
    """Draws on an empty matplotlib figure."""
    width: float = 5.6
    """Inches."""
    height: float = 4.0


def render(drawing: Drawing, form: Form = "png") -> bytes:
    """Draw a picture.

    Args:
        drawing: what to draw.
        form: the file's format; ``png`` has 200 dots to the inch.

    Returns:
        The file's bytes; the same for the same numbers.

    Example:
        >>> empty = Drawing(kind="empty", title="Nothing", caption="Nothing to see.", draw=lambda figure: None)
        >>> render(empty)[1:4]
        b'PNG'
    """
    import matplotlib
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    body = io.BytesIO()
    # The style is the process's: one thread at a time, and the user's own comes back at the end.
    with _lock, matplotlib.style.context(_STYLE, after_reset=True), warnings.catch_warnings():
        # A name in a script that the font has not: boxes in the picture, and its text in the caption.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(drawing.width, drawing.height))
        FigureCanvasAgg(figure)
        drawing.draw(figure)
        figure.suptitle(_fitted(drawing.title, drawing.width), x=0.01, ha="left")
        figure.savefig(body, format=form, dpi=200, metadata=_metadata(drawing, form))
    return body.getvalue()


def _fitted(title: str, width: float) -> str:
    """The title on at most two lines of the picture's width, in inches."""
    letters = int(width * 9.5)  # of the bold 11-point letters of ``figure.titlesize``
    return "\n".join(textwrap.wrap(shown(title, 2 * letters - 10), letters)[:2])


def _metadata(drawing: Drawing, form: Form) -> dict[str, Any]:
    title, caption = shown(drawing.title, 200), shown(drawing.caption, 5_000)
    if form == "png":
        return {"Title": title, "Description": caption, "Software": None}
    if form == "svg":
        return {"Title": title, "Description": caption, "Date": None}
    return {"Title": title, "Subject": caption, "CreationDate": None}


def shown(text: object, most: int = 28) -> str:
    """Bring a name onto one short line.

    Example:
        >>> shown("a\\nb")
        'a b'
    """
    line = "".join(char if char.isprintable() else " " for char in str(text)).strip()
    return line if len(line) <= most else line[: most - 1] + "…"


def look(place: int) -> dict[str, Any]:
    """How the line at a place among several looks."""
    return {"color": PALETTE[place % len(PALETTE)], "linestyle": DASHES[place // len(PALETTE) % len(DASHES)]}


def label(name: object) -> str:
    """A legend's entry; matplotlib leaves out those that begin with an underscore."""
    text = shown(name)
    return f" {text}" if text.startswith("_") else text


def thinned(values: Sequence[Any], most: int) -> Sequence[Any]:
    """Evenly spread ones of many values, the last one always among them.

    Example:
        >>> thinned([0, 1, 2, 3, 4, 5, 6], 3)
        [0, 3, 6]
    """
    step = max(1, -(-len(values) // most))
    kept = list(values[::step])
    if len(values) and (len(values) - 1) % step:
        kept.append(values[-1])
    return kept
