"""What a notice says, and how it reads as text."""

from __future__ import annotations

from typing import Literal

import msgspec

NoticeStatus = Literal["finished", "failed", "cancelled", "skipped"]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something has ended; a webhook receives this as its JSON body."""

    id: str
    """The same for every attempt to deliver it, so that a receiver can drop a second copy."""
    status: NoticeStatus
    title: str
    """One line: ``train failed in cell 3``."""
    text: str = ""
    """What happened, in a sentence or two."""
    facts: dict[str, str] = {}
    """Name → value: metrics, parameters, how long it took."""
    project: str
    host: str = ""
    link: str | None = None
    """Opens the side panel at the run, where the project says its address."""
    command: str = ""
    """Shows the same in a shell."""
    run_id: str | None = None
    sweep_id: str | None = None
    schedule: str | None = None
    firing_id: str | None = None
    at: float
    """When it ended, in seconds since the epoch."""


def as_text(notice: Notice) -> str:
    """Write a notice as plain text, its title not included.

    Example:
        >>> facts = {"took": "3 s"}
        >>> print(as_text(Notice(id="1", status="failed", title="t", text="No disk.", facts=facts, project="p", at=0)))
        No disk.
        <BLANKLINE>
        took: 3 s
        project: p
    """
    where = {"project": notice.project, "host": notice.host}
    facts = [f"{name}: {value}" for name, value in {**notice.facts, **where}.items() if value]
    ways = [way for way in (notice.link, notice.command) if way]
    return "\n\n".join(part for part in (notice.text, "\n".join(facts), "\n".join(ways)) if part)


def one_line(text: str, most: int = 200) -> str:
    """Fold a text into one bounded line: a subject that held a line break could add headers.

    Example:
        >>> one_line("train failed\\r\\nBcc: everybody")
        'train failed Bcc: everybody'
    """
    folded = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return folded if len(folded) <= most else folded[: most - 1] + "…"
