"""Writing the folder: graph, signature, example rows, runners; proven as a whole before it is in its place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from nbops.bundle.evidence import Answers, Evidence
from nbops.bundle.export import NoExportError, export
from nbops.bundle.packing import manifest_of
from nbops.bundle.portable.precision import TOLERANCES, Precision, stored_as
from nbops.bundle.portable.runtime import FOLDER, runtime_files
from nbops.bundle.registry import load
from nbops.bundle.requirements import pins_of
from nbops.errors import BundleError, ConflictError
from nbops.progress import stage
from nbops.records import ModelVersion
from nbops.store.blobs import Blobs
from nbops_serving.manifest import Column

FORMAT = 1
EXAMPLE_ROWS = 20
EDGE_ROWS = 20
NEEDED = ("numpy", "onnxruntime")
"""What the Python runner imports."""
GRAPH, SIGNATURE, EXAMPLES = "model.onnx", "signature.json", "examples.json"
_FILES = Path(__file__).with_name("files")
_PROVING_S = 600


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was written as a folder, and what was measured of it."""

    path: str
    model: str
    """The version: ``churn@3``."""
    format: str
    precision: str
    size_bytes: int
    """Of the graph alone."""
    float32_bytes: int
    """Of the graph in single precision."""
    folder_bytes: int
    """Of all files, the page's runtime included."""
    peak_memory_bytes: int | None
    """The most memory the runner's process held in its self-test: Python, onnxruntime and the model; None where the
    system does not say."""
    rows: int
    """How many rows were compared with the notebook's answers."""
    worst: float
    """Largest difference seen."""
    tolerance: float
    has_page: bool
    """Whether there is a page for browsers."""


class _Contract(msgspec.Struct, frozen=True, kw_only=True):
    """``signature.json``: what the runners know of the model."""

    format: int
    model: str
    version: int
    model_version_id: str
    run_id: str | None
    precision: str
    size_bytes: int
    tolerance: float
    spread: float
    """Largest less smallest of the notebook's answers, where they are numbers."""
    columns: list[dict[str, Any]]
    output: str
    classes: list[str | int | float | bool] | None
    has_probabilities: bool
    refused: list[str]
    """Columns whose unseen categories the model has no answer for."""


class _Examples(msgspec.Struct, frozen=True):
    """``examples.json``: rows with the notebook's answers."""

    rows: list[dict[str, Any]]
    predictions: list[Any]
    probabilities: list[list[float]]


class _Proof(msgspec.Struct, frozen=True):
    """What the runner's self-test says."""

    rows: int
    differ: int
    worst: float | None
    worst_row: int
    tolerance: float
    peak_memory_bytes: int | None


@dataclass(frozen=True)
class _Draft:
    """Everything that is known before a file is written."""

    version: ModelVersion
    evidence: Evidence
    precision: Precision
    graph: bytes
    float32_bytes: int
    contract: _Contract

    @property
    def name(self) -> str:
        return f"{self.version.model}@{self.version.number}"


def export_folder(
    version: ModelVersion,
    out: str | os.PathLike[str],
    *,
    blobs: Blobs,
    precision: Precision = "float32",
    tolerance: float | None = None,
    page: bool = True,
    overwrite: bool = False,
) -> Exported:
    """Write a model as a folder that answers without nbops.

    Args:
        version: what to export; it was registered with a sample of its training data.
        out: the folder; it appears when it is whole and proven.
        blobs: where the model and the notebook's answers are kept.
        precision: how tables of weights are stored: ``float32``, ``float16`` or ``int8``.
        tolerance: largest difference from the notebook's answers that is allowed; that of the precision when not given.
        page: whether to write the page for browsers, with onnxruntime-web (about 14 MB).
        overwrite: whether an earlier export in the same place may go.

    Returns:
        What was written and measured.

    Raises:
        BundleError: the model has no ONNX form, gives other answers in it, or there are no rows to prove it on.
        ConflictError: something is in the place already.
        MissingError: onnxruntime-web did not come with this installation.
    """
    target = Path(out)
    _check_place(target, overwrite=overwrite)
    runtime = runtime_files() if page else []
    with stage(f"Export {version.model}@{version.number}", total=3) as now:
        now.say("write it as ONNX")
        draft = _drafted(version, blobs, precision, TOLERANCES[precision] if tolerance is None else tolerance)
        now.advance(note="prove it on the notebook's answers")
        with tempfile.TemporaryDirectory(dir=_made(target.parent), prefix=f".{target.name}.") as beside:
            folder = Path(beside) / "export"
            _write(folder, draft, runtime)
            proof = _proven(folder, draft)
            now.advance(note=f"measure it: {len(draft.graph):,} bytes")
            peak = _self_test(folder, folder / EXAMPLES, draft).peak_memory_bytes
            exported = _exported(target, folder, draft, proof, peak, has_page=page)
            (folder / "README.md").write_text(_readme(exported, draft), "utf-8")
            _put(folder, target)
        now.advance(note=f"{exported.rows:,} rows, at most {exported.worst:.1e} apart")
    return exported


def _check_place(target: Path, *, overwrite: bool) -> None:
    if not target.exists():
        return
    is_ours = target.is_dir() and (target / GRAPH).is_file() and (target / SIGNATURE).is_file()
    if is_ours and overwrite:
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    raise ConflictError(
        f"{target} is there already" + ("" if is_ours else ", and it is no exported model"),
        code="place_taken",
        hint="add --overwrite" if is_ours else "-o ANOTHER",
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _drafted(version: ModelVersion, blobs: Blobs, precision: Precision, tolerance: float) -> _Draft:
    name = f"{version.model}@{version.number}"
    if version.evidence_digest is None:
        raise BundleError(
            f"{name} was registered without a sample of its training data, so nothing can prove an export of it",
            code="no_training_rows",
            hint=f"nbops.log_model(model, name={version.model!r}, sample=X_train)",
        )
    evidence = msgspec.msgpack.decode(blobs.get(version.evidence_digest), type=Evidence)
    try:
        whole = export(load(version, blobs), version.signature, name=version.model)
        graph = stored_as(whole, precision)
    except NoExportError as error:
        raise _refused(name, version.model, precision, error) from error
    manifest = manifest_of(version, blobs)
    contract = _Contract(
        format=FORMAT,
        model=version.model,
        version=version.number,
        model_version_id=version.id,
        run_id=version.run_id,
        precision=precision,
        size_bytes=len(graph),
        tolerance=tolerance,
        spread=_spread(evidence.answers),
        columns=[_column(column) for column in version.signature.columns],
        output=version.signature.output,
        classes=version.signature.classes,
        has_probabilities=manifest.has_probabilities,
        refused=manifest.policy.refused,
    )
    return _Draft(version, evidence, precision, graph, len(whole), contract)


def _refused(name: str, model: str, precision: str, error: NoExportError) -> BundleError:
    if precision != "float32" and "nothing to hold" in str(error):
        return BundleError(
            f"{name} does not become smaller: {error}",
            code="precision_useless",
            hint=f"nbops export {name} --precision float32",
        )
    said = str(error)
    hint = "pip install 'nbops[onnx]'" if "nbops[onnx]" in said else f"nbops deploy {name}  # as it is, behind HTTP"
    return BundleError(f"{name} has no ONNX form here: {said}", code="no_onnx", hint=hint)


def _column(column: Column) -> dict[str, Any]:
    return {**msgspec.to_builtins(column), "optional": column.optional}


def _spread(answers: Answers) -> float:
    """How far the notebook's answers lie apart: what a difference of two numbers is measured by."""
    flat = [value for one in answers.predictions for value in (one if isinstance(one, list) else [one])]
    numbers = [value for value in flat if isinstance(value, int | float) and value == value]
    return float(max(numbers) - min(numbers)) if numbers else 0.0


def _write(folder: Path, draft: _Draft, runtime: list[Path]) -> None:
    """Write everything but the README, which tells what is measured of the rest."""
    folder.mkdir()
    (folder / GRAPH).write_bytes(draft.graph)
    (folder / SIGNATURE).write_bytes(_json(draft.contract))
    (folder / EXAMPLES).write_bytes(_json(_examples(draft, EXAMPLE_ROWS, EDGE_ROWS)))
    pins = [pin for pin in pins_of(NEEDED) if pin.partition("==")[0] in NEEDED]
    (folder / "requirements.txt").write_text("".join(f"{pin}\n" for pin in pins), "utf-8")
    shutil.copyfile(_FILES / "predict.py", folder / "predict.py")
    if not runtime:
        return
    shutil.copyfile(_FILES / "index.html", folder / "index.html")
    shutil.copytree(_FILES / "browser", folder / "browser")
    (folder / "browser" / FOLDER).mkdir()
    for file in runtime:
        shutil.copyfile(file, folder / "browser" / FOLDER / file.name)


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _examples(draft: _Draft, rows: int | None, edges: int | None) -> _Examples:
    evidence = draft.evidence
    names = [column.name for column in draft.version.signature.columns]
    parts = [(evidence.rows[:rows], evidence.answers), (evidence.edges[:edges], evidence.edge_answers)]
    return _Examples(
        rows=[dict(zip(names, row, strict=True)) for some, _ in parts for row in some],
        predictions=[one for some, answers in parts for one in answers.predictions[: len(some)]],
        probabilities=[one for some, answers in parts for one in answers.probabilities[: len(some)]],
    )


def _proven(folder: Path, draft: _Draft) -> _Proof:
    """Let the exported runner answer every row that is known, and refuse what differs."""
    known = _examples(draft, None, None)
    place = folder.with_name("proof.json")
    place.write_bytes(_json(known))
    proof = _self_test(folder, place, draft)
    if not proof.differ:
        return proof
    worst = "" if proof.worst is None else f", the largest difference is {proof.worst:.3g}"
    reduced = draft.precision != "float32"
    hint = f"nbops export {draft.name} --precision float32" if reduced else f"nbops deploy {draft.name}"
    if proof.worst is not None:
        hint = (
            f"nbops export {draft.name} --tolerance {proof.worst * 1.05:.2g}  # if that is close enough; else: {hint}"
        )
    raise BundleError(
        f"{draft.name} answers {proof.differ:,} of {proof.rows:,} rows otherwise as {draft.precision} ONNX: more than "
        f"{draft.contract.tolerance:g} apart{worst} (row {json.dumps(known.rows[proof.worst_row], default=str)[:200]})",
        code="answers_differ",
        hint=hint,
    )


def _self_test(folder: Path, examples: Path, draft: _Draft) -> _Proof:
    """Start the runner as whoever gets the folder does."""
    command = [sys.executable, str(folder / "predict.py"), "--self-test", str(examples)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PROVING_S, env=environment)
    try:
        return msgspec.json.decode(done.stdout, type=_Proof)
    except msgspec.DecodeError as error:
        said = " ".join((done.stderr.strip() or "nothing").splitlines()[-1:])
        raise BundleError(
            f"{draft.name} cannot answer its own example rows as ONNX: {said[:300]}",
            code="export_fails",
            hint=f"nbops deploy {draft.name}  # as it is, behind HTTP",
        ) from error


def _exported(
    target: Path, folder: Path, draft: _Draft, proof: _Proof, peak: int | None, *, has_page: bool
) -> Exported:
    return Exported(
        path=str(target),
        model=draft.name,
        format="onnx",
        precision=draft.precision,
        size_bytes=len(draft.graph),
        float32_bytes=draft.float32_bytes,
        folder_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        peak_memory_bytes=peak,
        rows=proof.rows,
        worst=proof.worst or 0.0,
        tolerance=proof.tolerance,
        has_page=has_page,
    )


def _readme(exported: Exported, draft: _Draft) -> str:
    import jinja2

    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - Markdown
    template = environment.from_string((_FILES / "README.md.jinja").read_text("utf-8"))
    example: Mapping[str, Any] = _examples(draft, 1, 0).rows[0]
    return template.render(
        msgspec.structs.asdict(exported),
        name=draft.name,
        type_name=draft.version.type_name,
        page=exported.has_page,
        example=json.dumps(example, ensure_ascii=False),
    )


def _put(folder: Path, target: Path) -> None:
    """Put the folder in its place; an earlier export there goes only when this one is whole."""
    if target.exists():
        shutil.rmtree(target)
    folder.rename(target)
