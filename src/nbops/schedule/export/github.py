"""A workflow of GitHub Actions, written into the repository; GitHub starts it once it is pushed."""

from __future__ import annotations

import sys
from pathlib import Path

from nbops.errors import ScheduleError
from nbops.records import Schedule
from nbops.schedule.export.timer import Installed, Timer, render, unit_name, whole_minutes

_LONGEST_MINUTES = 360
"""GitHub ends a job after six hours."""


def files(timer: Timer) -> dict[str, str]:
    """The workflow, by file name."""
    schedule = timer.schedule
    if schedule.conditions and not timer.is_shared:
        raise ScheduleError(
            "what a condition has seen before is kept in the store, which a runner of GitHub does not have",
            code="store_not_shared",
            hint="export NBOPS_STORE=postgresql://…",
        )
    root, repository = Path(timer.root), _repository(Path(timer.root))
    minutes = _LONGEST_MINUTES if timer.longest_s is None else min(whole_minutes(timer.longest_s), _LONGEST_MINUTES)
    text = render(
        "github.yml.j2",
        name=f"nbops: {schedule.name}",
        group=timer.name,
        cron=timer.clock.cron,
        timezone=schedule.timezone,
        minutes=minutes,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        folder=root.relative_to(repository).as_posix() if root != repository else None,
        install=_install(root, schedule),
        command=["nbops", "fire", schedule.id] if timer.is_shared else retrain(schedule),
        is_shared=timer.is_shared,
        secrets=timer.secrets,
        parallel=schedule.overlap == "allow",
    )
    return {f"{timer.name}.yml": text}


def retrain(schedule: Schedule) -> list[str]:
    """The same without a store that knows the schedule: everything it says stands in the command."""
    words = ["nbops", "retrain", "--name", schedule.name, "--again", "--retries", str(schedule.retries)]
    for name, value in schedule.params.items():
        words += ["-p", f"{name}={value}"]
    if schedule.timeout_s is not None:
        words += ["--timeout", f"{schedule.timeout_s:g}"]
    if schedule.kernel is not None:
        words += ["--kernel", schedule.kernel]
    if schedule.runner != "local":
        words += ["--runner", schedule.runner]
    if schedule.scheduler is not None:
        words += ["--scheduler", schedule.scheduler]
    for path in schedule.ship:
        words += ["--ship", path]
    for channel in schedule.notify:
        words += ["--notify", channel]
    return [*words, "--", schedule.notebook]


def install(timer: Timer) -> Installed:
    """Write the workflow into the repository."""
    folder = _workflows(Path(timer.root))
    paths = []
    for name, text in files(timer).items():
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            raise ScheduleError(f"{path} cannot be written: {error.strerror}", hint=f"ls -ld {folder}") from error
        paths.append(str(path))
    notes = ["commit and push it to the default branch; GitHub may start it some minutes late"]
    notes += [f"gh secret set {name}" for name in timer.secrets]
    if not timer.is_shared:
        notes.append("each run's store and notebook are kept as the workflow's artifact; a shared store keeps them all")
    return Installed(target="github", paths=paths, notes=notes)


def remove(schedule: Schedule, root: Path) -> list[str]:
    """Remove the workflow from the working copy."""
    path = _workflows(root) / f"{unit_name(schedule)}.yml"
    if not path.exists():
        return [f"{path} is not there"]
    path.unlink()
    return [f"removed {path}; commit and push that"]


def _workflows(root: Path) -> Path:
    return _repository(root) / ".github" / "workflows"


def _repository(root: Path) -> Path:
    """The nearest folder upwards with ``.git``; the project itself where there is none yet."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _install(root: Path, schedule: Schedule) -> list[str]:
    # Those that come with nbops have their library as the extra of their name; others are the project's to require.
    extra = f"[{schedule.runner}]" if schedule.runner in ("dask", "ray") else ""
    words = ["python", "-m", "pip", "install", f"nbops{extra}"]
    if (root / "requirements.txt").is_file():
        return [*words, "-r", "requirements.txt"]
    return [*words, "."] if _is_package(root) else words


def _is_package(root: Path) -> bool:
    path = root / "pyproject.toml"
    return path.is_file() and any(line.strip() == "[project]" for line in path.read_text("utf-8").splitlines())
