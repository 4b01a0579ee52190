"""An installable wheel of a package that nbops wrote, pinned to the libraries its versions were made with."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from packaging.version import Version

from nbops.errors import ConflictError, ExtractError, NotFoundError
from nbops.extract.emit import imported_modules
from nbops.extract.files import source_folder
from nbops.extract.replaying import test_file, tests_folder
from nbops.extract.versions import current, history
from nbops.optional import need
from nbops.progress import stage
from nbops.records import Environment, ModuleVersion, Run
from nbops.source.writing import write_whole
from nbops.store.interface import Store

# 2020-01-01: archives carry times, and a fixed one gives the same bytes for the same content on every day.
_EPOCH = "1577836800"


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What a build made."""

    name: str
    version: str
    wheel: str
    sdist: str
    requirements: list[str]


def build_wheel(
    package: str,
    *,
    store: Store,
    root: Path,
    out: Path | None = None,
    version: str | None = None,
    overwrite: bool = False,
) -> Built:
    """Build an installable wheel, and a source distribution with the recorded tests, of a package.

    Args:
        package: the top-level package or module, such as ``churn``.
        store: the project's store.
        root: the project's folder.
        out: where the files go; ``dist`` in the project when not given.
        version: the wheel's version; that of its newest module version when not given, with a hash of the content
            behind it when the package has several modules.
        overwrite: whether modules whose files were edited may be packed as they are.

    Returns:
        The files and the pinned requirements.

    Raises:
        NotFoundError: nbops wrote no module of that package.
        ConflictError: a module's file was edited since its version.
        MissingError: hatchling is not installed.
        ExtractError: the build failed.
    """
    need("hatchling", to=f"build a wheel of {package}")
    versions = _versions(package, store, root, overwrite=overwrite)
    number = version or _number(versions)
    requirements = requirements_of(versions, store)
    out = out or root / "dist"
    with (
        stage(f"Build {package} {number}", total=2) as now,
        tempfile.TemporaryDirectory(prefix="nbops-build-") as folder,
    ):
        now.say("lay out the project")
        project = Path(folder)
        _lay_out(project, package, versions, root, number, requirements)
        now.advance(note="build")
        built = _build(project, project / "dist")
        for path in built:
            write_whole(out / path.name, path.read_bytes())
        placed = {path.suffix: out / path.name for path in built}
        now.advance()
    return Built(
        name=package, version=number, wheel=str(placed[".whl"]), sdist=str(placed[".gz"]), requirements=requirements
    )


def _versions(package: str, store: Store, root: Path, *, overwrite: bool) -> list[ModuleVersion]:
    names = sorted({v.module for v in store.find(ModuleVersion) if v.module.partition(".")[0] == package})
    if not names:
        raise NotFoundError(f"nbops wrote no module of a package {package!r}", hint="nbops modules")
    held: list[ModuleVersion] = []
    for name in names:
        version, state = current(store, root, name)
        if state == "missing":
            continue
        if state == "edited" and not overwrite:
            raise ConflictError(
                f"{name} was edited since its version was written", hint=f"nbops diff {name}, then nbops pull {name}"
            )
        held.append(version or history(store, name)[0])
    _refuse_other_packages(package, held, store)
    if not held:
        raise NotFoundError(f"the files of {package} are gone", hint=f"nbops rollback {names[0]}")
    return held


def _refuse_other_packages(package: str, held: Sequence[ModuleVersion], store: Store) -> None:
    """A package of this project is on no index: pinned by name, somebody else's might be installed in its place."""
    own = {version.module.partition(".")[0] for version in store.find(ModuleVersion)} - {package}
    for version in held:
        for other in sorted(own & set(imported_modules(version.source))):
            raise ConflictError(
                f"{version.module} imports {other}, another package of this project, which a wheel of {package} lacks",
                code="other_package",
                hint=f"take what it needs of {other} into {package}: nbops extract NAME --to {package}.MODULE",
            )


def _number(versions: Sequence[ModuleVersion]) -> str:
    highest = max(versions, key=lambda v: Version(v.version)).version
    if len(versions) == 1:
        return highest
    digest = hashlib.sha256("".join(sorted(v.digest for v in versions)).encode()).hexdigest()
    return f"{highest}+{digest[:8]}"


def requirements_of(versions: Sequence[ModuleVersion], store: Store) -> list[str]:
    """Pin the distributions that modules import to what the recorded environment had.

    Args:
        versions: the modules.
        store: where their runs' environments are.

    Returns:
        ``name==version``, sorted; a version from this process where none was recorded.
    """
    distributions = importlib.metadata.packages_distributions()
    pins: dict[str, str] = {}
    for version in versions:
        recorded = _recorded_packages(version, store)
        for module in imported_modules(version.source):
            for name in distributions.get(module, []):
                found = recorded.get(name.lower().replace("_", "-"))
                pins[name] = found or importlib.metadata.version(name)
    own = {version.module.partition(".")[0] for version in versions}
    return sorted(f"{name}=={number}" for name, number in pins.items() if name not in own)


def _recorded_packages(version: ModuleVersion, store: Store) -> Mapping[str, str]:
    if version.run_id is None:
        return {}
    try:
        run = store.get(Run, version.run_id)
        packages = store.get(Environment, run.environment_id).packages if run.environment_id else {}
    except NotFoundError:
        return {}  # the run was deleted; the versions of this process are the next best
    return {name.lower().replace("_", "-"): number for name, number in packages.items()}


def _lay_out(
    project: Path, package: str, versions: Sequence[ModuleVersion], root: Path, number: str, requirements: Sequence[str]
) -> None:
    real = source_folder(root)
    if (real / package).is_dir():
        source = package
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.tmp")
        shutil.copytree(real / package, project / package, ignore=ignored)
        (project / package / "py.typed").touch()
    else:
        source = f"{package}.py"
        shutil.copy2(real / source, project / source)
    (project / "tests").mkdir()
    for version in versions:
        tests = test_file(root, version.module)
        if tests.is_file():
            shutil.copy2(tests, project / "tests" / tests.name)
            recorded = tests_folder(root, version.module)
            shutil.copytree(recorded, project / "tests" / "recorded" / recorded.name)
    jinja2 = need("jinja2", to="write a project file")
    template = Path(__file__).with_name("templates") / "pyproject.toml.jinja"
    environment = jinja2.Environment(autoescape=False, keep_trailing_newline=True)  # TOML through tojson
    text = environment.from_string(template.read_text("utf-8")).render(
        name=package,
        version=number,
        description=f"{', '.join(v.module for v in versions)}: taken from a notebook by nbops",
        python=f">={sys.version_info.major}.{sys.version_info.minor}",
        requirements=requirements,
        source=source,
    )
    (project / "pyproject.toml").write_text(text, "utf-8")


def _build(project: Path, out: Path) -> list[Path]:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)],
        cwd=project,
        env={"SOURCE_DATE_EPOCH": _EPOCH, "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    built = sorted(out.glob("*")) if out.is_dir() else []
    if done.returncode != 0 or len(built) != 2:
        raise ExtractError(f"hatchling could not build {project.name}: {done.stderr.strip()[-1000:]}")
    return built
