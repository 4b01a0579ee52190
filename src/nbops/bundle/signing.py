"""Signing bundles with an Ed25519 key from outside of the project; ``python -m nbops.bundle.signing FILE`` makes one.

The private key is a PEM file that the setting ``signing_key`` names, or, where files are in the way as in CI, the PEM
text itself in the environment variable ``NBOPS_SIGNING_KEY_PEM``, which is read when a bundle is signed and kept
nowhere. The public key is one line; the setting ``trusted_keys`` gives it to servers, see ``nbops_serving.signatures``.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nbops.errors import BundleError, NbopsError, SettingsError
from nbops.optional import need
from nbops.settings import Settings
from nbops_serving.manifest import MANIFEST
from nbops_serving.signatures import SIGNATURE, UntrustedError, check_signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PEM_VARIABLE = "NBOPS_SIGNING_KEY_PEM"
_MAKE = "python -m nbops.bundle.signing ~/.config/nbops/signing.pem"


def sign(folder: str | os.PathLike[str], settings: Settings, env: Mapping[str, str] | None = None) -> bool:
    """Sign a bundle if there is a key to do it with, and see that it may start where keys are trusted.

    Args:
        folder: the bundle's.
        settings: of the project, with ``signing_key`` and ``trusted_keys``.
        env: where ``NBOPS_SIGNING_KEY_PEM`` is looked for; the process's own environment when not given.

    Returns:
        Whether it was signed here; a signature that somebody else has put there stays when it was not.

    Raises:
        SettingsError: the key cannot be read, lies in the project, or is no Ed25519 key; or a trusted key is none.
        MissingError: a key is set, and ``cryptography`` is not installed.
        BundleError: keys are trusted, and none of them has signed the bundle.
    """
    place = Path(folder)
    pem = _private_pem(settings, os.environ if env is None else env)
    manifest = (place / MANIFEST).read_bytes()
    if pem is not None:
        made = base64.b64encode(_read(pem).sign(manifest)) + b"\n"
        aside = place / f"{SIGNATURE}.{os.getpid()}"
        aside.write_bytes(made)
        aside.replace(place / SIGNATURE)
    if settings.trusted_keys:
        _check(place, manifest, settings.trusted_keys)
    return pem is not None


def _check(place: Path, manifest: bytes, trusted: list[str]) -> None:
    need("cryptography", to="check signatures")
    signature = place / SIGNATURE
    try:
        check_signature(manifest, signature.read_bytes() if signature.is_file() else None, trusted)
    except ValueError as error:
        raise SettingsError(f"trusted_keys: {error}", hint=f"{_MAKE}  # prints the public key") from error
    except UntrustedError as error:
        raise BundleError(
            f"no server of this project would start this bundle: {error}",
            code="bundle_unsigned",
            hint="set signing_key to a private key whose public key is among trusted_keys",
        ) from error


def _private_pem(settings: Settings, env: Mapping[str, str]) -> bytes | None:
    if env.get(PEM_VARIABLE):
        return env[PEM_VARIABLE].encode()
    if not settings.signing_key:
        return None
    path = Path(settings.signing_key).expanduser().absolute()
    if path.resolve().is_relative_to(Path(settings.root).resolve()):
        raise SettingsError(
            f"the signing key {path} lies in the project, where it would be shared with it",
            hint=f"mkdir -p ~/.config/nbops && mv {path} ~/.config/nbops/ && "
            f"export NBOPS_SIGNING_KEY=~/.config/nbops/{path.name}",
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"the signing key {path} cannot be read: {error.strerror}", hint=_MAKE) from error


def _read(pem: bytes) -> Ed25519PrivateKey:
    need("cryptography", to="sign bundles")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"the signing key is no unencrypted private key in PEM: {error}", hint=_MAKE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError("the signing key is not an Ed25519 key", hint=_MAKE)
    return key


def public_key_of(pem: bytes) -> str:
    """Return the line that ``trusted_keys`` takes for a private key.

    Raises:
        SettingsError: it is no Ed25519 private key in PEM.
    """
    return base64.b64encode(_read(pem).public_key().public_bytes_raw()).decode()


def make_key(path: str | os.PathLike[str]) -> str:
    """Make a private key that only its owner can read, unless the file is there, and return its public key.

    Args:
        path: of the PEM file.

    Raises:
        SettingsError: the file is there and has no Ed25519 key.
        MissingError: ``cryptography`` is not installed.
    """
    need("cryptography", to="make a signing key")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    file = Path(path).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return public_key_of(file.read_bytes())
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return public_key_of(file.read_bytes())


def main(arguments: list[str]) -> int:
    """Make a key, or find the one that is there, and print its public key."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m nbops.bundle.signing FILE\n")
        return 2
    try:
        made = make_key(arguments[0])
    except (NbopsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{made}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
