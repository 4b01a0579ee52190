"""Recorded sessions and retrained notebooks run again in real kernels: what is equal, what differs, where and why."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import types
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.reproduce.conftest import Session, compared, verdicts

from nbops.errors import ConflictError, MissingError, NbopsError, NotFoundError, UsageError
from nbops.records import Artifact, Environment, ModuleVersion, Reproduction, Run, new_id
from nbops.retrain import run_notebook

pytestmark = pytest.mark.kernel

TRAINING = (
    "import numpy as np, pandas as pd",
    "from sklearn.linear_model import LogisticRegression",
    "df = pd.read_csv('data.csv')",
    "model = LogisticRegression().fit(df[['a', 'b']], df['y'])",
    "accuracy = model.score(df[['a', 'b']], df['y'])\nnbops.log_metric('accuracy', accuracy + df['b'].mean())",
)


def write_data(folder: Path, shift: int = 0) -> None:
    rows = [f"{i},{(i * 7 + shift) % 11},{int((i * 3) % 5 > 2)}" for i in range(60)]
    (folder / "data.csv").write_text("a,b,y\n" + "\n".join(rows))


def test_a_seeded_session_comes_out_equal_and_is_marked_reproduced(session: Session) -> None:
    write_data(session.folder)
    session.cells(*TRAINING, "np.random.seed(0)\nnoise = np.random.rand(3)", "nbops.log_metric('noise', noise.sum())")
    session.cells("for step in range(3):\n    nbops.log_metric('loss', 1 / (step + 1), step=step)")
    assert session.workspace.lineage(session.run_id, metric="accuracy").reasons == []

    made = session.reproduce()

    assert (made.verdict, made.differs_in, made.causes, made.error) == ("equal", "", [], None)
    assert verdicts(made, "metric") == {
        "training_score": "equal", "accuracy": "equal", "noise": "equal", "loss": "equal"
    }  # fmt: skip
    assert [one.step for one in made.compared if one.name == "loss"] == [0, 1, 2]
    assert verdicts(made, "variable") == {
        "df": "equal", "model": "equal", "accuracy": "equal", "noise": "equal", "step": "equal"
    }  # fmt: skip
    origin = session.workspace.lineage(session.run_id, metric="accuracy")
    assert (origin.verdict, origin.reproduction_id) == ("reproduced", made.id)
    assert session.workspace.store.get(Reproduction, made.id) == made
    rerun = session.workspace.store.get(Run, made.rerun_id)
    assert (rerun.status, rerun.cause, rerun.tags) == ("finished", "reproduction", {"reproduces": session.run_id})
    again = session.executions(made.rerun_id)
    assert [cell.source for cell in again] == [cell.source for cell in session.executions()]
    assert [cell.cell_id for cell in again] == [cell.cell_id for cell in session.executions()]
    assert session.workspace.store.resolve(Run, "last").id == session.run_id


def test_one_metric_runs_only_the_cells_that_lead_to_it(session: Session) -> None:
    write_data(session.folder)
    session.cells(*TRAINING, "slow = sum(range(10))", "nbops.log_metric('other', slow)")

    made = session.reproduce(metric="accuracy")

    assert (made.verdict, made.metric) == ("equal", "accuracy")
    assert verdicts(made, "metric") == {"training_score": "equal", "accuracy": "equal"}
    assert made.cells == 6  # the imports, reading, fitting, scoring
    origin = session.workspace.lineage(session.run_id, metric="other")
    assert origin.verdict == "clean"


def test_unseeded_random_numbers_differ_and_the_cell_that_draws_them_is_named(session: Session) -> None:
    session.cells("import numpy as np", "size = 4", "noise = np.random.rand(size)")
    session.cells("score = float(noise.sum())\nnbops.log_metric('score', score)")

    made = session.reproduce()

    drawing = session.executions()[-2]
    assert (made.verdict, made.differs_at) == ("different", drawing.id)
    assert made.differs_in == f"In [{drawing.execution_count}]"
    assert made.causes[0] == f"{made.differs_in} draws from numpy's random numbers, which nobody has seeded"
    assert verdicts(made, "variable") == {"size": "equal", "noise": "different", "score": "different"}
    assert session.workspace.lineage(session.run_id, metric="score").verdict == "tainted"


def test_a_generator_without_a_seed_is_named_by_its_call(session: Session) -> None:
    session.cells("import numpy as np", "rng = np.random.default_rng()\nx = rng.random()")

    made = session.reproduce()

    assert made.verdict == "different"
    assert made.causes[0].endswith("draws random numbers without a seed (default_rng())")


def test_a_changed_data_file_is_refused_before_anything_starts_and_is_the_cause_when_it_runs(session: Session) -> None:
    write_data(session.folder)
    session.cells(*TRAINING)
    runs = session.workspace.store.count(Run)
    write_data(session.folder, shift=3)

    with pytest.raises(ConflictError, match=r"input data\.csv: recorded [0-9a-f]{16}, now [0-9a-f]{16}") as refused:
        session.reproduce()

    assert refused.value.hint is not None
    assert refused.value.hint.endswith("--anyway")
    assert session.workspace.store.count(Run) == runs
    made = session.reproduce(anyway=True)
    assert (made.verdict, made.differs_in) == ("different", "In [5]")
    assert made.causes[0].startswith("input data.csv is another one now")
    (session.folder / "data.csv").unlink()
    with pytest.raises(ConflictError, match=r"input data\.csv: recorded [0-9a-f]{16}, now not there"):
        session.reproduce(metric="accuracy")


def test_a_file_is_taken_from_the_commit_that_had_it_as_it_was(session: Session) -> None:
    def git(*words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *identity, *words], cwd=session.folder, check=True, capture_output=True)

    write_data(session.folder)
    git("init")
    git("add", "data.csv")
    git("commit", "-m", "data")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=session.folder, check=True, capture_output=True, text=True
    )
    session.cells(*TRAINING)
    session.end()
    session.workspace.store.update(Run, session.run_id, git_commit=commit.stdout.strip())
    write_data(session.folder, shift=3)

    assert session.reproduce(metric="accuracy").verdict == "equal"


def test_the_recorded_version_of_a_module_is_loaded_though_its_file_changed_since(session: Session) -> None:
    source = "FACTOR = 2\n\ndef scaled(x):\n    return x * FACTOR\n"
    version = ModuleVersion(
        id=new_id(), module="churning.features", version="1.0.0", digest=hashlib.sha256(source.encode()).hexdigest(),
        path="churning/features.py", source=source, definitions=[], provenance="live", created_at=time.time(),
    )  # fmt: skip
    session.workspace.store.put(version)
    package = session.folder / "churning"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "features.py").write_text(source)
    session.cells("from churning.features import scaled", "nbops.log_metric('scaled', scaled(21))")
    (package / "features.py").write_text(source.replace("2", "3"))

    made = session.reproduce()

    assert (made.verdict, verdicts(made, "metric")) == ("equal", {"scaled": "equal"})
    (module,) = [
        one for one in session.workspace.store.get(Run, made.rerun_id).modules if one.name.endswith("features")
    ]
    assert module.version_id == version.id
    assert "3" in (package / "features.py").read_text()


def test_a_module_that_cannot_be_had_as_it_was_is_refused_and_named(session: Session) -> None:
    (session.folder / "helping.py").write_text("def f(x):\n    return x + 1\n")
    session.cells("import helping", "nbops.log_metric('f', helping.f(1))")
    (session.folder / "helping.py").write_text("def f(x):\n    return x + 2\n")

    with pytest.raises(ConflictError, match=r"module helping: recorded [0-9a-f]{16}, now"):
        session.reproduce()

    made = session.reproduce(anyway=True)
    assert (made.verdict, compared(made, "f").reproduced) == ("different", "3.0")
    assert made.causes[0].startswith("module helping is another one now")


def test_cells_run_in_the_order_they_ran_and_as_often_with_the_text_of_each_time(session: Session) -> None:
    session.cells("x = 1", "x = x * 10", "y = x", "x = x + 5", "x = x * 10", "nbops.log_metric('x', x * 1000 + y)")

    made = session.reproduce(metric="x")

    assert (made.verdict, compared(made, "x").recorded) == ("equal", "150010.0")
    assert [cell.source for cell in session.executions(made.rerun_id)] == [
        "import nbops", "x = 1", "x = x * 10", "y = x", "x = x + 5", "x = x * 10", "nbops.log_metric('x', x * 1000 + y)"
    ]  # fmt: skip


def test_what_the_run_writes_stays_away_from_the_users_files(session: Session, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.txt"
    (session.folder / "kept.txt").write_text("0")
    session.cells(
        "import os\nfrom pathlib import Path",
        "n = int(Path('kept.txt').read_text()) + 1",
        "size = Path('kept.txt').write_text(str(n))",
        f"Path({str(session.folder / 'absolute.txt')!r}).write_text('absolute ' + str(n))",
        "os.makedirs('made', exist_ok=True)\nsize = Path('made/new.txt').write_text('new')",
        f"size = Path({str(elsewhere)!r}).write_text('new')",
        f"back = Path({str(session.folder / 'absolute.txt')!r}).read_text()",
    )
    for path in (session.folder / "kept.txt", session.folder / "absolute.txt", session.folder / "made" / "new.txt"):
        path.write_text(f"mine: {path.name}")
    elsewhere.write_text("mine")
    (session.folder / "kept.txt").write_text("0")

    made = session.reproduce()

    assert made.error is None
    assert {one.name: one.verdict for one in made.compared if one.kind == "cell"} == {}
    assert verdicts(made, "variable") == {"n": "equal", "size": "equal", "back": "equal"}
    assert (session.folder / "kept.txt").read_text() == "0"
    assert (session.folder / "absolute.txt").read_text() == "mine: absolute.txt"
    assert (session.folder / "made" / "new.txt").read_text() == "mine: new.txt"
    assert elsewhere.read_text() == "mine"
    assert list((session.folder / ".nbops" / "reproductions").iterdir()) == []


def test_files_outside_are_neither_removed_nor_renamed(session: Session) -> None:
    mine = session.folder / "mine.txt"
    mine.write_text("mine")
    session.cells(f"import os\ntry:\n    os.rename({str(mine)!r}, 'taken.txt')\nexcept PermissionError:\n    pass")
    mine.write_text("mine again")

    session.reproduce(anyway=True)

    assert mine.read_text() == "mine again"


def test_a_named_part_is_reproduced_with_its_own_metrics(session: Session) -> None:
    session.cells("depth = 3", "with nbops.run('part') as part:\n    nbops.log_metric('m', depth * 2)")
    part = session.workspace.store.resolve(Run, "part")

    made = session.reproduce(part.id, metric="m")

    assert (made.run_id, made.verdict, compared(made, "m").run) == (part.id, "equal", "part")
    assert session.workspace.lineage(part.id, metric="m").verdict == "reproduced"
    assert session.workspace.store.resolve(Run, "part") == part
    (again,) = session.workspace.store.find(Run, parent_id=made.rerun_id)
    assert (again.name, again.cause) == ("part (reproduced)", "reproduction")


def test_a_registered_model_is_compared_and_no_version_is_added(session: Session) -> None:
    write_data(session.folder)
    session.cells(*TRAINING, "version = nbops.log_model(model, name='churn', sample=df[['a', 'b']])")

    made = session.reproduce("churn@1")

    assert verdicts(made, "model") == {"churn@1": "equal"}
    assert made.verdict == "equal"
    assert [version.number for version in session.workspace.models()] == [1]
    assert session.workspace.lineage("churn@1").verdict == "reproduced"


def test_a_metric_within_tolerance_is_neither_equal_nor_different(session: Session) -> None:
    session.cells(
        "import os", "x = 1.0 + (1e-12 if 'NBOPS_REPRODUCES' in os.environ else 0)", "nbops.log_metric('x', x)"
    )

    assert session.reproduce().verdict == "within tolerance"
    made = session.reproduce(tolerance=0.0)
    assert (made.verdict, made.differs_in) == ("different", "In [4]")
    assert made.causes == ["the order of sets was random: PYTHONHASHSEED was not set when it ran first"]


def test_measured_times_are_never_compared(session: Session) -> None:
    session.cells("import time\nstarted = time.time()", "took = time.time() - started")
    session.cells("nbops.log_metric('took', took)\nnbops.log_metric('fit_time', 3.2)\nx = 1")

    made = session.reproduce()

    assert verdicts(made) == {"x": "equal"}


def test_a_cell_that_fails_only_now_is_where_it_first_differs(session: Session) -> None:
    session.cells("import os", "assert 'NBOPS_REPRODUCES' not in os.environ, 'only once'", "nbops.log_metric('m', 1)")

    made = session.reproduce()

    assert (made.verdict, made.differs_in) == ("missing", "In [4]")
    assert compared(made, "In [4]").reproduced == "AssertionError: only once"
    assert made.error is not None
    assert made.error.name == "AssertionError"
    assert verdicts(made, "metric") == {"m": "missing"}


def test_a_cell_that_had_failed_fails_again_and_the_rest_runs(session: Session) -> None:
    session.cells("x = 1", "1 / 0", "def broken(:", "nbops.log_metric('x', x)")

    made = session.reproduce()

    assert (made.verdict, made.left_out) == ("equal", ["In [5]: it could not be parsed, so nothing of it ran"])
    assert (made.error, made.differs_in) == (None, "")
    assert session.workspace.store.get(Run, made.rerun_id).status == "finished"


def test_pages_that_differ_in_drawn_ids_alone_are_equal(session: Session) -> None:
    page = "<div id='sk-container-id-7'>LogisticRegression</div>"
    session.cells(
        "import os; from IPython.display import HTML; was = 'NBOPS_REPRODUCES' not in os.environ",
        f'text = "{page}"\nHTML(text if was else text.replace("id-7", "id-1"))',
        'HTML(text if was else text.replace("Logistic", "Linear"))',
    )

    made = session.reproduce()

    assert [(one.cell, one.verdict) for one in made.compared if one.kind == "artifact"] == [
        ("In [4]", "equal"),
        ("In [5]", "different"),
    ]


def test_what_verbs_have_shown_is_not_compared(session: Session) -> None:
    session.cells("%load_ext nbops", "%nbops cells", "%nbops tag last stage=draft", "nbops.log_metric('x', 1)")
    shown = session.workspace.store.find(Artifact, run_id=session.run_id, kind="output")
    assert len(shown) == 2

    made = session.reproduce()

    assert (made.verdict, made.differs_in, verdicts(made, "artifact")) == ("equal", "", {})


def test_names_from_before_recording_are_refused_with_their_names(session: Session) -> None:
    session.ip.run_cell("early = 5", store_history=False)
    session.cells("late = early + 1")

    with pytest.raises(ConflictError, match="made before recording began: early"):
        session.reproduce()


def test_secrets_that_are_nowhere_are_refused_with_their_variables(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.cells("token = nbops.secret('3f2a9c1d0b7e') if False else 'x'")

    with pytest.raises(MissingError, match="3f2a9c1d0b7e") as refused:
        session.reproduce()

    assert "NBOPS_SECRET_3F2A9C1D0B7E" in (refused.value.hint or "")
    monkeypatch.setenv("NBOPS_SECRET_3F2A9C1D0B7E", "open sesame")
    assert session.reproduce().error is None


def test_verbs_that_change_something_are_left_out_and_nothing_is_deployed(session: Session) -> None:
    session.cells("%load_ext nbops", "x = 1", "%nbops tag last stage=draft", "nbops.log_metric('x', x)")

    made = session.reproduce()

    assert made.verdict == "equal"
    assert session.workspace.store.get(Run, made.rerun_id).tags == {"reproduces": session.run_id}
    said = [cell.outputs.text for cell in session.executions(made.rerun_id) if cell.outputs]
    assert "left out in a reproduction: nbops tag\n" in said


def test_another_version_of_a_package_is_named(session: Session) -> None:
    session.cells("import numpy as np, os", "x = np.arange(3) + (1 if 'NBOPS_REPRODUCES' in os.environ else 0)")
    session.end()
    run = session.run()
    assert run.environment_id is not None
    store = session.workspace.store
    environment = store.get(Environment, run.environment_id)
    older = Environment(
        id="e" * 32, python=environment.python, platform=environment.platform, created_at=1.0,
        packages=environment.packages | {"numpy": "1.0.0"}, variables=environment.variables,
        machine=environment.machine,
    )  # fmt: skip
    store.put(older)
    store.update(Run, run.id, environment_id=older.id)

    made = session.reproduce()

    assert made.verdict == "different"
    assert f"package numpy was 1.0.0 and is {environment.packages['numpy']}" in made.causes
    assert [one.what for one in made.discrepancies if one.what.startswith("package")] == ["package numpy"]


def test_the_order_of_a_set_is_the_cause_where_no_hash_seed_was_set(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.cells("words = list({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'})")
    monkeypatch.setenv("PYTHONHASHSEED", "0")

    made = session.reproduce()

    assert made.verdict == "different"
    assert made.causes[0] == "the order of sets was random: PYTHONHASHSEED was not set when it ran first"


def test_recorded_variables_and_thread_counts_are_those_of_the_kernel(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.cells("import os", "seen = [os.environ.get(name) for name in ('TZ', 'OMP_NUM_THREADS', 'PYTHONHASHSEED')]")
    session.end()
    store, run = session.workspace.store, session.run()
    assert run.environment_id is not None
    environment = store.get(Environment, run.environment_id)
    store.put(
        Environment(
            id="f" * 32, python=environment.python, platform=environment.platform, created_at=1.0,
            packages=environment.packages, machine=environment.machine,
            variables={"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"},
        )
    )  # fmt: skip
    store.update(Run, run.id, environment_id="f" * 32)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    made = session.reproduce()

    rerun = store.get(Run, made.rerun_id)
    assert rerun.environment_id is not None
    variables = store.get(Environment, rerun.environment_id).variables
    assert (variables["TZ"], variables["PYTHONHASHSEED"]) == ("Asia/Tokyo", "7")
    assert "OMP_NUM_THREADS" not in variables


def test_a_retrained_notebook_is_reproduced_with_its_parameters(session: Session) -> None:
    node = nbformat.v4.new_notebook()
    node.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "python3"}
    node.cells = [
        nbformat.v4.new_code_cell("lr = 0.1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import nbops, random\nrandom.seed(1)\nnbops.log_metric('m', lr + random.random())"),
    ]
    folder = session.folder / "books"
    folder.mkdir()
    nbformat.write(node, folder / "train.ipynb")
    workspace = session.workspace
    done = run_notebook(
        folder / "train.ipynb", store=workspace.store, settings=workspace.settings, parameters={"lr": 0.5}
    )
    assert workspace.store.get(Run, done.id).cwd == "books"

    made = session.reproduce(done.id)

    assert (made.verdict, verdicts(made, "metric")) == ("equal", {"m": "equal"})
    assert workspace.store.params(made.rerun_id) == {"lr": 0.5}


def needed_by_a_kernel() -> dict[str, str]:
    """What a kernel with our recorder needs, as it is installed here."""
    found: dict[str, str] = {}
    pending = ["ipykernel", "msgspec", "xxhash", "detect-secrets", "click"]
    while pending:
        name = canonicalize_name(pending.pop())
        if name in found:
            continue
        found[name] = metadata.version(name)
        needed = map(Requirement, metadata.requires(name) or [])
        pending += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture
def odd_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of which this environment has version 1.0 and a folder of wheels has 2.0 as well."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "nbops_odd_part-2.0-py3-none-any.whl", "w") as wheel:
        about = "nbops_odd_part-2.0.dist-info"
        wheel.writestr("nbops_odd_part.py", "VALUE = 2\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: nbops-odd-part\nVersion: 2.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, str(folder))
    site = tmp_path / "site"
    site.mkdir()
    (site / "nbops_odd_part.py").write_text("VALUE = 1\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    return site


def test_the_recorded_environment_is_built_again_and_kept(
    session: Session, odd_part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nbops_odd_part", types.SimpleNamespace(VALUE=2))
    session.cells("import nbops_odd_part", "nbops.log_metric('value', nbops_odd_part.VALUE)")
    session.end()
    store, run = session.workspace.store, session.run()
    assert run.environment_id is not None
    recorded = msgspec.structs.replace(
        store.get(Environment, run.environment_id), id="a" * 32,
        packages=needed_by_a_kernel() | {"nbops-odd-part": "2.0", "nbops": "0.0.1"},
    )  # fmt: skip
    store.put(recorded)
    store.update(Run, run.id, environment_id=recorded.id)

    here, there = session.reproduce(), session.reproduce(env=True)

    assert (here.verdict, here.environment) == ("different", "this")
    assert (there.verdict, there.environment) == ("equal", "rebuilt")
    assert [one.what for one in there.discrepancies if one.what.startswith("package ")] == []
    built = session.folder / ".nbops" / "environments" / recorded.id
    before = (built / "requirements.txt").stat().st_mtime_ns
    assert session.reproduce(env=True).verdict == "equal"
    assert (built / "requirements.txt").stat().st_mtime_ns == before


def test_a_package_that_cannot_be_had_is_told_before_anything_runs(session: Session) -> None:
    session.cells("x = 1")
    session.end()
    store, run = session.workspace.store, session.run()
    assert run.environment_id is not None
    recorded = msgspec.structs.replace(
        store.get(Environment, run.environment_id), id="b" * 32, packages={"no-such-package-of-nbops": "1.0"}
    )
    store.put(recorded)
    store.update(Run, run.id, environment_id=recorded.id)

    with pytest.raises(NbopsError, match=r"(?s)the recorded packages cannot be had:.*no-such-package-of-nbops"):
        session.reproduce(env=True)
    store.put(msgspec.structs.replace(recorded, python="9.9.1"))
    with pytest.raises(MissingError, match=r"recorded under Python 9\.9\.1, and no Python 9\.9 is here"):
        session.reproduce(env=True)
    assert store.find(Reproduction) == []


def test_a_script_has_no_cells_to_run_again(session: Session) -> None:
    run = Run(id=new_id(), name="train.py", kind="named", started_at=1.0, status="finished")
    session.workspace.store.put(run)

    with pytest.raises(UsageError, match=r"train\.py was logged by a script"):
        session.reproduce(run.id)
    empty = Run(id=new_id(), name="empty", kind="session", started_at=1.0, status="finished")
    session.workspace.store.put(empty)
    with pytest.raises(NotFoundError, match="no recorded cell can be run again"):
        session.reproduce(empty.id)


def reproducing(session: Session) -> subprocess.Popen[bytes]:
    """Start a reproduction in a process of its own, and wait until its kernel runs a cell."""
    command = [sys.executable, "-m", "nbops", "reproduce", session.run_id]
    started = subprocess.Popen(command, cwd=session.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert started.poll() is None
        if list((session.folder / ".nbops" / "reproductions").glob("*/tree/**/reached.txt")):
            return started
        time.sleep(0.1)
    raise AssertionError("the reproduction never reached its cell")


SLOW = (
    "import os, time\nif 'NBOPS_REPRODUCES' in os.environ:\n    open('reached.txt', 'w').close()\n    time.sleep(600)"
)


def test_a_reproduction_that_is_killed_leaves_the_store_and_the_project_whole(session: Session) -> None:
    session.cells("x = 1", SLOW, "nbops.log_metric('x', x)")
    running = reproducing(session)
    running.kill()
    running.wait()

    store = session.workspace.store
    assert store.check() == []
    assert store.find(Reproduction) == []
    assert len(session.executions()) == 5
    assert not (session.folder / "reached.txt").exists()
    assert len(list((session.folder / ".nbops" / "reproductions").iterdir())) == 1
    made = session.reproduce(metric="x")  # the slow cell is no part of it, and what was left is cleared away
    assert made.verdict == "equal"
    assert list((session.folder / ".nbops" / "reproductions").iterdir()) == []


def test_a_reproduction_is_cancelled_from_another_process(session: Session) -> None:
    session.cells("x = 1", SLOW, "nbops.log_metric('x', x)")
    running = reproducing(session)
    (run,) = [one for one in session.workspace.store.find(Run, status="running") if one.cause == "reproduction"]

    session.workspace.cancel(run.id)

    running.wait(timeout=60)
    (made,) = session.workspace.store.find(Reproduction)
    assert made.verdict == "cancelled"
    assert session.workspace.store.get(Run, run.id).status == "cancelled"


def test_the_shell_says_it_and_fails_where_it_differs(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.cells("import os", "nbops.log_metric('m', int('NBOPS_REPRODUCES' in os.environ))")
    session.end()
    command = [sys.executable, "-m", "nbops", "reproduce", session.run_id, "--metric", "m"]

    said: Any = subprocess.run(command, cwd=session.folder, capture_output=True, text=True, env=dict(os.environ))

    assert said.returncode == 1
    assert "different" in said.stdout
    assert "Traceback" not in said.stderr
