"""What a measured number has to reach, or must not pass."""

from __future__ import annotations

from collections.abc import Mapping

from nbops.errors import SettingsError

Bar = float | str
"""A number to be reached, or ``"max 0.2"`` for one that must not be passed."""


def missed(bars: Mapping[str, Bar], found: Mapping[str, float], *, of: str) -> list[str]:
    """Say which bars are missed.

    Args:
        bars: name of a measure → its bar.
        found: name of a measure → its value.
        of: what was measured, for the message about a measure that is not there.

    Returns:
        One sentence for each that is missed; a value that is not a number misses every bar.

    Raises:
        SettingsError: a bar is none.

    Example:
        >>> missed({"auc": 0.9, "loss": "max 0.2"}, {"auc": 0.8, "loss": 0.1}, of="the run")
        ['auc is 0.8, below 0.9']
    """
    return [said for name, bar in bars.items() if (said := _missed(name, bar, found, of))]


def _missed(name: str, bar: Bar, found: Mapping[str, float], of: str) -> str | None:
    if name not in found:
        return f"{of} has no metric {name!r}; it has: {', '.join(sorted(found)) or 'none'}"
    value = found[name]
    is_ceiling, limit = _read(name, bar)
    if is_ceiling:
        return None if value <= limit else f"{name} is {value:g}, more than {limit:g}"
    return None if value >= limit else f"{name} is {value:g}, below {limit:g}"


def _read(name: str, bar: Bar) -> tuple[bool, float]:
    """Whether a bar is a ceiling, and its number."""
    if not isinstance(bar, str):
        return False, bar
    word, _, number = bar.partition(" ")
    try:
        limit = float(number)
    except ValueError:
        word = ""
    if word not in ("max", "min"):
        raise SettingsError(
            f"[tool.nbops.checks] metrics: {name} = {bar!r} is not a bar", hint=f'{name} = 0.9, or {name} = "max 0.2"'
        )
    return word == "max", limit
