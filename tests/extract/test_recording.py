"""Tests from calls that really happened."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from extract_sessions import namespace_of, ran

from nbops import extract
from nbops.errors import ExtractError, NotFoundError
from nbops.extract.replaying import test_file as path_of_tests
from nbops.progress import Stage, Stoppable, Stopped, watching
from nbops.records import ModuleVersion

Take = Callable[..., ModuleVersion]
SOURCE = (
    "import random\nimport pandas as pd\n"
    "def add(x, y=1):\n    if x < 0:\n        raise ValueError('negative')\n    return x + y\n"
    "def double(df):\n    return df.assign(b=df.a * 2.0)\n"
    "def draw(n):\n    return [random.random() for _ in range(n)]\n"
    "def save(path):\n    with open(path, 'w') as file:\n        file.write('x')\n"
    "def grow(items):\n    items.append(1)\n    return items\n"
)
NAMES = "add double draw save grow"


@pytest.fixture
def session(take: Take, root: Path) -> Iterator[tuple[dict[str, Any], extract.Recording]]:
    namespace = namespace_of(SOURCE)
    take(NAMES, cells=ran(SOURCE), namespace=namespace, with_tests=True)
    recording = extract.record(NAMES.split(), namespace=namespace, module="churn.features", root=root)
    yield namespace, recording
    recording.stop()


def test_calls_are_replayed_with_their_state_errors_and_tolerance(session: Any, root: Path, tmp_path: Path) -> None:
    import pandas as pd

    namespace, recording = session
    namespace["add"](1)
    with pytest.raises(ValueError, match="negative"):
        namespace["add"](-1)
    namespace["double"](pd.DataFrame({"a": [0.1, 2.0]}))
    random.seed(4)
    namespace["draw"](3)
    namespace["save"](str(tmp_path / "out.txt"))
    namespace["grow"]([0])

    calls = {(c.function, c.raises, c.random_state is not None, bool(c.effects), c.changes_arguments)
             for c in extract.recorded_calls(root, "churn.features")}  # fmt: skip
    assert calls == {
        ("add", None, False, False, False),
        ("add", "ValueError", False, False, False),
        ("double", None, False, False, False),
        ("draw", None, True, False, False),
        ("save", None, False, True, False),
        ("grow", None, False, False, True),
    }
    assert recording.notes == []
    report = extract.run_tests("churn.features", root=root)
    assert (report.passed, report.failed, report.skipped) == (5, [], 1), report.output


def test_recording_is_bounded_and_leaves_functions_as_they_were(session: Any, root: Path) -> None:
    namespace, recording = session
    for x in range(50):
        assert namespace["add"](x) == x + 1
        namespace["add"](x)
    assert namespace["add"].__name__ == "add"

    recording.stop()

    assert len(extract.recorded_calls(root, "churn.features")) == recording.limit
    assert not hasattr(namespace["add"], "_nbops_recording")


def test_what_is_too_large_or_cannot_be_kept_costs_only_the_recording(session: Any, root: Path) -> None:
    namespace, recording = session

    assert len(namespace["grow"](list(range(500_000)))) == 500_001
    assert namespace["grow"](items := [lambda: 1]) is items

    assert extract.recorded_calls(root, "churn.features") == []
    assert len(recording.notes) == 2


def test_a_cell_that_is_run_again_is_wrapped_again(session: Any, root: Path) -> None:
    namespace, recording = session
    namespace |= namespace_of(SOURCE)
    recording.renew()

    namespace["add"](5)

    assert len(extract.recorded_calls(root, "churn.features")) == 1


def test_in_a_session_recording_survives_running_the_cell_again(root: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "from nbops import extract\nshell = InteractiveShell.instance()\nroot = Path(sys.argv[1])\n"
        "cell = 'def add(x):\\n    return x + 1'\nshell.run_cell(cell)\n"
        "recording = extract.record(['add'], namespace=shell.user_ns, module='a.b', root=root)\n"
        "shell.run_cell(cell)\nshell.run_cell('y = add(1)')\nrecording.stop()\n"
        "shell.run_cell('z = add(2)')\nprint(len(extract.recorded_calls(root, 'a.b')))\n"
    )

    done = subprocess.run([sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True)

    assert done.stdout.split()[-1] == "1", done.stdout + done.stderr


def test_an_update_that_breaks_a_call_is_shown_and_replaces_nothing(session: Any, take: Take, root: Path) -> None:
    namespace, recording = session
    namespace["add"](1)
    recording.stop()
    changed = SOURCE.replace("return x + y", "return x + y + 1")
    options: dict[str, Any] = {"cells": ran(changed), "namespace": namespace_of(changed)}
    before = (root / "src/churn/features.py").read_bytes()

    with pytest.raises(ExtractError, match="result is 3, not 2"):
        take(NAMES, **options)
    assert (root / "src/churn/features.py").read_bytes() == before

    assert take(NAMES, **options, accept=True).version == "1.0.1"
    assert extract.recorded_calls(root, "churn.features") == []


def test_an_update_that_keeps_recorded_calls_is_written(session: Any, take: Take, root: Path) -> None:
    namespace, recording = session
    namespace["add"](1)
    recording.stop()
    changed = SOURCE.replace("return x + y", "return y + x")

    version = take(NAMES, cells=ran(changed), namespace=namespace_of(changed))

    assert version.version == "1.0.1"
    assert extract.run_tests("churn.features", root=root).passed == 1


def test_instances_of_the_notebooks_own_classes_are_found_in_the_module(take: Take, root: Path) -> None:
    source = "class Point:\n    def __init__(self, x): self.x = x\ndef moved(p): return Point(p.x + 1)"
    namespace = sys.modules["__main__"].__dict__
    exec(compile(source, "<cell>", "exec", dont_inherit=True), namespace)
    try:
        take("moved", cells=ran(source), namespace=namespace)
        recording = extract.record(["moved"], namespace=namespace, module="churn.features", root=root)
        namespace["moved"](namespace["Point"](3))
        assert extract.run_tests("churn.features", root=root).passed == 1, recording.notes
    finally:
        for name in ("Point", "moved"):
            namespace.pop(name)


def test_the_test_file_is_the_same_for_the_same_module(session: Any, take: Take, root: Path) -> None:
    path = path_of_tests(root, "churn.features")
    before = path.read_bytes()

    take(NAMES, cells=ran(SOURCE), with_tests=True)

    assert path.read_bytes() == before


def test_without_recorded_calls_there_is_nothing_to_test(root: Path) -> None:
    with pytest.raises(NotFoundError, match="--with-tests"):
        extract.run_tests("churn.features", root=root)


def test_replay_says_what_it_does_and_ends_when_somebody_asks_for_that(session: Any, root: Path) -> None:
    session[0]["add"](1)
    path_of_tests(root, "churn.features").write_text("import time\n\ndef test_long():\n    time.sleep(600)\n")
    told: list[tuple[str, str]] = []

    class Impatient:
        def began(self, stage: Stage) -> None:
            """A stage starts."""

        def moved(self, stage: Stage) -> None:
            told.append((stage.title, stage.note))
            if len(told) == 2:  # the process is there
                sink.stop()

        def ended(self, stage: Stage) -> None:
            """A stage is over."""

    sink = Stoppable(Impatient())
    with pytest.raises(Stopped), watching(sink):
        extract.run_tests("churn.features", root=root)

    assert told == [("Test churn.features", "replay the recorded calls in a process of their own")] * 2
