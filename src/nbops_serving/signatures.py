"""Who vouches for a bundle: a signature over its manifest, which has the digests of all its other files.

The signature is Ed25519's, which lies beside the manifest in ``manifest.sig``. It changes neither the manifest nor the
bundle's digest, so a bundle can be signed, or signed by somebody else, after it was packed. The keys that are trusted
come from whoever starts the server, never from the bundle.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

SIGNATURE = "manifest.sig"
"""Name of the signature inside the bundle's folder: one line, base64."""


class UntrustedError(Exception):
    """Nobody whom this server trusts has signed the bundle."""


def check_signature(manifest: bytes, signature: bytes | None, trusted: Sequence[str]) -> None:
    """Let a manifest through that one of the trusted keys has signed.

    Args:
        manifest: the bytes of ``manifest.json``.
        signature: the bytes of ``manifest.sig``; None where there is none.
        trusted: public keys, each the 32 bytes of RFC 8032 as base64.

    Raises:
        UntrustedError: there is no signature, or none of these keys has made it; or signatures cannot be checked here.
        ValueError: one of the keys is none.

    Example:
        >>> check_signature(b"{}", None, ["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="])
        Traceback (most recent call last):
        nbops_serving.signatures.UntrustedError: the bundle is not signed, and this server asks for a signature
    """
    keys = [public_key(text) for text in trusted]
    if signature is None:
        raise UntrustedError("the bundle is not signed, and this server asks for a signature")
    try:
        made = base64.b64decode(signature.strip(), validate=True)
    except binascii.Error as error:
        raise UntrustedError(f"{SIGNATURE} is no signature: {error}") from error
    if not any(_is_made_by(key, made, manifest) for key in keys):
        raise UntrustedError(f"none of the {len(keys)} trusted keys has signed this manifest.json")


def public_key(text: str) -> bytes:
    """Read a public key.

    Raises:
        ValueError: it is not 32 bytes as base64.

    Example:
        >>> len(public_key("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="))
        32
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ValueError(f"{text!r} is no Ed25519 public key: it has to be 32 bytes as base64")
    return key


def _is_made_by(key: bytes, signature: bytes, data: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise UntrustedError(f"signatures cannot be checked here: {error}; pip install cryptography") from error
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except InvalidSignature:
        return False
    return True
