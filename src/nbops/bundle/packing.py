"""Making the folder that is served: everything one model needs, nothing else, named by its content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from pathlib import Path

import msgspec

from nbops.bundle.evidence import Evidence
from nbops.bundle.ladder import Climbed, climb
from nbops.bundle.registry import load
from nbops.bundle.requirements import SERVING, pins_of
from nbops.bundle.rung import packages_of
from nbops.errors import BundleError
from nbops.progress import stage
from nbops.records import Bundle, ModelVersion, new_id
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving.bundle import MODULES, open_bundle
from nbops_serving.manifest import FORMAT, MANIFEST, Dtype, Manifest, Policy, write_manifest
from nbops_serving.rungs import Original

EXAMPLE_ROWS = 5
PROFILE = "profile.json"
REQUIREMENTS = "requirements.txt"


def pack(
    version: ModelVersion,
    *,
    store: Store,
    blobs: Blobs,
    root: str | os.PathLike[str],
    policy: Policy | None = None,
    rung: str | None = None,
) -> Bundle:
    """Pack a version into a bundle under ``.nbops/bundles/<digest>/``.

    The same version always gives the same bundle; one that is there already is checked and used.

    Args:
        version: what to pack.
        store: where the bundle is recorded.
        blobs: where the model's bytes, sources, profile and evidence are.
        root: the project's folder.
        policy: what to do with unseen categories, numbers out of range and extra fields; all are accepted, counted
            and said when not given.
        rung: how it has to be computed; None takes the fastest rung whose answers are the same.

    Returns:
        The bundle, with the digest of its manifest.

    Raises:
        BundleError: the model cannot be read back, answers otherwise than it did in the notebook, or not at all on the
            rung that was asked for.
        UsageError: no rung has the name.
        NotFoundError: some of its bytes are gone.
    """
    with stage("Pack the model", total=3) as now:
        now.say("read it back")
        model = load(version, blobs)
        evidence = _evidence(version, blobs)
        now.advance(note="prove the fastest rung")
        start = _manifest(version, evidence, policy or Policy())
        climbed = climb(model, version, evidence, Original(model, start), start, rung=rung)
        now.advance(note=f"write it: {climbed.rung}")
        files = _files(version, climbed, blobs)
        manifest = _finished(start, version, climbed, files)
        bundle = _write(manifest, files, Path(root) / ".nbops" / "bundles", version, store)
        now.advance(note=f"{climbed.rung}, {bundle.size_bytes:,} bytes")
        return bundle


def manifest_of(version: ModelVersion, blobs: Blobs) -> Manifest:
    """What is known of a version before it is packed: enough to ask the model itself."""
    return _manifest(version, _evidence(version, blobs), Policy())


def _evidence(version: ModelVersion, blobs: Blobs) -> Evidence | None:
    if version.evidence_digest is None:
        return None
    return msgspec.msgpack.decode(blobs.get(version.evidence_digest), type=Evidence)


def _manifest(version: ModelVersion, evidence: Evidence | None, policy: Policy) -> Manifest:
    """Write what is known before a rung is chosen."""
    dtypes: list[Dtype] = evidence.dtypes if evidence else []
    answers = evidence.answers if evidence else None
    names = [column.name for column in version.signature.columns]
    rows = evidence.rows[:EXAMPLE_ROWS] if evidence else []
    refused = sorted(set(evidence.refused if evidence else []))
    return Manifest(
        format=FORMAT,
        model=version.model,
        version=version.number,
        model_version_id=version.id,
        run_id=version.run_id,
        created_at=version.created_at,
        flavour=version.flavour,
        rung="original",
        signature=version.signature,
        python=version.python,
        requirements=[],
        example=[dict(zip(names, row, strict=True)) for row in rows],
        expected=answers.predictions[:EXAMPLE_ROWS] if answers else [],
        files={},
        types=version.types,
        dtypes=dtypes,
        expected_probabilities=answers.probabilities[:EXAMPLE_ROWS] if answers else [],
        has_probabilities=bool(answers and answers.probabilities),
        policy=msgspec.structs.replace(policy, refused=refused),
    )


def _files(version: ModelVersion, climbed: Climbed, blobs: Blobs) -> dict[str, bytes]:
    files = dict(climbed.files)
    if climbed.rung == "original":
        files[_model_file(version)] = blobs.get(version.digest)
        files.update({f"{MODULES}/{path}": blobs.get(digest) for path, digest in version.sources.items()})
    if version.profile_digest is not None:
        files[PROFILE] = blobs.get(version.profile_digest)
    files[REQUIREMENTS] = "".join(f"{pin}\n" for pin in _requirements(version, climbed.rung)).encode()
    return files


def _model_file(version: ModelVersion) -> str:
    return f"model.{version.flavour}"


def _requirements(version: ModelVersion, rung: str) -> list[str]:
    """Pin what serves the bundle; the model's own packages stay as they were when it was registered."""
    pins = {pin.partition("==")[0]: pin for pin in pins_of([*SERVING, *packages_of(rung)])}
    if rung == "original":
        pins.update({pin.partition("==")[0]: pin for pin in version.requirements})
    return [pins[name] for name in sorted(pins)]


def _finished(start: Manifest, version: ModelVersion, climbed: Climbed, files: dict[str, bytes]) -> Manifest:
    is_original = climbed.rung == "original"
    modules = (
        {p.split("/", 1)[0].removesuffix(".py") for p in version.sources if p.endswith(".py")} if is_original else set()
    )
    return msgspec.structs.replace(
        start,
        rung=climbed.rung,
        requirements=_requirements(version, climbed.rung),
        files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        modules=sorted(modules),
        model_file=_model_file(version) if is_original else "",
        types=version.types if is_original else [],
        classes_follow_probabilities=climbed.classes_follow_probabilities,
        tolerance=climbed.tolerance,
        gate=climbed.gate,
    )


def _write(manifest: Manifest, files: dict[str, bytes], folder: Path, version: ModelVersion, store: Store) -> Bundle:
    data = write_manifest(manifest)
    digest = hashlib.sha256(data).hexdigest()
    place = folder / digest
    if not _is_there(place, digest):
        _write_folder(place, {MANIFEST: data, **files})
    known = store.find(Bundle, digest=digest, limit=1)
    if known and known[0].path == str(place):
        return known[0]
    bundle = Bundle(
        id=new_id(),
        model_version_id=version.id,
        digest=digest,
        path=str(place),
        rung=manifest.rung,
        requirements=manifest.requirements,
        size_bytes=len(data) + sum(len(content) for content in files.values()),
        created_at=time.time(),
    )
    store.put(bundle)
    return bundle


def _is_there(place: Path, digest: str) -> bool:
    """Whether the bundle is there and whole; a damaged one is removed, to be written again."""
    if not place.exists():
        return False
    try:
        open_bundle(place, digest=digest)
        with contextlib.suppress(PermissionError):
            os.utime(place)  # as good as new: it is not collected before its record is written
    except Exception:  # noqa: BLE001 - however it is damaged, the cure is to write it again
        shutil.rmtree(place, ignore_errors=True)
        return False
    return True


def _write_folder(place: Path, files: dict[str, bytes]) -> None:
    """Write all files beside the place and move the folder there: it is there whole, or not at all."""
    beside = place.with_name(f".{place.name}.{new_id()}")
    try:
        for name, content in files.items():
            file = beside / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        try:
            beside.rename(place)
        except OSError:
            if not place.is_dir():  # else another process has written the same bundle at the same time
                raise
    except OSError as error:
        raise BundleError(
            f"the bundle cannot be written to {place.parent}: {error.strerror or error}",
            code="bundle_not_written",
            hint=f"df -h {place.parent}",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
