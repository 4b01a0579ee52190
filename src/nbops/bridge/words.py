"""The same things in the words of both: names, statuses, tags and plain values, as pure functions."""

from __future__ import annotations

import ast
import hashlib
import math
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from nbops.records import Run, RunStatus

RUN_ID, STATE, SWEEP_ID, HOLDS = "nbops.run_id", "nbops.state", "nbops.sweep_id", "nbops.holds"
"""Tags of an MLflow run: which run it is here, how far it was told, whose sweep it stands for, whose files it keeps."""
VERSION_ID, VERSION = "nbops.model_version_id", "nbops.version"
"""Tags of a registered version: which one it is here, and its number here."""
MLFLOW_ID, MLFLOW_EXPERIMENT = "mlflow.run_id", "mlflow.experiment"
"""Tags of a run here that came from MLflow: which run it is there, and in which experiment."""

MOST_TAG, MOST_VALUE, MOST_NAME = 5_000, 6_000, 250
"""What MLflow holds of a tag's value, a parameter's value and any name; older servers take 5,000 of a tag."""
MOST_METRICS, MOST_PARAMS = 999, 100
"""How many MLflow takes in one call; one of its thousand is kept for the tag that says how far we are."""

_OUT: dict[str, str] = {
    "running": "RUNNING", "finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED", "cancelled": "KILLED",
}  # fmt: skip
_IN: dict[str, RunStatus] = {
    "RUNNING": "running", "SCHEDULED": "running", "FINISHED": "finished", "FAILED": "failed", "KILLED": "interrupted",
}  # fmt: skip
# MLflow's databases have no infinity: it keeps the largest number in its place.
_LARGEST = 1.7976931348623157e308
_BAD = re.compile(r"[^/\w.\- :]")
_BAD_PART = re.compile(r"[^\w.\- ()+=,@]")
# Tags that are fields of a run here, or only of use to MLflow's own clients.
_FIELDS = {
    "mlflow.runName", "mlflow.user", "mlflow.note.content", "mlflow.source.git.commit", "mlflow.source.git.branch",
    "mlflow.parentRunId", RUN_ID, STATE, SWEEP_ID, HOLDS, MLFLOW_ID, MLFLOW_EXPERIMENT,
}  # fmt: skip


def status_out(status: RunStatus) -> str:
    """MLflow's word for a status; what it has no word for is KILLED."""
    return _OUT[status]


def status_in(status: str, *, known: RunStatus | None = None) -> RunStatus:
    """Our word for a status.

    Args:
        status: MLflow's.
        known: what the run was here before it went there: MLflow's KILLED is two of ours.
    """
    return known if known is not None and _OUT[known] == status else _IN.get(status, "failed")


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """Give each name one that MLflow takes, itself where it does; two never get the same.

    Example:
        >>> safe_names(["loss", "f1[0]", "f1(0)"])
        {'loss': 'loss', 'f1(0)': 'f1_0_', 'f1[0]': 'f1_0__2'}
    """
    named = sorted(names)
    found = {name: name for name in named if _safe(name) == name}
    taken = set(found)
    for name in named:
        if name in found:
            continue
        plain = _safe(name)
        choice, number = plain, 1
        while choice in taken:
            number += 1
            choice = f"{plain[: MOST_NAME - 6]}_{number}"
        found[name] = choice
        taken.add(choice)
    return found


def _safe(name: str) -> str:
    # MLflow also refuses what would mean another place as a path.
    plain = posixpath.normpath(_BAD.sub("_", name)[:MOST_NAME]).lstrip("/")
    return "_" + plain.lstrip("./") if plain in ("", ".") or plain.startswith("..") else plain


def safe_path(name: str, taken: dict[str, bool]) -> str:
    """Give an artifact a path that MLflow takes and that no other of its run has.

    Args:
        name: the artifact's name, which may be any text.
        taken: paths that were given before, and whether each is a folder; the new ones are added.

    Example:
        >>> taken = {}
        >>> [safe_path(name, taken) for name in ("plots", "plots/a.png", "/etc/../x?", "nbops/run.json")]
        ['plots', 'plots_2/a.png', '_etc/_/x_', '_nbops/run.json']
    """
    parts = [_BAD_PART.sub("_", part)[:200] for part in name.replace("\\", "/").split("/")]
    first, *rest = [part if part.strip(". ") else "_" for part in parts if part not in ("", ".")] or ["_"]
    if name.startswith("/") or first.lower() == "nbops":
        first = f"_{first}"
    choice, number = [first, *rest], 1
    while not _is_free(choice, taken):
        number += 1
        choice = [f"{first}_{number}", *rest]
    for depth in range(1, len(choice)):
        taken["/".join(choice[:depth])] = True
    path = "/".join(choice)
    taken[path] = False
    return path


def _is_free(parts: list[str], taken: dict[str, bool]) -> bool:
    above = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
    return "/".join(parts) not in taken and all(taken.get(folder, True) for folder in above)


def value_in(value: float) -> float:
    """A metric's value, with infinities where MLflow's databases kept the largest number instead.

    Example:
        >>> value_in(1.7976931348623157e308), value_in(0.5)
        (inf, 0.5)
    """
    return math.copysign(math.inf, value) if abs(value) >= _LARGEST else value


def param_in(text: str) -> str | int | float | bool | None:
    """Read a parameter, which MLflow keeps as text: a number, truth or None only where its text is exactly that.

    Example:
        >>> param_in("4"), param_in("0.10"), param_in("True"), param_in("adam")
        (4, '0.10', True, 'adam')
    """
    if len(text) > 40:
        return text
    if text in ("nan", "inf", "-inf"):
        return float(text)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    plain = value is None or isinstance(value, bool | int | float)
    return value if plain and str(value) == text else text


def tags_out(run: Run, *, parent: str | None) -> dict[str, str]:
    """The tags that say in MLflow what fields say here, and the run's own tags.

    Args:
        run: which run.
        parent: MLflow's id of the run that this one is a part of.
    """
    fields = {
        RUN_ID: run.id,
        "mlflow.runName": run.name[:MOST_NAME],
        "mlflow.user": run.user,
        "mlflow.note.content": run.note,
        "mlflow.source.git.commit": run.git_commit or "",
        "mlflow.source.git.branch": run.git_branch or "",
        "mlflow.parentRunId": parent or "",
    }
    if run.notebook is not None:
        fields |= {"mlflow.source.name": run.notebook, "mlflow.source.type": "NOTEBOOK"}
    own = {name: value for name, value in run.tags.items() if name not in _FIELDS}
    names = safe_names(own)
    return {
        "mlflow.source.type": "LOCAL",
        **{names[name]: value[:MOST_TAG] for name, value in own.items()},
        **{name: value[:MOST_TAG] for name, value in fields.items() if value},
    }


def tags_in(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of an MLflow run that are not fields of a run here."""
    is_field = {"mlflow.source.type": tags.get("mlflow.source.type") in ("NOTEBOOK", "LOCAL")}
    is_field["mlflow.source.name"] = _notebook(tags) is not None
    return {name: value for name, value in tags.items() if name not in _FIELDS and not is_field.get(name, False)}


def _notebook(tags: Mapping[str, str]) -> str | None:
    source = tags.get("mlflow.source.name", "")
    is_one = source.endswith(".ipynb") or (source != "" and tags.get("mlflow.source.type") == "NOTEBOOK")
    return source if is_one else None


def fields_in(tags: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a run that MLflow keeps as tags."""
    return {
        "user": tags.get("mlflow.user", ""),
        "note": tags.get("mlflow.note.content", ""),
        "notebook": _notebook(tags),
        "git_commit": tags.get("mlflow.source.git.commit") or None,
        "git_branch": tags.get("mlflow.source.git.branch") or None,
    }


def id_of(at_ms: int, *names: str) -> str:
    """Make the id of something that came from elsewhere: the same at every import, and sorted by its time.

    Args:
        at_ms: when it began, in milliseconds since the epoch.
        names: what tells it from others, such as the id it has there.

    Returns:
        A UUIDv7 as 32 hexadecimal digits.

    Example:
        >>> id_of(1_700_000_000_000, "a") == id_of(1_700_000_000_000, "a") < id_of(1_700_000_000_001, "a")
        True
    """
    noise = int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:10], "big")
    milliseconds = max(0, min(at_ms, (1 << 48) - 1))
    return f"{milliseconds << 80 | 0x7 << 76 | (noise >> 64 & 0xFFF) << 64 | 0b10 << 62 | noise & (1 << 62) - 1:032x}"


def is_id(text: str) -> bool:
    """Whether a text from elsewhere can be an id or a digest of ours.

    Example:
        >>> is_id("01981a2b" * 4), is_id("../../etc")
        (True, False)
    """
    return re.fullmatch(r"[0-9a-f]{16,64}", text) is not None


def milliseconds(at: float | None) -> int | None:
    """A time as MLflow has it; half a millisecond is the most that is lost."""
    return None if at is None else round(at * 1000)
