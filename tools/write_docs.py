"""Write the generated page of the documentation, ``docs/commands.md``, from the grammar."""

from __future__ import annotations

import sys
from pathlib import Path

from nbops.grammar import VERBS, Option, Verb
from nbops.grammar.commands import TOPICS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"

INTRODUCTION = """\
Every verb works as `nbops VERB …` in a shell, as `%nbops VERB …` in a notebook and as a route of the Jupyter server,
unless it says otherwise. Every verb takes `--json`. Ids may be cut to any unique start; `NAME@3`, `NAME@production` and
`last` work wherever an id does. This page is written by `python tools/write_docs.py`.
"""


def commands_page() -> str:
    """Return the whole page as Markdown."""
    parts = ["# Commands\n", INTRODUCTION]
    for topic, title in TOPICS.items():
        parts.append(f"## {title}\n")
        parts += [_verb(verb) for verb in VERBS if verb.topic == topic]
    return "\n".join(parts)


def _verb(verb: Verb) -> str:
    lines = [f"### `{verb.name}`\n", verb.summary]
    if verb.doors == ("shell",):
        lines.append("In the shell only.")
    elif "rest" not in verb.doors:
        lines.append("In the shell and the notebook only.")
    lines += ["", "```sh", *(f"nbops {example}" for example in verb.examples), "```", ""]
    if verb.options:
        lines += ["| option | meaning |", "|---|---|", *(_option(option) for option in verb.options), ""]
    return "\n".join(lines)


def _option(option: Option) -> str:
    typed = (
        option.flag if option.is_argument or option.kind == "flag" else f"{option.flag} {option.metavar or ''}".strip()
    )
    notes = []
    if option.choices:
        notes.append(f"one of {', '.join(option.choices)}")
    if option.default not in (None, False):
        notes.append(f"default {option.default}")
    if option.is_required:
        notes.append("required")
    if option.is_many or option.kind == "pairs":
        notes.append("may be repeated")
    short = f"`{option.short}`, " if option.short else ""
    return f"| {short}`{typed}` | {option.help}{' (' + '; '.join(notes) + ')' if notes else ''} |".replace("||", "|")


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
