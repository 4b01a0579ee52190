"""Recorded calls on disk, and their replay by pytest in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from nbops.errors import ExtractError, NotFoundError
from nbops.extract.files import source_folder, write
from nbops.optional import need
from nbops.progress import Stage, stage

TOLERANCE = 1e-9

_EXTEND_PATH = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call as it happened."""

    id: str
    function: str
    arguments: str
    """sha256 of ``(args, kwargs)`` as they were before the call."""
    result: str | None
    raises: str | None = None
    """Name of the exception it raised."""
    random_state: str | None = None
    """sha256 of the generators' state before the call, when the call drew from them."""
    tolerance: float = TOLERANCE
    """Relative and absolute tolerance for floats."""
    changes_arguments: bool = False
    effects: list[str] = []
    """Files written, processes and connections seen during the call; such a call is not replayed."""
    run_id: str | None = None
    at: float


class TestReport(msgspec.Struct, frozen=True, kw_only=True):
    """What replaying a module's recorded calls gave."""

    module: str
    passed: int
    failed: list[str]
    """Ids of the calls that gave something else."""
    skipped: int
    output: str
    """What pytest wrote."""

    __test__ = False  # pytest takes classes called Test… for tests


def tests_folder(root: Path, module: str) -> Path:
    """The folder of a module's recorded calls."""
    return root / "tests" / "recorded" / module.replace(".", "_")


def test_file(root: Path, module: str) -> Path:
    """The pytest file that replays a module's recorded calls."""
    return root / "tests" / f"test_{module.replace('.', '_')}_recorded.py"


test_file.__test__ = False  # type: ignore[attr-defined] # a path, not a test, whatever pytest thinks of its name


def recorded_calls(root: Path, module: str) -> list[RecordedCall]:
    """List a module's recorded calls, oldest first.

    Raises:
        ExtractError: the file of calls was damaged.
    """
    path = tests_folder(root, module) / "calls.json"
    if not path.is_file():
        return []
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[RecordedCall])
    except msgspec.DecodeError as error:
        raise ExtractError(f"{path} cannot be read: {error}", hint=f"git checkout {path}") from error


def write_tests(root: Path, module: str) -> Path:
    """Write the pytest file that replays a module's recorded calls.

    Args:
        root: the project's folder.
        module: dotted name.

    Returns:
        Its path; the same bytes for the same module.
    """
    jinja2 = need("jinja2", to="write tests")
    template = Path(__file__).with_name("templates") / "test_recorded.py.jinja"
    environment = jinja2.Environment(keep_trailing_newline=True, undefined=jinja2.StrictUndefined)  # Python text
    text = environment.from_string(template.read_text("utf-8")).render(
        module=module, folder=f"recorded/{module.replace('.', '_')}"
    )
    path = test_file(root, module)
    if not path.is_file() or path.read_text("utf-8") != text:
        write(path, text.encode())
    return path


def run_tests(module: str, *, root: Path, source: str | None = None, timeout_s: float = 600.0) -> TestReport:
    """Replay a module's recorded calls with pytest, in a process of its own.

    Args:
        module: dotted name.
        root: the project's folder.
        source: a text of the module to try instead of the one on disk.
        timeout_s: after how many seconds the replay is given up.

    Returns:
        What passed, failed and was skipped, with pytest's words.

    Raises:
        NotFoundError: no calls were recorded.
        MissingError: pytest is not installed.
        ExtractError: pytest itself failed or took too long.
    """
    need("pytest", to=f"replay the recorded calls of {module}")
    path = test_file(root, module)
    if not path.is_file() or not recorded_calls(root, module):
        raise NotFoundError(
            f"no calls of {module} were recorded", hint=f"%nbops extract NAME --to {module} --with-tests"
        )
    with tempfile.TemporaryDirectory(prefix="nbops-test-") as folder, stage(f"Test {module}") as now:
        search = [
            *([_overlay(Path(folder), root, module, source)] if source is not None else []),
            source_folder(root),
            root,
        ]
        report = Path(folder) / "report.xml"
        done = _pytest(path, report, search, timeout_s, now)
        if not report.is_file() or done.returncode not in {0, 1, 5}:
            raise ExtractError(f"pytest ended with code {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return _read_report(module, report, done.stdout)


run_tests.__test__ = False  # type: ignore[attr-defined] # the same for this name


def _pytest(
    path: Path, report: Path, search: Sequence[Path], timeout_s: float, now: Stage
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "pytest", str(path), "-q", "--color=no", "-p", "no:cacheprovider", "-c", os.devnull,
        "--rootdir", str(path.parent), "--noconftest", f"--junitxml={report}",
    ]  # fmt: skip
    known = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, search), *known]), "MPLBACKEND": "agg"}
    env.pop("PYTEST_ADDOPTS", None)
    end = time.monotonic() + timeout_s
    now.say("replay the recorded calls in a process of their own")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            while time.monotonic() < end:
                with suppress(subprocess.TimeoutExpired):
                    told = process.communicate(timeout=0.5)
                    return subprocess.CompletedProcess(command, process.returncode, *told)
                # Whoever waits may end it here.
                now.advance(0)
        finally:
            process.kill()
    raise ExtractError(f"the recorded calls were not replayed within {timeout_s:g} s", code="tests_timeout")


def _overlay(folder: Path, root: Path, module: str, source: str) -> Path:
    """A source folder that holds one other text of the module and sees the rest of its package through."""
    real = source_folder(root)
    *packages, name = module.split(".")
    place = folder
    for depth, package in enumerate(packages, 1):
        place = place / package
        place.mkdir()
        own = real.joinpath(*packages[:depth]) / "__init__.py"
        text = own.read_text("utf-8") if own.is_file() else ""
        (place / "__init__.py").write_text(f"{text}\n{_EXTEND_PATH}")
    (place / f"{name}.py").write_text(source, "utf-8")
    pins = real.joinpath(*packages) / "_pins"
    if pins.is_dir():
        (place / "_pins").symlink_to(pins.absolute())
    return folder


def _read_report(module: str, report: Path, output: str) -> TestReport:
    failed: list[str] = []
    passed = skipped = 0
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 # written by our own child a moment ago
        name = case.get("name", "").partition("[")[2].rstrip("]")
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name or case.get("name", "the test file"))
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return TestReport(module=module, passed=passed, failed=failed, skipped=skipped, output=output)


def forget(root: Path, module: str, ids: Sequence[str]) -> None:
    """Drop recorded calls whose new results were accepted."""
    kept = [call for call in recorded_calls(root, module) if call.id not in set(ids)]
    write(tests_folder(root, module) / "calls.json", msgspec.json.format(msgspec.json.encode(kept)))
