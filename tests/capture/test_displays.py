"""What cells display, kept beside their rows: through real kernels and a notebook that is executed whole."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbclient
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from nbops.capture.displays import body_of
from nbops.capture.outputs import Display, display_of
from nbops.records import Artifact, CellExecution, Run
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops.store.versions import superseded

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
)
SETUP = f"""
from IPython.display import *
import base64
DOT = base64.b64decode({base64.b64encode(DOT).decode()!r})
"""


def outputs(folder: Path, cell_id: str | None = None) -> list[Artifact]:
    """Displays kept in a project, oldest first."""
    with open_store(load_settings(folder, env={}), read_only=True) as store:
        found = store.find(Artifact, kind="output", order_by="id")
    return [one for one in found if cell_id is None or one.cell.endswith(f"#{cell_id}")]


def execution(folder: Path, cell_id: str) -> CellExecution:
    with open_store(load_settings(folder, env={}), read_only=True) as store:
        found: CellExecution = store.find(CellExecution, cell_id=cell_id, limit=1)[0]
        return found


def shown(folder: Path, cell_id: str | None = None) -> list[tuple[str, bytes]]:
    """Name and content of what is kept."""
    blobs = Blobs(load_settings(folder, env={}).blobs)
    return [(one.name, blobs.get(one.digest)) for one in outputs(folder, cell_id)]


@pytest.fixture(scope="module")
def project(kernel: Any) -> Path:
    kernel.run(SETUP, cell_id="setup")
    folder: Path = kernel.folder
    return folder


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        pytest.param("HTML('<b>bold</b>')", [("output-1.html", b"<b>bold</b>")], id="result"),
        pytest.param("display(Image(DOT), Markdown('# one'))", [("output-1.png", DOT), ("output-2.md", b"# one")],
                     id="two displays"),
        pytest.param("SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')",
                     [("output-1.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>')], id="drawing"),
        pytest.param("display({'application/vnd.plotly.v1+json': {'data': [1.5]}, 'text/html': '<script/>'}, raw=True)",
                     [("output-1.plotly.json", b'{"data":[1.5]}')], id="chart rather than its page"),
        pytest.param("h = display(HTML('first'), display_id=True); h.update(HTML('second'))",
                     [("output-1.html", b"second")], id="replaced by itself"),
        pytest.param("for n in range(9):\n    clear_output(wait=True); display(HTML(f'step {n}'))",
                     [("output-1.html", b"step 8")], id="cleared in a loop"),
        pytest.param("display(HTML('gone')); clear_output()", [], id="cleared at the end"),
        pytest.param("%%capture\nHTML('captured')", [], id="captured"),
        pytest.param("1 + 1", [], id="plain text"),
        pytest.param("Javascript('alert(1)')", [], id="script"),
        pytest.param("display({'application/vnd.jupyter.widget-view+json': {'model_id': 'a'}}, raw=True)", [],
                     id="widget"),
        pytest.param("HTML('ends early'); 1 / 0", [], id="nothing shown before an exception"),
        pytest.param("display(HTML('shown')); 1 / 0", [("output-1.html", b"shown")], id="shown before an exception"),
        pytest.param("%%nbops run inner\ndisplay(HTML('inside'))", [("output-1.html", b"inside")], id="cell as a run"),
    ],
)  # fmt: skip
def test_what_a_cell_leaves_on_the_screen_is_kept(
    kernel: Any, project: Path, request: pytest.FixtureRequest, source: str, kept: list[tuple[str, bytes]]
) -> None:
    cell_id = request.node.callspec.id.replace(" ", "-")
    kernel.run(source, cell_id=cell_id)
    assert shown(project, cell_id) == kept
    told = execution(project, cell_id)
    assert (told.outputs.kept if told.outputs else 0, told.outputs.left_out if told.outputs else 0) == (len(kept), 0)
    assert {one.execution_id for one in outputs(project, cell_id)} <= {told.id}


def test_figures_and_tables_are_kept_as_they_are_shown(kernel: Any, project: Path) -> None:
    reply = kernel.run(
        "%matplotlib inline\nimport matplotlib.pyplot as plt, pandas as pd\n"
        "plt.plot([1, 2]); plt.show()\npd.DataFrame({'a': [1]})",
        cell_id="figure",
    )
    figure, table = shown(project, "figure")
    data = [output["data"] for output in reply["outputs"] if "data" in output]
    assert figure == ("output-1.png", base64.b64decode(data[0]["image/png"]))
    assert table == ("output-2.html", data[1]["text/html"].encode())


def test_what_is_too_large_is_left_out_and_told(kernel: Any, project: Path) -> None:
    kernel.run("display(HTML('x' * 6_000_000)); display(HTML('small'))", cell_id="large")
    assert shown(project, "large") == [("output-2.html", b"small")]
    assert execution(project, "large").outputs.left_out == 1


def test_a_thousand_displays_are_kept_to_the_fiftieth(kernel: Any, project: Path) -> None:
    kernel.run("for n in range(1000): display(HTML(str(n)))", cell_id="many")
    told = execution(project, "many").outputs
    assert (len(outputs(project, "many")), told.kept, told.left_out) == (50, 50, 950)


def test_the_last_versions_of_a_cell_are_kept(kernel_in: Callable[..., Any]) -> None:
    kernel = kernel_in(env={"NBOPS_DISPLAY_VERSIONS": "3", "JPY_SESSION_NAME": "a.ipynb"})
    kernel.run("%load_ext nbops\n" + SETUP)
    for number in range(6):
        kernel.run(f"display(HTML('{number}')); display(HTML('same'))", cell_id="again")
        kernel.run(f"HTML('{number}')", cell_id=f"other{number}")
    kernel.run("%unload_ext nbops")  # ends what is done beside the cells
    texts = [text for _, text in shown(kernel.folder, "again")]
    assert texts == [b"3", b"same", b"4", b"same", b"5", b"same"]
    assert all(outputs(kernel.folder, f"other{number}") for number in range(6))


def test_a_killed_kernel_has_lost_nothing_that_was_shown(kernel_in: Callable[..., Any]) -> None:
    kernel = kernel_in()
    kernel.run("%load_ext nbops\n" + SETUP)
    kernel.run("Image(DOT)", cell_id="dot")
    kernel.manager.signal_kernel(signal.SIGKILL)
    assert shown(kernel.folder, "dot") == [("output-1.png", DOT)]


def test_a_remote_place_gets_what_waited_on_this_machine(kernel_in: Callable[..., Any], tmp_path: Path) -> None:
    place = tmp_path / "far away"
    kernel = kernel_in(env={"NBOPS_BLOBS": f"file://{place}"})
    outbox = Blobs(tmp_path / ".nbops" / "outbox")
    left = outbox.put(b"by a session that was killed")
    kernel.run("%load_ext nbops\n" + SETUP)
    kernel.run("Image(DOT)", cell_id="dot")
    kernel.run("%unload_ext nbops")
    there = Blobs(f"file://{place}")
    assert there.get(outputs(tmp_path, "dot")[0].digest) == DOT
    assert there.get(left) == b"by a session that was killed"
    assert list(outbox.list()) == []


def test_a_disk_that_takes_nothing_stops_no_cell(kernel_in: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    kernel = kernel_in(env={"NBOPS_BLOBS": str(tmp_path / "file" / "blobs")})
    kernel.run("%load_ext nbops\n" + SETUP)
    replies = [kernel.run("Image(DOT)", cell_id=f"dot{number}") for number in range(2)]
    assert [reply["status"] for reply in replies] == ["ok", "ok"]
    assert "displays could not be stored" in kernel.printed(replies[0])
    assert "nbops" not in kernel.printed(replies[1])
    told = execution(tmp_path, "dot1")
    assert (told.status, told.outputs.kept, told.outputs.left_out) == ("ok", 0, 1)


def test_the_setting_leaves_displays_out(kernel_in: Callable[..., Any]) -> None:
    kernel = kernel_in(env={"NBOPS_DISPLAY_BYTES": "0"})
    kernel.run("%load_ext nbops\n" + SETUP)
    kernel.run("Image(DOT)", cell_id="dot")
    assert outputs(kernel.folder) == []
    assert execution(kernel.folder, "dot").outputs.media_types == ["image/png"]


def test_a_notebook_that_is_executed_whole_keeps_its_displays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".nbops").mkdir()
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    sources = ["%load_ext nbops\n" + SETUP, "Image(DOT)"]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert shown(tmp_path) == [("output-1.png", DOT)]
    with open_store(load_settings(tmp_path, env={}), read_only=True) as store:
        run = store.find(Run, limit=1)[0]
        assert outputs(tmp_path)[0].run_id == run.id


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"text/plain": "x"}, None),
        ({"image/png": DOT}, DOT),
        ({"image/png": base64.encodebytes(DOT).decode()}, DOT),
        ({"image/png": "é"}, None),
        ({"image/png": ["list"]}, None),
        ({"text/html": b"bytes"}, b"bytes"),
        ({"text/html": ["a", "list"]}, None),
        ({"text/html": "half \ud83d"}, b"half ?"),
        ({"application/json": {"a": object()}}, None),
        ({"application/json": '{"written": 1}'}, b'{"written": 1}'),
        ({"text/html": "", "text/latex": "$x$"}, b"$x$"),
    ],
)
def test_bytes_of_a_display(data: dict[str, Any], kept: bytes | None) -> None:
    display = display_of(data)
    assert (None if display is None else body_of(display, str)) == kept


def test_numbers_of_numpy_in_a_chart_are_kept() -> None:
    import numpy as np

    display = Display("application/vnd.plotly.v1+json", {"y": np.arange(3), "x": np.float64(1.5)})
    assert body_of(display, str) == b'{"y":[0,1,2],"x":1.5}'


def test_every_text_passes_the_place_where_it_can_be_cleaned() -> None:
    for display in (Display("text/html", "secret"), Display("application/json", {"a": "secret"})):
        body = body_of(display, lambda text: text.replace("secret", "***"))
        assert body is not None
        assert b"secret" not in body
        assert b"***" in body


def test_data_within_a_large_display_is_not_read_as_text_and_comes_back_whole() -> None:
    points, picture = [place / 7 for place in range(20_000)], base64.b64encode(bytes(range(256)) * 64).decode()
    read: list[str] = []

    def clean(text: str) -> str:
        read.append(text)
        return text.replace("hunter2", "***")

    chart = {"data": [{"x": points, "name": "hunter2", "y": {"bdata": picture}, "z": points[:3]}]}
    body = body_of(Display("application/vnd.plotly.v1+json", chart), clean)
    assert body is not None
    assert json.loads(body) == {"data": [{"x": points, "name": "***", "y": {"bdata": picture}, "z": points[:3]}]}
    assert len(read[0]) < 500
    page = f"<p>hunter2</p>{'<b>text</b> ' * 9_000}<img src='data:image/png;base64,{picture}'>\0"
    assert body_of(Display("text/html", page), clean) == page.replace("hunter2", "***").encode()


def test_outputs_of_one_execution_count_once(tmp_path: Path) -> None:
    (tmp_path / ".nbops").mkdir()
    with open_store(load_settings(tmp_path, env={})) as store:
        for number in range(6):
            store.put(
                Artifact(
                    id=f"{number:032x}", run_id=None, execution_id=f"e{number // 2}", name="a", digest="0" * 64,
                    size_bytes=1, kind="output", cell="#a", at=time.time(),
                )
            )  # fmt: skip
        assert [one.execution_id for one in superseded(store, "#a", keep=2)] == ["e0", "e0"]
        assert superseded(store, "#b", keep=0) == []
