"""A server that trusts certain keys starts what they have signed, and nothing else."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nbops_serving.bundle import open_bundle
from nbops_serving.signatures import check_signature, public_key


def public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def signed(linear, key: Ed25519PrivateKey, tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    shutil.copytree(linear.path, folder)
    (folder / "manifest.sig").write_bytes(base64.b64encode(key.sign((folder / "manifest.json").read_bytes())) + b"\n")
    return folder


def refusal(start_server, bundle: Path, trusted: str) -> str:
    with pytest.raises(AssertionError, match="UntrustedError") as caught:
        start_server(bundle, "--trusted-key", trusted)
    return str(caught.value)


def test_a_signed_bundle_starts_where_its_key_is_trusted(start_server, signed: Path, key: Ed25519PrivateKey) -> None:
    server = start_server(signed, NBOPS_TRUSTED_KEYS=public(key))
    assert server.get("/health/ready").status_code == 200


def test_a_signature_does_not_change_the_bundles_digest(signed: Path, linear) -> None:
    assert open_bundle(signed).digest == open_bundle(linear.path).digest


def test_an_unsigned_bundle_does_not_start_where_a_signature_is_asked_for(
    start_server, signed: Path, key: Ed25519PrivateKey
) -> None:
    (signed / "manifest.sig").unlink()
    assert "the bundle is not signed" in refusal(start_server, signed, public(key))


def test_a_bundle_signed_by_somebody_else_does_not_start(start_server, signed: Path) -> None:
    assert "none of the 1 trusted keys" in refusal(start_server, signed, public(Ed25519PrivateKey.generate()))


def test_a_manifest_that_was_changed_after_it_was_signed_does_not_start(
    start_server, signed: Path, key: Ed25519PrivateKey
) -> None:
    manifest = signed / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    assert "none of the 1 trusted keys" in refusal(start_server, signed, public(key))


def test_the_standards_own_signature_is_understood() -> None:
    """RFC 8032, section 7.1, test 2."""
    key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    trusted = base64.b64encode(bytes.fromhex(key)).decode()
    check_signature(b"\x72", base64.b64encode(bytes.fromhex(signature)), [trusted])


@pytest.mark.parametrize("text", ["", "abc", "ключ", "A" * 64])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no Ed25519 public key"):
        public_key(text)
