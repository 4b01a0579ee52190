"""Bytes by their hash, in a folder and elsewhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from s3_server import S3

from nbops.errors import NotFoundError, StoreCorruptError, StoreError, UsageError
from nbops.store.blobs import Blobs, without_password


@pytest.fixture(params=["folder", "memory", "local"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = {
        "folder": str(tmp_path / "blobs"),
        "memory": f"memory://{uuid.uuid4().hex}/blobs",
        "local": f"file://{tmp_path}/far",
    }
    return Blobs(place[request.param])


def test_bytes_are_kept_under_their_hash(blobs: Blobs, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(data)

    digest = blobs.put(data)
    assert digest == hashlib.sha256(data).hexdigest() == blobs.put(data) == blobs.put_file(tmp_path / "file")
    assert blobs.get(digest) == data
    assert blobs.path(digest, verify=True).read_bytes() == data
    with blobs.open(digest) as opened:
        assert opened.read() == data
    assert blobs.size(digest) == len(data)
    assert list(blobs.list()) == [digest]


def test_a_file_is_kept_as_it_was_read(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert blobs.get(blobs.put_file(tmp_path / "file")) == b""
    with pytest.raises(NotFoundError, match="there is no file"):
        blobs.put_file(tmp_path / "none")


def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    digest = "0" * 64

    assert not blobs.has(digest)
    assert list(blobs.list()) == []
    blobs.delete(digest)
    for ask in (blobs.get, blobs.open, blobs.path, blobs.size):
        with pytest.raises(NotFoundError) as caught:
            ask(digest)
        assert caught.value.code == "blob_not_found"


def test_a_deleted_blob_is_gone(blobs: Blobs) -> None:
    digest = blobs.put(b"x")
    blobs.delete(digest)

    assert not blobs.has(digest)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "/.."])
def test_only_digests_become_paths(blobs: Blobs, digest: str) -> None:
    for ask in (blobs.get, blobs.path, blobs.has, blobs.delete):
        with pytest.raises(UsageError, match="64 hexadecimal digits"):
            ask(digest)


def test_damaged_bytes_are_refused(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"right")
    path = blobs.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"wrong")

    for ask in (lambda: blobs.get(digest), lambda: blobs.path(digest, verify=True)):
        with pytest.raises(StoreCorruptError, match=digest):
            ask()
    assert blobs.get(digest, verify=False) == b"wrong"


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where the folder should be")

    with pytest.raises(StoreError):
        Blobs(tmp_path / "blobs").put(b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs"]


def test_an_unknown_scheme_is_told() -> None:
    with pytest.raises(UsageError, match="no place for blobs"):
        Blobs("nowhere://x").put(b"x")


def test_passwords_are_never_shown() -> None:
    assert without_password("s3://key:se/c@ret@bucket/x") == "s3://key:***@bucket/x"
    assert without_password("postgresql://ada@host/db") == "postgresql://ada@host/db"
    assert Blobs("ftp://ada:s3cret@host/x").location == "ftp://ada:***@host/x"


def test_a_local_folder_needs_no_library(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom nbops.store.blobs import Blobs\n"
        f"b = Blobs({str(tmp_path)!r}); b.get(b.put(b'x'))\nprint('fsspec' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_blobs_of_s3(s3: S3) -> None:
    blobs = Blobs(f"{s3.address}/nbops")
    digest = blobs.put(b"figure" * 1000)
    assert blobs.get(digest) == blobs.path(digest).read_bytes() == b"figure" * 1000
    assert list(blobs.list()) == [digest]
    blobs.delete(digest)
    assert not blobs.has(digest)
    digest = blobs.put(b"again")
    assert blobs.put(b"again") == digest
    assert not blobs.sweep(digest, before=1.0)
    assert blobs.sweep(digest, before=time.time() + 60)
    assert list(blobs.list()) == []


def test_a_blob_is_swept_only_when_nobody_has_put_it_since(blobs: Blobs) -> None:
    digest = blobs.put(b"old")
    put_at = blobs.put_at(digest)
    assert put_at is not None

    assert not blobs.sweep(digest, before=put_at - 1)
    assert blobs.get(digest) == b"old"
    assert blobs.sweep(digest, before=put_at + 1)
    assert not blobs.has(digest)
    with pytest.raises(NotFoundError):
        blobs.put_at(digest)


def test_putting_again_makes_a_blob_young(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"old")
    os.utime(blobs.path(digest), (1.0, 1.0))
    assert blobs.put_at(digest) == 1.0

    blobs.put(b"old")
    assert not blobs.sweep(digest, before=1_000.0)
    assert blobs.get(digest) == b"old"


def test_a_remote_blob_that_is_old_is_sent_again(tmp_path: Path) -> None:
    blobs = Blobs(f"file://{tmp_path}")
    digest = blobs.put(b"old")
    (file,) = tmp_path.glob("??/??/*")
    os.utime(file, (1.0, 1.0))

    blobs.put(b"old")
    assert (blobs.put_at(digest) or 0) > 1_000_000


@pytest.mark.parametrize("scheme", ["", "file://"], ids=["folder", "remote"])
def test_halves_of_blobs_are_found_and_removed(tmp_path: Path, scheme: str) -> None:
    blobs = Blobs(f"{scheme}{tmp_path}")
    digest = blobs.put(b"whole")
    (whole,) = tmp_path.glob("??/??/*")
    half = whole.with_name(f".new-{digest[:6]}" if not scheme else f"{digest}.new-{digest[:6]}")
    half.write_bytes(b"1234")

    assert blobs.leftovers(before=half.stat().st_mtime - 1) == ()
    assert blobs.leftovers(before=half.stat().st_mtime + 1) == (4,)
    assert half.exists()
    assert blobs.leftovers(before=half.stat().st_mtime + 1, remove=True) == (4,)
    assert not half.exists()
    assert blobs.get(digest) == b"whole"


def test_what_a_killed_sweep_moved_aside_comes_back(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"old")
    path = blobs.path(digest)
    path.rename(path.with_name(f".gone-{digest}"))

    blobs.leftovers(before=0.0, remove=True)
    assert blobs.get(digest) == b"old"
