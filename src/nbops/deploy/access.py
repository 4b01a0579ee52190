"""Who may ask an endpoint, and how clients know it: API keys and a certificate.

What a person names is copied to the endpoint's own folder, for its servers alone: a container's user need not be able
to read the person's files, and a file that an editor replaces would never reach a container that has it mounted. Keys
are digests only. Each deployment has its own copy, so that a rollout that fails has changed nothing of what answers.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

import msgspec

from nbops.errors import UsageError
from nbops_serving import keys as api_keys

KEYS, CERTIFICATE = "keys", "tls.pem"
"""What the two are called in a folder that a server reads."""

PINNED = "certificate.pem"
"""The endpoint's own certificate, without its private key, for those who ask it from this machine."""

WITHOUT = "none"
"""The word that takes away what an endpoint has."""

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Files that were named for an endpoint; None where it goes without."""

    keys: str | None = None
    """File of API keys, one ``NAME SHA256`` a line, as ``python -m nbops_serving.keys NAME`` makes them."""
    tls_cert: str | None = None
    """The certificate and those that lead to its root, in PEM."""
    tls_key: str | None = None
    """Its private key, in PEM; None where the other file has it."""

    @classmethod
    def of(cls, handle: Mapping[str, str | int]) -> Access:
        """What an endpoint has, as it is written in its handle."""
        return cls(**{name: str(handle[name]) for name in cls.__struct_fields__ if handle.get(name)})

    def over(self, former: Access) -> Access:
        """Take what was not asked for from what the endpoint had, and leave out what it shall go without.

        Example:
            >>> Access(keys="none").over(Access(keys="/keys", tls_cert="/cert.pem")).written()
            {'tls_cert': '/cert.pem'}
        """
        asked, had = msgspec.structs.asdict(self), msgspec.structs.asdict(former)
        if self.tls_cert is not None:
            had["tls_key"] = None  # it belongs to the former certificate
        merged = {name: value if value is not None else had[name] for name, value in asked.items()}
        return Access(**{name: None if value == WITHOUT else value for name, value in merged.items()})

    def placed(self) -> Access:
        """The same with whole paths, so that a later deploy from another folder finds the files."""
        return Access(
            **{
                name: value if value in (None, WITHOUT) else str(Path(value).expanduser().absolute())
                for name, value in msgspec.structs.asdict(self).items()
            }
        )

    def written(self) -> dict[str, str | int]:
        """What of it stands in an endpoint's handle."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}

    def check(self) -> None:
        """Refuse files that cannot be used, before anything is made.

        Raises:
            UsageError: a file is not there or holds something else, or the private key is another certificate's.
        """
        keys_text(self)
        certificate_text(self)


def keys_text(access: Access) -> str:
    """The lines of the keys' file; empty where everybody may ask.

    Raises:
        UsageError: the file is not there, or is none of keys.
    """
    if access.keys in (None, WITHOUT):
        return ""
    text = _read(access.keys, "API keys", f"python -m nbops_serving.keys NAME >> {access.keys}")
    try:
        api_keys.Keys(access.keys)
    except ValueError as error:
        # The line itself may be a key that was pasted: it is not repeated.
        raise UsageError(
            f"{access.keys} is no file of API keys: {_place(error)}a line is NAME SHA256",
            code="keys_unreadable",
            hint=f"python -m nbops_serving.keys NAME >> {access.keys}",
        ) from None
    if not key_names(text):
        raise UsageError(
            f"{access.keys} has no API key, so nobody could ask",
            code="keys_empty",
            hint=f"python -m nbops_serving.keys NAME >> {access.keys}  # or --keys none",
        )
    return text if text.endswith("\n") else f"{text}\n"


def key_names(text: str) -> list[str]:
    """Whose keys a file has.

    Example:
        >>> key_names("# of the shop\\nshop 00\\nmobile 01\\n")
        ['shop', 'mobile']
    """
    return [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("#")]


def certificate_text(access: Access) -> str:
    """Certificate and private key as one text in PEM; empty where plain HTTP is spoken.

    Raises:
        UsageError: a file is not there or holds something else, or the private key is another certificate's.
    """
    if access.tls_cert in (None, WITHOUT):
        if access.tls_key not in (None, WITHOUT):
            raise UsageError("a private key needs its certificate", hint=f"--tls-cert FILE --tls-key {access.tls_key}")
        return ""
    hint = "--tls-cert CERTIFICATE.pem --tls-key KEY.pem"
    files = [access.tls_cert, *([access.tls_key] if access.tls_key not in (None, WITHOUT) else [])]
    text = "\n".join(_read(file, "a certificate or its key", hint) for file in files)
    try:
        # With an empty password, a key that is encrypted is an error instead of a question on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files[0], files[-1], password="")
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(
            f"{' and '.join(files)}: no certificate with its unencrypted private key ({_said(error)})",
            code="certificate_unusable",
            hint=hint,
        ) from None
    # HAProxy takes a text up to its first empty line.
    return "".join(f"{line}\n" for line in text.splitlines() if line.strip())


def lay(folder: Path, name: str, text: str, *, owner: tuple[int, int] | None) -> None:
    """Write a file that only its servers may read, whole or not at all; an empty text removes it.

    Args:
        folder: made when it is not there.
        name: of the file.
        text: what it holds.
        owner: the user and group of the servers; None where that is this one's.
    """
    path = folder / name
    if not text:
        path.unlink(missing_ok=True)
        return
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    aside = folder / f".{name}.{os.getpid()}"
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if owner is not None and os.getuid() == 0:
        os.chown(aside, *owner)
    aside.replace(path)


def pinned(text: str) -> str:
    """The endpoint's own certificate alone, of a text in PEM: no private key, and nobody who signs for others."""
    begin = text.index(_BEGIN)
    return text[begin : text.index(_END, begin) + len(_END)] + "\n"


def _read(path: str | None, what: str, hint: str) -> str:
    assert path is not None
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"{what} cannot be read from {path}: {said}", code="file_unreadable", hint=hint) from error


def _place(error: ValueError) -> str:
    """Where the reader of keys stopped, of what it says."""
    line = str(error).partition(", line ")[2].partition(":")[0]
    return f"in line {line}, " if line else ""


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error).replace("_", " ").lower()
