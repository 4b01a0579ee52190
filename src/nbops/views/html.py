"""Parts as HTML with inline styles: JupyterLab's colours where they are, its own elsewhere, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nbops.views.parts import TONES, Code, Facts, Heading, Note, Part, Table

_CELL = 200
_FAINT = "var(--jp-ui-font-color2,#616161)"
_LINE = "var(--jp-border-color2,#e0e0e0)"
_MONO = "var(--jp-code-font-family,ui-monospace,Menlo,monospace)"
_TONES = {
    "good": "var(--jp-success-color0,#1b5e20)",
    "bad": "var(--jp-error-color0,#b71c1c)",
    "busy": "var(--jp-warn-color0,#bf360c)",
    "faint": _FAINT,
    "plain": "inherit",
}


def to_html(parts: Sequence[Part]) -> str:
    """Draw parts as HTML; every text in them is escaped."""
    body = "".join(_part(part) for part in parts)
    return (
        '<div class="nbops" style="font-family:var(--jp-ui-font-family,system-ui,sans-serif);'
        f'font-size:13px;line-height:1.5;overflow-x:auto">{body}</div>'
    )


def _part(part: Part) -> str:
    match part:
        case Heading():
            aside = f' <span style="color:{_FAINT};font-weight:400">{escape(part.aside)}</span>' if part.aside else ""
            return f'<div style="font-weight:600;margin:6px 0 2px">{escape(part.text)}{aside}</div>'
        case Note():
            return f'<div style="color:{_TONES[part.tone]};white-space:pre-line">{escape(part.text)}</div>'
        case Facts():
            rows = "".join(
                f'<tr><th scope="row" style="text-align:left;font-weight:400;color:{_FAINT};padding:1px 12px 1px 0;'
                f'vertical-align:top">{escape(name)}</th><td style="text-align:left;padding:1px 0">{escape(_cut(value))}'
                "</td></tr>"
                for name, value in part.rows
            )
            return f'<table style="border-collapse:collapse;margin:2px 0">{rows}</table>'
        case Table():
            return _table(part)
        case Code():
            return (
                f'<pre style="font-family:{_MONO};font-size:12px;margin:4px 0;padding:6px 8px;overflow-x:auto;'
                f'border:1px solid {_LINE};border-radius:3px;background:transparent">{_code(part)}</pre>'
            )


def _table(table: Table) -> str:
    if not table.rows:
        return f'<div style="color:{_FAINT}">{escape(table.empty)}</div>'
    head = "".join(
        f'<th scope="col" style="text-align:{_side(i, table)};color:{_FAINT};font-weight:500;padding:2px 10px 2px 0;'
        f'border-bottom:1px solid {_LINE}">{escape(name)}</th>'
        for i, name in enumerate(table.columns)
    )
    body = "".join(_row(number, row, table) for number, row in enumerate(table.rows))
    return f'<table style="border-collapse:collapse;margin:2px 0"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _row(number: int, row: Sequence[str], table: Table) -> str:
    weight = ";font-weight:600" if number in table.marked else ""
    cells = []
    for i, cell in enumerate(row):
        tone = TONES.get(cell, "plain") if i in table.status else "plain"
        colour = f";color:{_TONES[tone]}" if tone != "plain" else ""
        cells.append(
            f'<td style="text-align:{_side(i, table)};padding:2px 10px 2px 0{colour}{weight}">{escape(_cut(cell))}</td>'
        )
    return f"<tr>{''.join(cells)}</tr>"


def _side(column: int, table: Table) -> str:
    return "right" if column in table.numeric else "left"


def _cut(cell: str) -> str:
    return cell if len(cell) <= _CELL else cell[: _CELL - 1] + "…"


def _code(code: Code) -> str:
    if code.language != "diff":
        return escape(code.text)
    return "\n".join(_diff_line(line) for line in code.text.splitlines())


def _diff_line(line: str) -> str:
    tone = "good" if line.startswith("+") else "bad" if line.startswith("-") else None
    return f'<span style="color:{_TONES[tone]}">{escape(line)}</span>' if tone else escape(line)
