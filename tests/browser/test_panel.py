"""What a person sees in the side panel, in a real browser."""

from __future__ import annotations

import contextlib
import runpy
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from nbops.flows.register import register_model
from nbops.records import Firing, Metric, Model, ModelVersion, ModuleVersion, Run, new_id
from nbops.retrain import sweep
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops.workspace import Workspace

if TYPE_CHECKING:
    from lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(240)]


def write_notebook(path: Path, *sources: str) -> None:
    """Write a Python notebook of these cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def write_sample(folder: Path) -> None:
    """Fill a project with something of everything."""
    sample = runpy.run_path(str(Path(__file__).parent / "sample.py"))
    sample["fill"](folder)
    sample["write_notebook"](folder / "churn.ipynb")


def test_the_whole_panel_works_reads_well_and_shuts_nobody_out(lab: Lab) -> None:
    write_sample(lab.folder)

    found = lab.journey("tour", notebook="churn.ipynb")

    assert found["violations"] == {}
    assert found["hostile"].startswith("<img src=x onerror")
    assert found["hacked"] is False
    assert {"accuracy", "depth"} <= set(found["compared"])
    assert found["searched"]
    assert "^" in found["refused"]
    assert any("drop_duplicates" in line for line in found["diff"])
    assert {"edited", "out of order"} <= set(found["marks"])
    assert "80" in found["wrong_value"]
    assert found["start"] == "Start 3 runs"
    assert found["endpoint_offered"] == "churn"
    assert {"Base image", "Platform", "Push to", "Save as"} <= set(found["advanced"])
    assert found["requests_while_hidden"] == 0


def test_nothing_sticks_out_of_the_panel_whatever_its_width(lab: Lab) -> None:
    write_sample(lab.folder)

    found = lab.journey("widths", notebook="churn.ipynb")

    assert found["sticking_out"] == []
    assert found["width_250"] < 300 < found["width_400"]


def test_a_section_is_moved_to_another_panel_and_back(lab: Lab) -> None:
    write_sample(lab.folder)

    found = lab.journey("moved")

    assert found["violations"] == {}
    assert "Models" in found["before"]
    assert found["without"] == [name for name in found["before"] if name != "Models"]
    assert found["after"] == found["before"], "it is back in its place"


def test_every_command_describes_itself_and_its_arguments(lab: Lab) -> None:
    found = lab.journey("commands")["commands"]

    # These two JupyterLab calls by itself, for links and for what was open; nobody chooses them.
    commands = [command for command in found if command["id"] not in ("nbops:follow-link", "nbops:reopen")]
    assert len(commands) >= 40
    assert [command["id"] for command in commands if not command["label"] or command["type"] != "object"] == []
    assert {command["id"]: command["undescribed"] for command in commands if command["undescribed"]} == {}


def test_of_many_runs_the_page_says_which_curves_it_draws_and_lets_choose(lab: Lab) -> None:
    (lab.folder / ".nbops").mkdir()
    with Workspace.opened(lab.folder) as workspace:
        runs = [Run(id=new_id(), name=f"run {n}", kind="named", started_at=100.0 + n) for n in range(23)]
        workspace.store.put(*runs)
        workspace.store.log_metrics(
            [
                Metric(run_id=run.id, name="loss", step=step, value=(1 + n) / (1 + step), at=1.0)
                for n, run in enumerate(runs)
                for step in range(5)
            ]
        )

    found = lab.journey("curves", runs=[run.id for run in runs])

    assert found["violations"] == {}
    assert found["said"] == "8 of 23 runs are drawn: choose which"
    assert found["all"] == "20 of 23 runs are drawn: choose which"
    assert "More than 20 lines cannot be told apart" in found["full"]
    assert found["can_add"] is False
    assert found["one_less"] == "19 of 23 runs are drawn: choose which"


def test_an_endpoint_leads_back_to_its_cell_and_file_by_mouse_and_keyboard(lab: Lab) -> None:
    write_sample(lab.folder)

    found = lab.journey("lineage")

    assert found["violations"].pop("cell-marks") == []
    assert found["violations"] == {}
    assert found["walked_to"].startswith("cell, In [4]")
    assert found["lineage"][:3] == ["endpoint churn", "deployment churn@1", "model churn@1"]
    assert "file churn.parquet" in found["lineage"]
    assert {"edited", "out of order"} <= set(found["marks"])
    assert "nbops" not in found["metadata"]
    assert found["tree"][:3] == ["churn", "churn@1", "churn@1"]


def test_a_cell_that_is_run_appears_in_the_open_panel(lab: Lab) -> None:
    write_notebook(
        lab.folder / "first.ipynb",
        "%load_ext nbops",
        "import nbops\naccuracy = 0.5",
        "nbops.log_param('depth', 4)\nnbops.log_metric('accuracy', accuracy)\n"
        "from sklearn.linear_model import LinearRegression\nline = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])",
        "1 / 0",
    )

    found = lab.journey("record")

    assert found["requests_before_opening"] == 0
    assert "accuracy" in found["runs"][0]
    assert [cell.split("\n")[0] for cell in found["cells"]] == ["1", "2", "3", "4"]
    assert "ZeroDivisionError" in found["cells"][3]
    assert "line: LinearRegression" in found["fits"][1]
    assert "2 × 1" in found["fits"][1]
    assert found["reloaded"] == "first.ipynb"
    assert found["linked"] == "first.ipynb"
    assert "nbops-run" not in found["address_afterwards"]


def test_hostile_text_stays_text_in_every_section_and_document(lab: Lab) -> None:
    hostile = runpy.run_path(str(Path(__file__).parent / "hostile.py"))
    hostile["fill"](lab.folder)
    write_notebook(lab.folder / hostile["NOTEBOOK"], "x = 1")

    found = lab.journey("hostile", notebook=hostile["NOTEBOOK"])

    assert all("<img src=x" in row for row in found["rows"].values()), found["rows"]
    assert len(found["rows"]) == 9
    assert all(found["documents"].values()), found["documents"]
    assert found["alive"] == 0
    assert found["hacked"] is None


HOSTILE = """
from IPython.display import HTML, SVG, Latex, display
display(HTML(
    "<table onclick='window.hacked = 1'><tr><td>forty-two</td></tr></table>"
    "<script>setTimeout(() => window.hacked = 2)</script><a href='javascript:window.hacked = 3'>press</a>"
))
display(SVG(
    "<svg xmlns='http://www.w3.org/2000/svg' width='20' height='20' onload='window.hacked = 4'>"
    "<script>window.hacked = 5</script><rect width='20' height='20'/></svg>"
))
display(Latex(r"$x^2$"))
"""


def test_what_a_cell_displayed_stands_side_by_side_and_nothing_of_it_runs(lab: Lab) -> None:
    write_notebook(
        lab.folder / "show.ipynb",
        "%load_ext nbops",
        "%matplotlib inline\nimport time\nimport matplotlib.pyplot as plt\n"
        f"{HOSTILE}\nplt.title(str(time.time())); plt.plot([1, 3, 2]); plt.show()",
        "import nbops, random; nbops.log_metric('accuracy', random.random())",
    )
    path = lab.folder / "show.ipynb"
    cell = nbformat.read(path, as_version=4).cells[1].id

    found = lab.journey("outputs", notebook="show.ipynb", cell=cell, displays=4)

    names = [caption.split(",")[0] for caption in found["captions"]]
    assert names == ["output-1.html", "output-2.svg", "output-3.tex", "output-4.png"] * 2
    assert found["tables"] == ["forty-two"] * 2
    assert (found["hostile"]["scripts"], found["hostile"]["handlers"]) == (0, 0)
    assert {source.partition(":")[0] for source in found["hostile"]["sources"]} == {"data"}
    assert found["hacked"] is None
    assert found["trust"] == "tainted"
    assert "nobody has seeded" in found["why"]


def test_notebook_7_has_the_same_panel(serve: Callable[[str], AbstractContextManager[Lab]]) -> None:
    with serve("notebook") as lab:
        write_notebook(
            lab.folder / "first.ipynb",
            "%load_ext nbops",
            "accuracy = 0.5\nimport nbops; nbops.log_metric('accuracy', accuracy)",
        )

        found = lab.journey("notebook7", app="notebooks/first.ipynb")

    assert "accuracy" in found["runs"][0]


def test_what_the_panel_sets_going_is_done(lab: Lab) -> None:
    write_notebook(
        lab.folder / "work.ipynb",
        "%load_ext nbops\nimport nbops",
        "depth: int = 3  # 1..8",
        "def clean(rows):\n    return [row for row in rows if row]",
        "import time\ntotal = time.time()\ndef share(part):\n    return part / total",
        "nbops.log_param('depth', depth)\nnbops.log_metric('score', len(clean([1, 0, 2])) / depth)",
    )
    path = lab.folder / "work.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].metadata.tags = ["parameters"]
    nbformat.write(notebook, path)

    module = lab.folder / "work" / "cleaning.py"
    found = lab.journey("work", timeout_s=200, notebook="work.ipynb", module=str(module))

    assert found["defined"] == 2
    assert "score 1" in found["sweep"]
    assert "score" in found["searched"]
    scores = [float(row.split("\t")[2]) for row in found["trials"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert "0 3 1 1 *" in found["scheduled"]
    assert found["typed"] == "score"
    assert "def clean(rows):" in module.read_text()
    assert "def share(part, *, total):" in module.with_name("shares.py").read_text()
    with contextlib.closing(open_store(load_settings(lab.folder, env={}), read_only=True)) as store:
        assert store.get(Run, found["restored"]).status == "finished"
        assert {row.run.id for row in store.search_runs()} >= {found["restored"]}
        assert found["archived"] not in {row.run.id for row in store.search_runs()}
        assert [(firing.cause, firing.status) for firing in store.find(Firing)] == [("person", "finished")]
        [fired] = store.find(Run, firing_id=store.find(Firing)[0].id)
        assert store.params(fired.id)["depth"] == 4


DONE = """n = 1
---
print('training with', n)
assert n != 3, 'three is no number of trees'
---
import nbops, numpy
from sklearn.linear_model import LinearRegression
line = LinearRegression().fit([[0.0], [1.0]], [0.0, n])
nbops.log_model(line, 'line', sample=numpy.array([[0.5]]))
nbops.log_metric('score', n / 2)"""
LONG = """n = 1
---
import nbops, pathlib, time
print(f'epoch 1 of {n}', flush=True)
nbops.log_metric('score', n)
while n > 1 and not pathlib.Path('gate').exists():
    time.sleep(0.1)"""
SLOW = """n = 1
---
import nbops, time
nbops.log_metric('score', n)
time.sleep(600 if n > 1 else 0)"""


def write_parameterized(path: Path, cells: str) -> None:
    """Write a notebook whose first cell has the parameters."""
    write_notebook(path, *cells.split("\n---\n"))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].metadata.tags = ["parameters"]
    nbformat.write(notebook, path)


def test_a_sweep_is_opened_explained_promoted_cancelled_and_resumed(lab: Lab) -> None:
    write_parameterized(lab.folder / "done.ipynb", DONE)
    write_parameterized(lab.folder / "long.ipynb", LONG)
    (lab.folder / ".nbops").mkdir()
    settings = load_settings(lab.folder, env={})
    with contextlib.closing(open_store(settings)) as store:
        options = {"objective": "max:score", "store": store, "settings": settings}
        sweep(lab.folder / "done.ipynb", grid={"n": [1, 2, 3, 4, 5]}, jobs=2, **options)
        long = threading.Thread(target=lambda: sweep(lab.folder / "long.ipynb", grid={"n": [1, 2, 3]}, **options))
        long.start()
        try:
            found = lab.journey("sweep", timeout_s=200, gate=str(lab.folder / "gate"))
        finally:
            (lab.folder / "gate").touch()
            long.join(60)
        assert not long.is_alive()
        [model] = store.find(Model)
        best = store.get(ModelVersion, store.find(ModelVersion, number=model.aliases["production"])[0].id)

    assert found["violations"] == {}
    assert [row[2:] for row in found["results"]][:2] == [["2.5", "5"], ["2", "4"]]
    assert "training with 3" in found["printed"]
    assert "three is no number of trees" in found["traceback"]
    assert [caption.split(" ")[0] for caption in found["plots"]] == ["What", "Parameters", "4"]
    assert best.run_id is not None
    assert found["cells"] == "cell 3 of 3"
    assert found["resumed"] == "finished"


def test_a_sweep_is_watched_below_its_cell_and_cancelled_there_while_the_kernel_is_busy(lab: Lab) -> None:
    write_parameterized(lab.folder / "slow.ipynb", SLOW)
    write_notebook(
        lab.folder / "work.ipynb",
        "%load_ext nbops",
        "%nbops retrain slow.ipynb --grid n=1,2,3,4 --objective max:score --jobs 1",
    )

    found = lab.journey("busy", notebook="work.ipynb")

    assert found["bar"] == [1, 4]
    assert found["prompts"] == ["[1]:", "[*]:"]
    assert "1/4 runs" in found["shown"]
    assert "best score 1 (n=1)" in found["shown"]
    assert found["violations"] == []
    # What stays in the file needs no kernel: neither a widget nor its state.
    saved = nbformat.read(lab.folder / "work.ipynb", as_version=4)
    assert "widgets" not in saved.metadata
    progress, table = saved.cells[1].outputs
    assert sorted(progress.data) == sorted(table.data) == ["text/html", "text/plain"]
    assert "2 of 4: " in table.data["text/plain"]


def test_runs_are_tidied_cancelled_and_run_again_from_their_rows(lab: Lab) -> None:
    write_parameterized(lab.folder / "done.ipynb", DONE)
    write_parameterized(lab.folder / "long.ipynb", LONG)
    (lab.folder / ".nbops").mkdir()
    settings = load_settings(lab.folder, env={})
    with contextlib.closing(open_store(settings)) as store:
        options = {"objective": "max:score", "store": store, "settings": settings}
        first = sweep(lab.folder / "done.ipynb", grid={"n": [1]}, **options)
        long = threading.Thread(target=lambda: sweep(lab.folder / "long.ipynb", grid={"n": [2]}, **options))
        long.start()
        try:
            found = lab.journey("runs", timeout_s=200)
        finally:
            (lab.folder / "gate").touch()
            long.join(60)
        [run] = store.find(Run, sweep_id=first.id)

    assert found["violations"] == {}
    assert "long n=2, cancelled" in found["cancelled"]
    assert (run.name, run.note, run.tags["team"]) == ("the first of all", "worth another look", "churn")
    assert found["copied"] == run.id
    assert "team=churn" in found["head"]
    assert "finished" in found["again"]
    assert found["kept"]
    assert found["notebook"] == "done.ipynb"


WAITS = """
import pathlib, sys, time
while "ipykernel" not in sys.modules and not pathlib.Path({gate!r}).exists():
    time.sleep(0.05)
"""


def test_an_extraction_from_a_live_session_is_watched_and_cancelled_with_nothing_written(lab: Lab) -> None:
    gate = lab.folder / "gate"
    (lab.folder / "slow.py").write_text(WAITS.format(gate=str(gate)))
    write_notebook(lab.folder / "work.ipynb", "%load_ext nbops", "import slow", "def waited(x):\n    return slow and x")
    try:
        found = lab.journey("cancelled-extraction", notebook="work.ipynb")
    finally:
        gate.touch()  # lest a clean process stays behind

    assert "Extract waited" in found["shown"]
    assert "Cancel" in found["shown"]
    assert found["violations"] == []
    assert "nothing was written" in found["told"]
    assert found["printed"] == "1"
    assert not (lab.folder / "work").exists()
    with contextlib.closing(open_store(load_settings(lab.folder, env={}))) as store:
        assert store.find(ModuleVersion) == []


def test_a_modules_versions_are_compared_tried_built_and_brought_back(lab: Lab) -> None:
    write_notebook(lab.folder / "work.ipynb", "%load_ext nbops", "def clean(rows):\n    return rows")

    found = lab.journey("modules", timeout_s=200, notebook="work.ipynb")

    assert found["violations"] == {}
    assert found["offered"] == "clean"
    assert found["diff"] == ["+    return sorted(rows)\n"]
    assert found["against"] == found["earlier"] == "1.0.0"
    assert "--with-tests" in found["untested"]
    assert ".whl" in found["built"]
    assert "1.0.0" in found["back"]
    assert "return rows" in (lab.folder / "work" / "cleaning.py").read_text()


TWO_MODELS = """
import numpy as np, nbops
from sklearn.linear_model import LogisticRegression
rows = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.5]])
for C in (1.0, 0.1):
    nbops.log_model(LogisticRegression(C=C).fit(rows, [0, 0, 1, 1]), name='churn', sample=rows)
"""


def test_a_model_is_checked_promoted_exported_released_measured_and_rolled_back(lab: Lab) -> None:
    write_notebook(lab.folder / "work.ipynb", "%load_ext nbops", TWO_MODELS)

    try:
        found = lab.journey("release", timeout_s=230, notebook="work.ipynb")
    finally:
        stop_endpoints(lab.folder)

    assert found["violations"] == {}
    assert {"Open Model", "Export Model…", "Deploy Model…", "Show Lineage"} <= set(found["menu"])
    assert "churn@2 passed its checks" in found["checked"]
    assert (lab.folder / "churn-2-onnx").is_dir()
    assert "churn" in found["measured"]
    assert found["log"]
    assert [row.split("\t")[0] for row in found["deployments"]] == ["@2", "@1"]


def stop_endpoints(folder: Path) -> None:
    """Leave no process behind, also when a journey failed half-way."""
    with Workspace.opened(folder) as workspace:
        for endpoint in workspace.endpoints():
            workspace.stop(endpoint.name)


def test_everything_is_done_without_a_mouse(lab: Lab) -> None:
    path = lab.folder / "work.ipynb"
    write_notebook(
        path,
        "%load_ext nbops\nimport nbops",
        "depth: int = 3  # 1..8",
        "import numpy as np\nfrom sklearn.linear_model import LogisticRegression\n"
        "rows = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.5]])\n"
        "model = LogisticRegression().fit(rows, [0, 0, 1, 1])\nnbops.log_model(model, name='churn', sample=rows)",
        "nbops.log_param('depth', depth)\nfor at in range(4):\n    nbops.log_metric('loss', 1 / (at + depth), step=at)",
    )
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].metadata.tags = ["parameters"]
    nbformat.write(notebook, path)

    try:
        found = lab.journey("keyboard", timeout_s=230, notebook="work.ipynb")
    finally:
        stop_endpoints(lab.folder)

    assert "came out" in found["reproduced"]
    assert "reviewed=yes" in found["tagged"]
    assert found["plots"] >= 1


def test_two_projects_below_a_hubs_address_are_told_apart(
    serve: Callable[..., AbstractContextManager[Lab]], tmp_path: Path
) -> None:
    with serve("jupyterlab", base_url="/user/ana/") as lab:
        for folder, value in (("a", 1), ("b/deep", 2)):
            (lab.folder / folder.partition("/")[0] / ".nbops").mkdir(parents=True)
            write_notebook(
                lab.folder / folder / "work.ipynb",
                "%load_ext nbops\nimport nbops",
                f"def twice(x):\n    return {value} * x",
                f"nbops.log_metric('mark', {value})",
            )

        found = lab.journey("projects", notebooks=[["a/work.ipynb", "1"], ["b/deep/work.ipynb", "2"]])

    assert found["rows"] == {"a/work.ipynb": ["work.ipynb"], "b/deep/work.ipynb": ["deep/work.ipynb"]}
    assert found["back"] == ["work.ipynb"]
    assert {request.partition(" ")[2] for request in found["requests"]} == {"/user/ana"}
    assert "1 * x" in (tmp_path / "work" / "a" / "work" / "more.py").read_text()
    assert not (tmp_path / "work" / "b" / "work").exists()


def test_a_model_is_exported_from_its_document(lab: Lab) -> None:
    pytest.importorskip("skl2onnx")
    (lab.folder / ".nbops").mkdir()
    rows = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.5]])
    model = LogisticRegression().fit(rows, [0, 0, 1, 1])
    settings = load_settings(lab.folder, env={})
    with contextlib.closing(open_store(settings)) as store:
        options = {"store": store, "blobs": Blobs(settings.blobs), "root": lab.folder}
        register_model(model, name="churn", sample=rows, **options)
    (lab.folder / "taken").mkdir()
    (lab.folder / "taken" / "thesis.txt").write_text("mine", "utf-8")

    found = lab.journey("export-form", model="churn@1", taken="taken")

    assert found["violations"] == {}
    assert found["offered"] == ["Single (float32)", "Half (float16)", "Eight bits (int8)"]
    assert "taken" in found["refused"]
    assert [path.name for path in (lab.folder / "taken").iterdir()] == ["thesis.txt"]
    assert "churn@1 is exported: " in found["exported"]
    assert (lab.folder / "churn-1-onnx" / "index.html").is_file()
    assert found["replaced"] == 200


def test_a_hubs_user_has_the_panel_below_an_address_of_their_own(jupyterhub: Lab) -> None:
    write_notebook(
        jupyterhub.folder / "first.ipynb",
        "%load_ext nbops",
        "accuracy = 0.5\nimport nbops; nbops.log_metric('accuracy', accuracy)",
    )

    found = jupyterhub.journey("hub", app="hub/login", user="ana", notebook="first.ipynb")

    assert found["requests_before_opening"] == 0
    assert found["rows"][0] == "first.ipynb"
    assert (found["with_xsrf"], found["without_xsrf"]) == (200, 403)
    assert found["stranger"] in (302, 403)
    assert {request.partition(" ")[2] for request in found["requests"]} == {"/user/ana"}


RECORDING = """
import pathlib, time
for number in range(200):
    with nbops.run(f"{name} {{number}}"):
        nbops.log_metric("number", number)
    if pathlib.Path("gate").exists():
        break
    time.sleep(0.3)
"""


def test_kernels_of_two_projects_record_at_once_and_each_is_seen_where_it_belongs(
    serve: Callable[..., AbstractContextManager[Lab]],
) -> None:
    with serve("jupyterlab", base_url="/user/ana/") as lab:
        for name in ("a", "b"):
            (lab.folder / name / ".nbops").mkdir(parents=True)
            write_notebook(
                lab.folder / name / "work.ipynb", "%load_ext nbops\nimport nbops", RECORDING.format(name=name)
            )
        gates = [str(lab.folder / name / "gate") for name in ("a", "b")]

        found = lab.journey("two-kernels", notebooks=["a/work.ipynb", "b/work.ipynb"], gates=gates)

    assert {row[0] for row in found["seen_of_a"]} == {"a"}
    assert {row[0] for row in found["seen_of_b"]} == {"b"}
    assert found["grew"] == [True, True]
    assert found["requests_while_hidden"] == 0
    assert found["requests_while_folded"] == 0
    assert found["caught_up"]


GATED = """n = 1
---
import nbops, pathlib, time
nbops.log_metric('score', n)
while n > 1 and not pathlib.Path(f'{gate}-{n}').exists():
    time.sleep(0.1)"""


def test_a_reloaded_page_goes_on_with_the_progress_of_a_cell(lab: Lab) -> None:
    write_parameterized(lab.folder / "slow.ipynb", GATED.replace("{gate}", "first"))
    write_parameterized(lab.folder / "away.ipynb", GATED.replace("{gate}", "second"))
    write_notebook(
        lab.folder / "work.ipynb",
        "%load_ext nbops",
        "%nbops retrain slow.ipynb --grid n=1,2,3 --objective max:score --jobs 1",
        "%nbops retrain away.ipynb --grid n=1,2,3 --objective max:score --jobs 1",
    )

    found = lab.journey("resumed", timeout_s=200, notebook="work.ipynb", folder=str(lab.folder))

    assert found["before"] == [1, 3]
    assert found["reloaded"] == [1, 3]
    assert found["goes_on"] == [2, 3]
    assert found["requests_for_news"] >= 1
    assert "3 of 3: 3 finished" in found["table"]
    assert "3/3 runs" in found["summary"]
    assert found["ended_while_away"].startswith("The cell has ended while this page was away: ok")
    assert found["violations"] == []
    saved = nbformat.read(lab.folder / "work.ipynb", as_version=4)
    assert [sorted(output.data) for output in saved.cells[1].outputs] == [["text/html", "text/plain"]] * 2


def test_a_reloaded_page_shows_what_the_panel_has_set_going(lab: Lab) -> None:
    write_parameterized(lab.folder / "slow.ipynb", GATED.replace("{gate}", "first"))

    found = lab.journey("adopted", notebook="slow.ipynb", folder=str(lab.folder))

    assert "nbops retrain goes on" in found["goes_on"]
    assert "2 running" in found["goes_on"] or "1 running" in found["goes_on"]
    assert found["done"] == "nbops retrain is done"
