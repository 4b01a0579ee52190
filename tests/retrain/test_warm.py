"""Warm kernels: equal to cold ones in all that a notebook can see, isolated from each other, and never in the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import executed_notebooks
import pytest

from nbops.records import Fit, Run
from nbops.retrain import sweep
from nbops.retrain.warm import key, provisioner, wire
from nbops.settings import Settings
from nbops.store.interface import Store

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks kernels; elsewhere they are cold"),
]


@pytest.fixture(scope="module")
def runtime() -> Generator[Path]:
    """A folder of zygotes of our own; they end with the tests."""
    folder = Path(tempfile.mkdtemp(prefix="nbw-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        yield folder
        provisioner.stop_all()
        deadline = time.monotonic() + 20
        while list(folder.glob("nbops/*.sock")) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = list(folder.glob("nbops/*.sock"))
        shutil.rmtree(folder)
        assert not left, "a zygote did not end when it was asked to"


@pytest.fixture
def run(run: Any, runtime: Path) -> Any:
    """Runs whose zygotes are this test's own."""
    return run


def printed(run: Run) -> str:
    assert (run.status, run.error) == ("finished", None)
    return executed_notebooks.printed(run)


def zygotes() -> set[int]:
    """Processes that are zygotes of this test's folder, by their listening sockets."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().split(b"\0")
            environ = (process / "environ").read_bytes()
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        is_ours = os.environ["XDG_RUNTIME_DIR"].encode() in environ
        if b"nbops.retrain.warm.zygote" in line and is_ours and parent == 1:
            found.add(int(process.name))
    return found


SURROUNDINGS = """
import json, os, re, resource, signal, sys, threading, __main__
umask = os.umask(0)
os.umask(umask)
ours = ("nbops-surroundings",)  # there for a moment after the start
told_anew = ("NBOPS_RUN", "NBOPS_INPUTS", "JPY_PARENT_PID")
signals = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)
limits = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
handles = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
print(json.dumps({
    "path": sys.path, "argv": sys.argv[:2] + sys.argv[3:], "cwd": os.getcwd(), "executable": sys.executable,
    "flags": str(sys.flags), "main": __main__.__name__, "umask": umask, "warnings": sys.warnoptions,
    "env": {name: value for name, value in os.environ.items() if name not in told_anew},
    "signals": [re.sub("0x[0-9a-f]+", "", str(signal.getsignal(number))) for number in signals],
    "limits": [resource.getrlimit(getattr(resource, name)) for name in limits],
    "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
    "threads": sorted(re.sub(r"-\\d+", "", thread.name) for thread in threading.enumerate() if thread.name not in ours),
    "leads": os.getsid(0) == os.getpid() == os.getpgid(0),
    "hash": hash("nbops"), "parent_is_told": os.environ["JPY_PARENT_PID"] == str(os.getppid()),
    "files": sorted({os.path.basename(path) for path in handles if os.path.isfile(path)}),
}))
"""


def test_a_warm_kernel_sees_what_a_cold_one_sees(run: Any, write_notebook: Any) -> None:
    notebook = write_notebook("import numpy, pandas\n" + SURROUNDINGS)

    warm, cold = (json.loads(printed(run(notebook, cold=cold))) for cold in (False, True))

    assert {n: (warm[n], cold[n]) for n in warm if warm[n] != cold[n]} == {}


METRICS = """
import numpy as np, pandas as pd
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
import hashlib
X, y = make_classification(1500, 12, random_state=0)
frame = pd.DataFrame(X, columns=sorted({f"c{i}" for i in range(12)}))
models = {
    "gradient": GradientBoostingClassifier(n_estimators=10, random_state=0),
    "histogram, OpenMP": HistGradientBoostingClassifier(max_iter=10, random_state=0),
    "logistic, BLAS": LogisticRegression(max_iter=50),
    "forest, threads": RandomForestClassifier(10, n_jobs=2, random_state=0),
}
for name, model in models.items():
    scores = model.fit(frame, y).predict_proba(frame)[:, 1]
    print(name, repr(roc_auc_score(y, scores)), hashlib.sha256(scores.tobytes()).hexdigest())
print(hashlib.sha256(KMeans(4, n_init=2, random_state=0).fit(X).cluster_centers_.tobytes()).hexdigest())
print(hashlib.sha256((X.T @ X).tobytes()).hexdigest())
"""


def test_metrics_of_a_warm_run_are_equal_to_the_last_bit(run: Any, write_notebook: Any) -> None:
    notebook = write_notebook(METRICS)

    warm, again, cold = (printed(run(notebook, cold=cold)) for cold in (False, False, True))

    assert len(warm.splitlines()) == 6
    assert warm == cold == again


RECORDED = """
import mine, numpy as np
from sklearn.linear_model import LogisticRegression
X = np.arange(40.0).reshape(20, 2)
first = LogisticRegression().fit(X, [0, 1] * 10)
second = mine.Own().fit(X, [0, 1] * 10)
"""
MINE = """
from sklearn.base import BaseEstimator, ClassifierMixin
class Own(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = [0, 1]
        return self
"""


def test_a_warm_run_records_what_a_cold_one_records(run: Any, store: Store, write_notebook: Any, project: Path) -> None:
    (project / "mine.py").write_text(MINE)
    notebook = write_notebook(RECORDED)
    seen = []
    for cold in (False, True):
        done = store.get(Run, run(notebook, cold=cold).id)
        fits = {(fit.name, fit.type_name) for fit in store.find(Fit, run_id=done.id)}
        seen.append((fits, [(module.name, module.path) for module in done.modules], done.thread_pools))

    assert seen[0] == seen[1]
    assert len(seen[0][2]) > 0
    assert {name for name, _ in seen[0][0]} == {"first", "second"}
    assert seen[0][1] == [("mine", "mine.py")]


def test_a_warm_kernel_has_little_memory_of_its_own(run: Any, write_notebook: Any) -> None:
    own = (
        "status = open('/proc/self/smaps_rollup').read().splitlines()\n"
        "print(sum(int(line.split()[1]) for line in status if line.startswith('Private')) // 1024)"
    )

    notebook = write_notebook("import pandas\n" + RECORDED.split("second")[0].replace("mine, ", ""), own)

    assert int(printed(run(notebook))) < 60


FITS = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
frame = pd.DataFrame(np.arange(40.0).reshape(20, 2), columns=["a", "b"])
model = LogisticRegression().fit(frame, [0, 1] * 10)
"""
IMPORTS = """
import sys
from nbops.retrain.warm import sharing
ours = ("nbops", "narwhals", "IPython", "ipykernel", "xxhash")
print(sorted(name for name in sys.modules.keys() - sharing._before if name.startswith(ours)))
"""


def test_what_every_recorded_run_needs_was_imported_before_the_fork(run: Any, write_notebook: Any) -> None:
    done = run(write_notebook(FITS, "print(model.predict(frame)[0])", IMPORTS))

    assert printed(done) == "0\n[]\n"


LEAVES = """
import atexit, ctypes, threading, time, zipfile, mine
left_open = open("notebook.txt", "w")
left_open.write("of the notebook")
atexit.register(lambda: open("exit.txt", "w").write("at exit"))

class Last:
    def __del__(self):
        open("last.txt", "w").write("deleted")

last = Last()
archive = zipfile.ZipFile("notebook.zip", "w")
archive.writestr("a", "b")
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fputs(b"of C", ctypes.c_void_p(libc.fopen(b"c.txt", b"w")))

def late():
    time.sleep(0.3)
    open("thread.txt", "w").write("of a thread")

threading.Thread(target=late).start()
"""


def test_what_a_notebook_leaves_open_is_whole_when_its_kernel_has_ended(
    run: Any, write_notebook: Any, project: Path
) -> None:
    (project / "mine.py").write_text("LOG = open('module.txt', 'w')\nLOG.write('of a module')\n")
    notebook = write_notebook("import numpy", LEAVES)
    names = ("notebook.txt", "exit.txt", "last.txt", "c.txt", "thread.txt", "module.txt")
    seen = []
    for cold in (False, True):
        assert printed(run(notebook, cold=cold)) == ""
        with zipfile.ZipFile(project / "notebook.zip") as archive:
            seen.append([archive.read("a").decode(), *((project / name).read_text() for name in names)])
        for name in (*names, "notebook.zip"):
            (project / name).unlink()

    assert seen == [["b", "of the notebook", "at exit", "deleted", "of C", "of a thread", "of a module"]] * 2


HAZARDS = [
    pytest.param(
        "import joblib\nprint(joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-i) for i in range(4)))", "[0, 1, 2, 3]",
        id="loky",
    ),
    pytest.param(
        "import multiprocessing as m\nwith m.get_context('fork').Pool(2) as pool:\n    print(pool.map(abs, [-1, -2]))",
        "[1, 2]",
        id="fork pool",
    ),
    pytest.param(
        "import multiprocessing as m\nwith m.get_context('spawn').Pool(1) as pool:\n    print(pool.map(abs, [-1, -2]))",
        "[1, 2]",
        id="spawn pool",
    ),
    pytest.param("import subprocess\nprint(subprocess.check_output(['echo', 'hi'], text=True))", "hi", id="subprocess"),
    pytest.param("!echo from the shell", "from the shell", id="shell command"),
    pytest.param("import asyncio\nawait asyncio.sleep(0.01)\nprint('awaited')", "awaited", id="await"),
    pytest.param(
        "import threading\nt = threading.Thread(target=print, args=('in a thread',))\nt.start()\nt.join()",
        "in a thread",
        id="thread",
    ),
    pytest.param("import os\nos.chdir('/')\nprint(os.getcwd())", "/", id="changes directory"),
    pytest.param(
        "import matplotlib.pyplot as plt, matplotlib\nprint(matplotlib.get_backend())", "inline", id="inline plots"
    ),
    pytest.param("import tempfile\nprint(tempfile.mkdtemp().startswith('/'))", "True", id="temporary files"),
    pytest.param(
        "import os\nchild = os.fork()\nif not child:\n    os._exit(7)\n"
        "print('ended', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))",
        "ended 7",
        id="forks",
    ),
    pytest.param(
        "from sklearn.datasets import make_classification\nfrom sklearn.ensemble import RandomForestClassifier\n"
        "from sklearn.model_selection import cross_val_score\n"
        "X, y = make_classification(200, random_state=0)\n"
        "print(len(cross_val_score(RandomForestClassifier(5, n_jobs=-1), X, y, cv=3, n_jobs=-1)), 'scores')",
        "3 scores",
        id="n_jobs=-1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "expected"), HAZARDS)
def test_what_a_forked_process_could_trip_over_works(run: Any, write_notebook: Any, cell: str, expected: str) -> None:
    notebook = write_notebook("import numpy, pandas", cell)

    assert expected in printed(run(notebook, timeout_s=60))


def test_runs_draw_other_random_numbers_unless_they_set_a_seed(run: Any, write_notebook: Any) -> None:
    notebook = write_notebook(
        "import numpy as np, random, uuid\nprint(np.random.rand(), random.random(), uuid.uuid4())",
        "np.random.seed(3); random.seed(3)\nprint('seeded', np.random.rand(), random.random())",
    )

    first, second = (printed(run(notebook)).splitlines() for _ in range(2))

    assert all(a != b for a, b in zip(first[0].split(), second[0].split(), strict=True))
    assert first[1] == second[1]


def test_nothing_that_a_run_does_reaches_the_next(run: Any, write_notebook: Any) -> None:
    notebook = write_notebook(
        "import numpy, os, sys\nprint(hasattr(numpy, 'mark'), os.environ.get('MARK'), sys.getrecursionlimit())",
        "numpy.mark = 1; os.environ['MARK'] = '1'; sys.setrecursionlimit(5000)",
    )

    assert printed(run(notebook)) == printed(run(notebook))


def test_a_user_module_is_read_anew_in_every_run(run: Any, write_notebook: Any, project: Path) -> None:
    notebook = write_notebook("import numpy, mine\nprint(mine.VALUE)")
    seen = []
    for value in (1, 2):
        (project / "mine.py").write_text(f"VALUE = {value}  # {'x' * value}\n")
        seen.append(printed(run(notebook)))

    assert seen == ["1\n", "2\n"]


def test_any_client_gets_warm_kernels_by_the_kernel_spec(runtime: Path, write_notebook: Any, project: Path) -> None:
    import papermill

    write_notebook("import os, sys\nprint(os.getppid(), 'sklearn' in sys.modules)", kernel="nbops-warm")

    done = papermill.execute_notebook("train.ipynb", "out.ipynb", progress_bar=False)

    parent, has_sklearn = done.cells[0].outputs[0].text.split()
    assert int(parent) in zygotes()
    assert has_sklearn == "True"


def test_many_runs_side_by_side_share_one_zygote(
    store: Store, settings: Settings, write_notebook: Any, runtime: Path
) -> None:
    notebook = write_notebook("import numpy, nbops, os\nnbops.log_metric('parent', os.getppid())", parameters="n = 0")

    done = sweep(notebook, store=store, settings=settings, grid={"n": list(range(6))}, jobs=3)

    runs = store.find(Run, sweep_id=done.id)
    assert {run.status for run in runs} == {"finished"}
    assert len({store.metrics(run.id)[0].value for run in runs}) == 1


def test_a_kernel_ends_with_its_zygote_and_the_next_run_has_a_new_one(run: Any, write_notebook: Any) -> None:
    killing = write_notebook("import numpy, os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)")

    done = run(killing)

    assert done.error is not None
    assert (done.status, done.error.name) == ("failed", "KernelDied")
    assert printed(run(write_notebook("import numpy\nprint('well')"))) == "well\n"


def test_a_fork_that_does_not_answer_is_replaced_by_a_cold_kernel(
    run: Any, write_notebook: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    hang_in_forks = "import os, time\nif os.getppid() != int(os.environ['NBOPS_TEST_DRIVER']):\n    time.sleep(600)"
    (startup / "hang.py").write_text(hang_in_forks)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("NBOPS_TEST_DRIVER", str(os.getpid()))
    monkeypatch.setattr("nbops.retrain.client._WARM_ANSWER_S", 1)

    assert printed(run(write_notebook("import os\nprint(os.getppid())"))) == f"{os.getpid()}\n"


def test_a_zygote_that_hangs_is_done_without(
    run: Any, write_notebook: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    notebook = write_notebook("import os\nprint(os.getppid())")
    warm = int(printed(run(notebook)))
    monkeypatch.setattr("nbops.retrain.warm.provisioner._BIRTH_LIMIT_S", 0.5)
    monkeypatch.setattr("nbops.retrain.warm.provisioner._failed", {})

    os.kill(warm, signal.SIGSTOP)
    try:
        assert printed(run(notebook)) == f"{os.getpid()}\n"
    finally:
        os.kill(warm, signal.SIGCONT)

    assert "no warm kernel" in caplog.text


def test_libraries_that_start_threads_are_refused_at_the_import(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nbops.retrain.warm.provisioner._failed", {})
    (tmp_path / "spinning.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()"
    )
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "nowhere.json"]

    process = provisioner.born(command, ["spinning"], {"env": os.environ | {"PYTHONPATH": str(tmp_path)}})

    assert process is None
    assert "these threads run after importing ['spinning']" in caplog.text


def test_a_library_that_cannot_be_imported_is_left_to_the_notebook(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any, write_notebook: Any
) -> None:
    # The name of a known library, so that it is preloaded, and broken in a way that is no ImportError.
    (tmp_path / "statsmodels.py").write_text("raise ValueError('this build is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("DRIVER", str(os.getpid()))

    done = run(write_notebook("import os\nassert os.getppid() != int(os.environ['DRIVER'])", "import statsmodels"))

    assert done.error is not None
    assert (done.error.message, done.error.cell_index) == ("this build is broken", 1)


@pytest.mark.parametrize(
    "command",
    [
        ["R", "-e", "IRkernel::main()"],
        [sys.executable, "-c", "pass"],
        [sys.executable, "mine.py", "ipykernel_launcher"],
    ],
    ids=["R", "code", "script"],
)
def test_other_kernels_are_left_to_jupyter(command: list[str]) -> None:
    assert provisioner.born(command, [], {"env": {}}) is None


def test_an_idle_zygote_ends_by_itself(
    run: Any, write_notebook: Any, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbops.retrain.warm.provisioner._IDLE_S", 0.2)
    monkeypatch.setenv("NBOPS_TEST_KEY", "an environment of its own")
    before = zygotes()

    run(write_notebook("print(1)"))

    deadline = time.monotonic() + 20
    while zygotes() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not zygotes() - before


def test_there_are_never_many_zygotes(
    run: Any, write_notebook: Any, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write_notebook("print(1)")
    for value in "abc":
        monkeypatch.setenv("NBOPS_TEST_KEY", value)
        run(notebook)

    deadline = time.monotonic() + 20
    while len(zygotes()) > 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(zygotes()) <= 2


def test_a_folder_that_others_may_enter_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "nbops").mkdir(mode=0o755)
    (tmp_path / "nbops").chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("nbops.retrain.warm.provisioner._failed", {})

    process = provisioner.born([sys.executable, "-m", "ipykernel_launcher"], [], {"env": dict(os.environ)})

    assert process is None
    assert "others may enter it" in caplog.text


KEYS = [
    pytest.param({"env": {"OMP_NUM_THREADS": "1"}}, id="thread counts"),
    pytest.param({"env": {"PYTHONHASHSEED": "7"}}, id="hash seed"),
    pytest.param({"env": {"LANG": "de_DE.UTF-8"}}, id="locale"),
    pytest.param({"preload": ["numpy"]}, id="preload list"),
    pytest.param({"interpreter": [sys.executable, "-O"]}, id="interpreter flags"),
]


@pytest.mark.parametrize("change", KEYS)
def test_what_differs_at_import_time_makes_another_zygote(change: dict[str, Any]) -> None:
    same: dict[str, Any] = {"interpreter": [sys.executable], "preload": [], "env": {"PATH": "/bin"}}

    assert key.key_of(**same) == key.key_of(**same)
    assert key.key_of(**same) != key.key_of(**(same | change))


def test_what_only_names_the_run_does_not_make_another_zygote() -> None:
    told = {"NBOPS_RUN": "1", "NBOPS_NOTEBOOK": "a.ipynb", "PWD": "/"}

    assert key.key_of([sys.executable], [], {}) == key.key_of([sys.executable], [], told)


def test_an_installed_package_makes_another_zygote(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    (packages / "numpy-2.0.dist-info").mkdir(parents=True)
    before = key.key_of([str(python)], [], {})

    (packages / "numpy-2.0.dist-info").rename(packages / "numpy-2.1.dist-info")

    assert key.key_of([str(python)], [], {}) != before


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pandas as pd\nfrom sklearn.ensemble import X", ["pandas", "sklearn", "sklearn.ensemble"]),
        ("import torch, mine\nfrom . import near", []),
        ("%load_ext nbops\nimport numpy.linalg", ["numpy", "numpy.linalg"]),
        ("if fast:\n    import scipy.stats", ["scipy", "scipy.stats"]),
        ("this is = not python", []),
    ],
)
def test_only_known_libraries_are_preloaded(source: str, expected: list[str]) -> None:
    assert key.preload_of([source]) == expected


def test_pyplot_itself_is_never_preloaded() -> None:
    found = key.preload_of(["import matplotlib.pyplot as plt"])

    assert "matplotlib.figure" in found
    assert "matplotlib.pyplot" not in found


def test_a_message_that_is_cut_short_is_the_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send(ours, wire.Born(7))
        assert wire.receive_answer(theirs) == wire.Born(7)
        ours.sendall(b"\0\0\0\xff{")
        ours.close()
        assert wire.receive_answer(theirs) is None
