"""What is here, what is missing, and the command that cures it."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from nbops.errors import NbopsError
from nbops.progress import stage
from nbops.records import Secret
from nbops.settings import STORE_FOLDER, Settings, is_server, overshadowed

State = Literal["ok", "warning", "missing"]

_LIBRARIES = ("nbops", "ipython", "jupyterlab", "papermill", "pandas", "numpy", "scikit-learn")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    topic: str
    state: State
    message: str
    cure: str | None = None
    """The command that makes it well."""


def examine(settings: Settings) -> list[Finding]:
    """Look at everything nbops stands on.

    Args:
        settings: of the project to look at.

    Returns:
        Findings in the order a newcomer meets the parts; nothing is changed.
    """
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _versions, _project, _store, _blobs, _git, _kernels, _panel, _engines, _browser,
    )  # fmt: skip
    findings: list[Finding] = []
    with stage("Look at what nbops stands on", total=len(looks)) as now:
        for look in looks:
            findings.extend(look(settings))
            now.advance()
    return findings


def _versions(_: Settings) -> Iterator[Finding]:
    yield Finding(topic="python", state="ok", message=f"{platform.python_version()} at {sys.executable}")
    for name in _LIBRARIES:
        try:
            yield Finding(topic=name, state="ok", message=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(topic=name, state="missing", message="is not installed", cure=f"pip install {name}")


def _project(settings: Settings) -> Iterator[Finding]:
    below = overshadowed(Path(settings.root), Path.cwd())
    if below is None:
        yield Finding(topic="project", state="ok", message=settings.root)
        return
    yield Finding(
        topic="project",
        state="warning",
        message=f"{settings.root} has a .nbops, so what is recorded in {below} goes there as well",
        cure=f"mkdir {shlex.quote(str(below / STORE_FOLDER))}",
    )


def _store(settings: Settings) -> Iterator[Finding]:
    from nbops.store import open_store

    folder = settings.journal.parent
    if not settings.journal.exists():
        if folder != settings.folder and not folder.is_dir():
            yield Finding(
                topic="store",
                state="missing",
                message=f"the folder of the store is not there: {folder}",
                cure=f"mkdir -p {shlex.quote(str(folder))}",
            )
            return
        yield Finding(topic="store", state="ok", message=f"none yet; the first recorded cell makes {settings.journal}")
        if not is_server(settings.store):
            return
    try:
        store = open_store(settings, read_only=not is_server(settings.store))
    except NbopsError as error:
        yield Finding(topic="store", state="missing", message=error.message, cure=error.hint)
        return
    try:
        problems = store.check()
        size = settings.journal.stat().st_size
        sound = f"{store.location}, {size / 1e6:.1f} MB, sound"
        masked = store.count(Secret) if not problems else 0
        yield (
            Finding(topic="store", state="ok", message=sound)
            if not problems
            else Finding(
                topic="store",
                state="warning",
                message="; ".join(problems[:3]),
                cure=f"cp {settings.journal} {settings.journal}.damaged && sqlite3 {settings.journal}.damaged .recover",
            )
        )
        yield _secrets(settings, masked)
    except NbopsError as error:
        yield Finding(topic="store", state="missing", message=error.message, cure=error.hint)
    finally:
        store.close()
    if is_server(settings.store):
        yield _team_store(settings)


def _secrets(settings: Settings, masked: int) -> Finding:
    if not settings.masking:
        return Finding(
            topic="secrets",
            state="warning",
            message="are not masked: masking = false in the settings",
            cure="export NBOPS_MASKING=true",
        )
    return Finding(topic="secrets", state="ok", message=f"are masked before anything is written; {masked} so far")


def _team_store(settings: Settings) -> Finding:
    """The journal is well without it; whether the shared store answers is asked of itself."""
    from nbops.store.shared import open_shared

    try:
        shared = open_shared(settings.store, timeout_s=settings.connect_timeout_s)
    except NbopsError as error:
        return Finding(topic="team store", state="missing", message=error.message, cure=error.hint)
    try:
        return Finding(topic="team store", state="ok", message=f"{shared.location} answers")
    finally:
        shared.close()


def _blobs(settings: Settings) -> Iterator[Finding]:
    if "://" in settings.blobs:
        yield Finding(topic="blobs", state="ok", message=settings.blobs)
        return
    nearest = next(folder for folder in (Path(settings.blobs), *Path(settings.blobs).parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    yield Finding(
        topic="blobs",
        state="ok" if free > 1e9 else "warning",
        message=f"{settings.blobs}, {free / 1e9:.1f} GB free",
        cure=None if free > 1e9 else f"df -h {nearest}",
    )


def _git(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.root)
    if not shutil.which("git"):
        yield Finding(
            topic="git", state="warning", message="is not on PATH: runs have no commit", cure="apt-get install git"
        )
    elif any((above / ".git").exists() for above in (folder, *folder.parents)):
        yield Finding(topic="git", state="ok", message="commits are recorded with each run")
    else:
        yield Finding(
            topic="git",
            state="warning",
            message=f"{folder} is in no repository: runs have no commit",
            cure=f"git init {shlex.quote(str(folder))}",
        )


def _kernels(_: Settings) -> Iterator[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager

    names = sorted(KernelSpecManager().find_kernel_specs())
    if names:
        yield Finding(topic="kernels", state="ok", message=", ".join(names))
    else:
        yield Finding(
            topic="kernels",
            state="missing",
            message="no kernel spec is installed: notebooks cannot be retrained",
            cure="python -m ipykernel install --sys-prefix",
        )


def _panel(_: Settings) -> Iterator[Finding]:
    from jupyter_core.paths import jupyter_config_path, jupyter_path

    front = any(Path(folder, "labextensions", "nbops").exists() for folder in jupyter_path())
    server = any(Path(folder, "jupyter_server_config.d", "nbops.json").exists() for folder in jupyter_config_path())
    if front and server:
        yield Finding(topic="panel", state="ok", message="side panel and server part are installed")
        return
    absent = [name for name, here in (("side panel", front), ("server part", server)) if not here]
    yield Finding(
        topic="panel",
        state="missing",
        message=f"the {' and the '.join(absent)} of the JupyterLab extension cannot be found",
        cure="pip install --force-reinstall nbops",
    )


def _engines(settings: Settings) -> Iterator[Finding]:
    from nbops.deploy.engine import engine_named

    for name, well in (
        ("docker", f"answers and has {settings.base_image}"),
        ("process", "serves bundles on this machine"),
    ):
        problem = engine_named(name, settings).problem()
        yield Finding(
            topic=name,
            state="warning" if problem else "ok",
            message=problem.message if problem else well,
            cure=problem.hint if problem else None,
        )
    edge = shutil.which("haproxy")
    yield Finding(
        topic="haproxy",
        state="ok" if edge else "warning",
        message=edge or "is not on PATH: endpoints of the process engine have a direct address and swap with a pause",
        cure=None if edge else "apt-get install haproxy",
    )


def _browser(_: Settings) -> Iterator[Finding]:
    found = next((path for name in ("chromium", "google-chrome", "firefox") if (path := shutil.which(name))), None)
    yield Finding(
        topic="browser",
        state="ok" if found else "warning",
        message=found or "none on PATH; JupyterLab prints an address to open elsewhere",
        cure=None if found else "nbops lab --no-browser",
    )
