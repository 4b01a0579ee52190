"""Signing bundles: with a key from outside of the project, so that only its owner's bundles start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nbops.bundle.signing import make_key, public_key_of, sign
from nbops.errors import BundleError, SettingsError
from nbops.settings import Settings
from nbops_serving.signatures import UntrustedError, check_signature


@pytest.fixture
def bundle(project: Path) -> Path:
    folder = project / ".nbops" / "bundles" / "one"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(b'{"format": 1}')
    return folder


def with_key(settings: Settings, folder: Path) -> tuple[Settings, str]:
    public = make_key(folder / "signing.pem")
    return msgspec.structs.replace(settings, signing_key=str(folder / "signing.pem")), public


def test_what_was_signed_is_trusted_and_nothing_else(settings: Settings, bundle: Path, tmp_path: Path) -> None:
    settings, public = with_key(settings, tmp_path)
    assert sign(bundle, settings, env={})
    manifest, signature = (bundle / "manifest.json").read_bytes(), (bundle / "manifest.sig").read_bytes()
    check_signature(manifest, signature, [public])
    with pytest.raises(UntrustedError, match="none of the 1 trusted keys"):
        check_signature(manifest + b" ", signature, [public])


def test_one_signature_of_several_trusted_keys_is_enough(settings: Settings, bundle: Path, tmp_path: Path) -> None:
    settings, public = with_key(settings, tmp_path)
    other = make_key(tmp_path / "other.pem")
    assert sign(bundle, msgspec.structs.replace(settings, trusted_keys=[other, public]), env={})


def test_the_key_may_come_from_the_environment(settings: Settings, bundle: Path, tmp_path: Path) -> None:
    public = make_key(tmp_path / "key.pem")
    text = (tmp_path / "key.pem").read_text()
    assert sign(bundle, settings, env={"NBOPS_SIGNING_KEY_PEM": text})
    check_signature((bundle / "manifest.json").read_bytes(), (bundle / "manifest.sig").read_bytes(), [public])


def test_without_a_key_nothing_is_signed_and_a_foreign_signature_stays(settings: Settings, bundle: Path) -> None:
    assert not sign(bundle, settings, env={})
    (bundle / "manifest.sig").write_text("theirs")
    assert not sign(bundle, settings, env={})
    assert (bundle / "manifest.sig").read_text() == "theirs"


def test_where_keys_are_trusted_a_bundle_without_their_signature_is_refused(
    settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    trusting = msgspec.structs.replace(settings, trusted_keys=[make_key(tmp_path / "other.pem")])
    with pytest.raises(BundleError, match="is not signed") as caught:
        sign(bundle, trusting, env={})
    assert caught.value.code == "bundle_unsigned"
    mine, _ = with_key(trusting, tmp_path)
    with pytest.raises(BundleError, match="none of the 1 trusted keys has signed"):
        sign(bundle, mine, env={})


def test_a_key_inside_of_the_project_is_refused(settings: Settings, bundle: Path, project: Path) -> None:
    inside, _ = with_key(settings, project / "keys")
    with pytest.raises(SettingsError, match="lies in the project"):
        sign(bundle, inside, env={})
    assert not (bundle / "manifest.sig").exists()


def test_a_key_that_is_none_is_refused_without_being_shown(settings: Settings, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "not.pem").write_text("a-secret-that-is-no-key")
    bad = msgspec.structs.replace(settings, signing_key=str(tmp_path / "not.pem"))
    with pytest.raises(SettingsError, match="no unencrypted private key in PEM") as caught:
        sign(bundle, bad, env={})
    assert "a-secret" not in str(caught.value)
    with pytest.raises(SettingsError, match="cannot be read"):
        sign(bundle, msgspec.structs.replace(settings, signing_key=str(tmp_path / "gone.pem")), env={})
    with pytest.raises(SettingsError, match="is no Ed25519 public key"):
        sign(bundle, msgspec.structs.replace(settings, trusted_keys=["abc"]), env={})


def test_a_key_of_another_kind_is_refused() -> None:
    pem = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(SettingsError, match="not an Ed25519 key"):
        public_key_of(pem)


def test_the_command_makes_a_key_once_and_shows_only_its_public_half(tmp_path: Path) -> None:
    path = tmp_path / "new" / "signing.pem"
    command = [sys.executable, "-m", "nbops.bundle.signing", str(path)]
    first = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert path.stat().st_mode & 0o777 == 0o600
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == first
    assert first.strip() == public_key_of(path.read_bytes())
