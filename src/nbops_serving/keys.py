"""API keys: several at once, kept as digests only, exchanged without a restart.

The file has one key per line, ``NAME SHA256``, the digest as 64 hexadecimal digits; lines that begin with ``#`` are
left out. It is read again when it changes, so a key is rotated by adding the new one, moving the clients, and removing
the old one. Make a line with::

    python -m nbops_serving.keys NAME
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from nbops_serving.problems import Refusal

LOOK_SECONDS = 1.0
"""How often the file is looked at for a change."""


class Keys:
    """The keys that may ask for predictions.

    Args:
        path: the file; it must be readable when the server starts.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line of it is no key.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._digests = _read(self._path)
        self._changed_at = self._path.stat().st_mtime_ns
        self._looked_at = time.monotonic()

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Let a request through, or refuse it.

        Args:
            headers: the request's headers; the key is in ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``.

        Raises:
            Refusal: 401, there is no key or an unknown one.
        """
        self._look()
        for name, value in headers:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                if self._is_known(value[7:].strip()):
                    return
            elif name == b"x-api-key" and self._is_known(value.strip()):
                return
        wanted = [(b"www-authenticate", b'Bearer realm="predictions"')]
        raise Refusal(401, "key_missing", "send a known API key as Authorization: Bearer KEY", headers=wanted)

    def _is_known(self, key: bytes) -> bool:
        digest = hashlib.sha256(key).digest()
        # every digest is compared, in constant time, so that an answer's time tells nothing
        return sum(hmac.compare_digest(digest, one) for one in self._digests) > 0

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at != self._changed_at:
                self._digests, self._changed_at = _read(self._path), changed_at
        except (OSError, ValueError):
            # The file is being exchanged just now, or was broken by a hand: the keys that were known stay valid.
            return


def _read(path: Path) -> list[bytes]:
    digests = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split()
        if len(parts) != 2 or len(parts[1]) != 64:
            raise ValueError(f"{path}, line {number}: expected NAME SHA256")
        digests.append(bytes.fromhex(parts[1]))
    return digests


def make(name: str) -> tuple[str, str]:
    """Make a new key.

    Args:
        name: whose key it is.

    Returns:
        The key, which is shown once and kept nowhere, and the line for the file.

    Example:
        >>> key, line = make("shop")
        >>> line == f"shop {hashlib.sha256(key.encode()).hexdigest()}"
        True
    """
    if not name or name.split() != [name] or name.startswith("#"):
        raise ValueError(f"{name!r} is no name for a key: use one word")
    key = secrets.token_urlsafe(32)
    return key, f"{name} {hashlib.sha256(key.encode()).hexdigest()}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m nbops_serving.keys NAME >> FILE")
    new, entry = make(sys.argv[1])
    print(entry)  # noqa: T201 - the line for the file
    print(f"the key, shown only now: {new}", file=sys.stderr)  # noqa: T201 - for the person, not the file
