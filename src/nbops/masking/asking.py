"""``nbops.secret("ID")``: a masked secret's value, had from where it may be had again."""

from __future__ import annotations

import os
import re
import sys

from nbops.errors import MissingError, UsageError
from nbops.masking.known import VALUES
from nbops.masking.project import ID_LETTERS, Names

_ID = re.compile(rf"[0-9a-f]{{{ID_LETTERS}}}")
_MARK = re.compile(rf"\[masked: ([0-9a-f]{{{ID_LETTERS}}}) [^\]]*\]")
PREFIX = "NBOPS_SECRET_"


def secret(id: str) -> str:
    """Give the value of a secret that was masked, so that a recorded cell runs again.

    It is looked for in the environment variable ``NBOPS_SECRET_<ID>``; then in all other variables, whatever they are
    called, because the id tells which value is meant; then it is asked for, once in a process.

    Args:
        id: the twelve hexadecimal digits that stand in a masked source.

    Returns:
        The value, which stays in this process's memory.

    Raises:
        UsageError: this is no id of a secret.
        MissingError: it is nowhere, and nobody can be asked.

    Example:
        >>> import os
        >>> os.environ["NBOPS_SECRET_3F2A9C1D0B7E"] = "open sesame"
        >>> secret("3f2a9c1d0b7e")
        'open sesame'
        >>> del os.environ["NBOPS_SECRET_3F2A9C1D0B7E"]
    """
    wanted = id.strip().lower() if isinstance(id, str) else ""
    if not _ID.fullmatch(wanted):
        raise UsageError("an id of a secret has twelve hexadecimal digits", hint="nbops secrets")
    value = had(wanted) or _asked(wanted)
    VALUES.learn(value, "secret", is_sure=True)
    return value


_answers: dict[str, str] = {}


def had(id: str) -> str | None:
    """Give the value of a secret where this process has it, without asking anybody; None where it has not.

    Args:
        id: the twelve hexadecimal digits that stand in a masked source.

    Example:
        >>> had("000000000000") is None
        True
    """
    return os.environ.get(f"{PREFIX}{id.upper()}") or _answers.get(id) or _had(id)


def _had(id: str) -> str | None:
    """Look among what this process has already: ids of equal values are equal."""
    from nbops.settings import load_settings

    names = Names(load_settings().journal.parent)
    if not names.has_key:
        return None
    candidates = [*(known.value for known in VALUES.all()), *os.environ.values()]
    return next((value for value in candidates if value and names.of(value) == id), None)


def _asked(id: str) -> str:
    import getpass

    value = ""
    if _can_ask():
        try:
            value = getpass.getpass(f"the secret {id}: ")
        except (
            EOFError,
            OSError,
            RuntimeError,
            NotImplementedError,
        ):  # nobody is there; ipykernel's own is a RuntimeError
            value = ""
    if not value:
        raise MissingError(
            f"the secret {id} is in no environment variable, and nobody could be asked for it",
            code="secret_missing",
            hint=f"export {PREFIX}{id.upper()}=…",
        )
    _answers[id] = value
    return value


def _can_ask() -> bool:
    """Whether somebody can answer: at a kernel the front end says so, elsewhere a terminal has to be there."""
    return "ipykernel" in sys.modules or (sys.stdin is not None and sys.stdin.isatty())


def restored(value: object) -> object:
    """A value as it was before it was masked whole; anything else as it is.

    Raises:
        MissingError: the secret is nowhere, and nobody can be asked.
    """
    match = _MARK.fullmatch(value) if isinstance(value, str) else None
    return value if match is None else secret(match.group(1))
