"""Parts as aligned plain text, for terminals, papermill logs and diffs."""

from __future__ import annotations

from collections.abc import Sequence

from nbops.views.parts import TONES, Code, Facts, Heading, Note, Part, Table

_COLOURS = {"good": "32", "bad": "31", "busy": "33", "faint": "2", "plain": "0"}
_CELL = 60


def to_text(parts: Sequence[Part], *, colour: bool = False) -> str:
    """Draw parts as text.

    Args:
        parts: from ``view_of``.
        colour: whether the reader is a terminal that shows ANSI colours.
    """
    return "\n".join(_part(part, colour) for part in parts)


def printable(text: str) -> str:
    """Keep a text on one line and away from the terminal's controls."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "�" for char in text)


def _part(part: Part, colour: bool) -> str:
    match part:
        case Heading():
            line = _paint(printable(part.text), "1", colour)
            return f"{line}  {_paint(printable(part.aside), '2', colour)}" if part.aside else line
        case Note():
            return _paint("\n".join(printable(line) for line in part.text.splitlines()), _COLOURS[part.tone], colour)
        case Facts():
            width = max((len(name) for name, _ in part.rows), default=0)
            return "\n".join(f"  {printable(name):<{width}}  {printable(value)}" for name, value in part.rows)
        case Table():
            return _table(part, colour)
        case Code():
            return "\n".join(f"    {_visible(line)}" for line in part.text.splitlines())


def _visible(line: str) -> str:
    return "".join(char if char.isprintable() or char == "\t" else "�" for char in line)


def _table(table: Table, colour: bool) -> str:
    if not table.rows:
        return _paint(f"  {table.empty}", "2", colour)
    rows = [[_cut(printable(cell)) for cell in row] for row in table.rows]
    columns = [_cut(printable(name)) for name in table.columns]
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    head = "  ".join(_align(name, widths[i], i in table.numeric) for i, name in enumerate(columns))
    lines = [_paint("  " + head.rstrip(), "2", colour)]
    for number, row in enumerate(rows):
        if number in table.groups:
            lines.append(_paint(f"  {printable(table.groups[number])}", "1", colour))
        cells = []
        for i, cell in enumerate(row):
            aligned = _align(cell, widths[i], i in table.numeric)
            tone = TONES.get(cell, "plain") if i in table.status else "plain"
            cells.append(_paint(aligned, _COLOURS[tone], colour and tone != "plain"))
        mark = "* " if number in table.marked else "  "
        lines.append((mark + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def _align(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)


def _cut(cell: str) -> str:
    return cell if len(cell) <= _CELL else cell[: _CELL - 1] + "…"


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and text else text
