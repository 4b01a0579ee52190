"""Parts as HTML: JupyterLab's colours where they are, its own elsewhere, no script.

One style sheet stands at the top of each output instead of a style on each cell: a list of 50 rows stays below 10 kB.
Colours are those that are told from the ground in nbconvert's pages, too, whose greys and oranges are lighter. Where a
sanitizer takes the sheet away (an untrusted notebook, GitHub), a plain table is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nbops.views.parts import TONES, Code, Facts, Heading, Note, Part, Table

_CELL = 120
_FACT = 1000
_SHEET = (
    "<style>.nbops{font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);overflow-x:auto}"
    ".nbops table{border-collapse:collapse;margin:2px 0}"
    ".nbops th,.nbops td{text-align:left!important;padding:2px 12px 2px 0;vertical-align:top;white-space:nowrap}"
    ".nbops th{font-weight:400}"
    ".nbops thead th{border-bottom:1px solid var(--jp-border-color2,#e0e0e0)}"
    ".nbops .n{text-align:right!important;font-variant-numeric:tabular-nums}"
    ".nbops .m,.nbops .g{font-weight:600}.nbops .g{padding-top:8px}.nbops h4{font-size:13px;margin:8px 0 2px}"
    ".nbops h4 small,.nbops .faint{color:var(--jp-ui-font-color2,#616161);font-weight:400}"
    ".nbops .good{color:var(--jp-success-color0,#1b5e20)}.nbops .bad{color:var(--jp-error-color0,#b71c1c)}"
    ".nbops .busy{font-weight:600}"
    ".nbops pre{font:12px/1.45 var(--jp-code-font-family,ui-monospace,monospace);margin:4px 0;padding:6px 8px;"
    "overflow-x:auto;border:1px solid var(--jp-border-color2,#e0e0e0);border-radius:3px}"
    ".nbops p{margin:2px 0;white-space:pre-line}</style>"
)


def to_html(parts: Sequence[Part]) -> str:
    """Draw parts as HTML; every text in them is escaped."""
    return f'<div class="nbops">{_SHEET}{"".join(_part(part) for part in parts)}</div>'


def _part(part: Part) -> str:
    match part:
        case Heading():
            aside = f" <small>{escape(part.aside)}</small>" if part.aside else ""
            return f"<h4>{escape(part.text)}{aside}</h4>"
        case Note():
            return f'<p class="{part.tone}">{escape(part.text)}</p>'
        case Facts():
            rows = "".join(
                f'<tr><th scope="row">{escape(name)}</th><td>{escape(_cut(value))}</td></tr>'
                for name, value in part.rows
            )
            return f"<table>{rows}</table>"
        case Table():
            return _table(part)
        case Code():
            return f"<pre>{_code(part)}</pre>"


def _table(table: Table) -> str:
    if not table.rows:
        return f'<p class="faint">{escape(table.empty)}</p>'
    head = "".join(
        # A header that says nothing would be read aloud as one.
        f'<th scope="col"{" class=n" if i in table.numeric else ""}>{escape(name)}</th>' if name else "<td></td>"
        for i, name in enumerate(table.columns)
    )
    body = "".join(_group(number, table) + _row(number, row, table) for number, row in enumerate(table.rows))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _group(number: int, table: Table) -> str:
    title = table.groups.get(number)
    if title is None:
        return ""
    begins = "<tbody>" if number else ""
    return f"{begins}<tr><th scope=rowgroup class=g colspan={len(table.columns)}>{escape(title)}</th>"


def _row(number: int, row: Sequence[str], table: Table) -> str:
    cells = "".join(f"<td{_class(i, cell, table)}>{escape(_cut(cell))}" for i, cell in enumerate(row))
    # HTML lets the end of cells and rows be left out, which is a quarter of a long list.
    return f"<tr{' class=m' if number in table.marked else ''}>{cells}"


def _class(column: int, cell: str, table: Table) -> str:
    if column in table.numeric:
        return " class=n"
    tone = TONES.get(cell, "plain") if column in table.status else "plain"
    return f" class={tone}" if tone != "plain" else ""


def _cut(cell: str) -> str:
    return cell if len(cell) <= _CELL else cell[: _CELL - 1] + "…"


def _code(code: Code) -> str:
    if code.language != "diff":
        return escape(code.text)
    return "\n".join(_diff_line(line) for line in code.text.splitlines())


def _diff_line(line: str) -> str:
    tone = "good" if line.startswith("+") else "bad" if line.startswith("-") else None
    return f'<span class="{tone}">{escape(line)}</span>' if tone else escape(line)
