"""Times as people write them."""

from __future__ import annotations

import datetime as dt
import re
import time

_UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_536_000,
}
_AGO = re.compile(r"(\d{1,6}(?:\.\d+)?)\s*(second|minute|hour|day|week|month|year)s?(?:\s+ago)?", re.IGNORECASE)


def moment(text: str) -> tuple[float, float] | None:
    """Read a time as (start, end); a day has a length, an instant has none. Without a zone it is local time."""
    word = text.strip().lower()
    midnight = dt.datetime.combine(dt.date.today(), dt.time())
    days = {"today": 0, "yesterday": -1}
    if word == "now":
        return time.time(), time.time()
    if word in days:
        start = midnight + dt.timedelta(days=days[word])
        return start.timestamp(), (start + dt.timedelta(days=1)).timestamp()
    ago = _AGO.fullmatch(word)
    if ago:
        instant = time.time() - float(ago[1]) * _UNITS[ago[2].lower()]
        return instant, instant
    try:
        start = dt.datetime.fromisoformat(text.strip())
        end = start + dt.timedelta(days=1) if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text.strip()) else start
        return start.timestamp(), end.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


# ── whole searches ─────────────────────────────────────────────────────────────────────────────────────────────────
