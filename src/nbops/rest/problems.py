"""Errors as problem documents (RFC 9457): what happened, and what to do."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from nbops.errors import (
    ConflictError,
    MissingError,
    NbopsError,
    NotFoundError,
    StoreError,
    StoreLockedError,
    UsageError,
)

_STATUS: tuple[tuple[type[NbopsError], int], ...] = (
    (UsageError, 400),
    (NotFoundError, 404),
    (ConflictError, 409),
    (StoreLockedError, 503),
    (StoreError, 500),
    (MissingError, 501),
)
"""Subclasses first; any other of our errors is 422: understood, but it cannot be done."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not answered."""

    type: str = "about:blank"
    title: str
    detail: str
    code: str
    """A stable word for programs, such as ``no_store``."""
    hint: str | None = None
    """The cure, as a command where there is one."""
    status: int


def problem_of(error: BaseException) -> Problem:
    """Describe an error of ours as the reply to a request.

    Args:
        error: what was raised; anything but an ``NbopsError`` is described without its text, which is for the log.

    Example:
        >>> problem_of(NotFoundError("no run starts with 'abc'", hint="nbops runs")).status
        404
    """
    if not isinstance(error, NbopsError):
        return plain_problem(500, "nbops met an error it does not know; the server's log has it")
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 422)
    return Problem(
        type=f"urn:nbops:problem:{error.code}",
        title=_phrase(status),
        detail=error.message,
        code=error.code,
        hint=error.hint,
        status=status,
    )


def plain_problem(status: int, detail: str | None = None) -> Problem:
    """Describe a refusal that is HTTP's or Jupyter's own: not allowed, no such address, wrong method."""
    title = _phrase(status)
    return Problem(title=title, detail=detail or title, code=title.lower().replace(" ", "_"), status=status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
