"""Every way a request can be refused, as RFC 9457 problem documents that never show the server's insides."""

from __future__ import annotations

from typing import Any

import msgspec


class Violation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing wrong with one row."""

    row: int | None
    """Place of the row in the request, from 0; None when the whole request is meant."""
    field: str | None
    """Name of the field; None when the whole row is meant."""
    message: str
    expected: str = ""
    code: str


class Refusal(Exception):  # noqa: N818 - it is an answer for the client, not a fault of the server
    """A request that cannot be answered, and what to tell the client."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        *,
        detail: str = "",
        violations: list[Violation] | None = None,
        headers: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.violations = violations or []
        self.headers = headers or []

    def document(self, request_id: str, *, has_error: bool = False) -> bytes:
        """Return the problem document.

        Args:
            request_id: what the client can quote to the operator.
            has_error: repeat the title as ``error``, where clients of the Open Inference Protocol look for it.

        Returns:
            JSON bytes with ``type``, ``title``, ``status``, ``code``, ``request_id``, and ``detail`` and ``errors``
            where there are any.

        Example:
            >>> Refusal(404, "not_found", "there is nothing here").document("r1")
            b'{"type":"about:blank","title":"there is nothing here","status":404,"code":"not_found","request_id":"r1"}'
        """
        fields: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "request_id": request_id,
        }
        if has_error:
            fields["error"] = self.title
        if self.detail:
            fields["detail"] = self.detail
        if self.violations:
            fields["errors"] = self.violations
        return msgspec.json.encode(fields)


def invalid_rows(violations: list[Violation]) -> Refusal:
    """Refuse rows that do not fit the signature, naming each place.

    Example:
        >>> wrong = Violation(row=0, field="age", message="'x' is not a number", expected="number", code="type")
        >>> invalid_rows([wrong]).title
        "row 0, field 'age': 'x' is not a number"
    """
    first = violations[0]
    where = ", ".join(
        part
        for part in (
            f"row {first.row}" if first.row is not None else "",
            f"field {first.field!r}" if first.field is not None else "",
        )
        if part
    )
    title = f"{where}: {first.message}" if where else first.message
    more = len(violations) - 1
    detail = f"and {more} more, see errors" if more else ""
    return Refusal(422, "rows_invalid", title, detail=detail, violations=violations)
