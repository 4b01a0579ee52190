"""Cells in a real kernel: what is recorded, and that the cell behaves as without nbops."""

from __future__ import annotations

import time
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from nbops.records import CellExecution, Run
from nbops.settings import load_settings
from nbops.store import open_store

pytestmark = pytest.mark.kernel


def last(kernel: Any) -> CellExecution:
    with open_store(load_settings(kernel.folder), read_only=True) as store:
        found: CellExecution = store.find(CellExecution, order_by="-id", limit=1)[0]
        return found


def test_the_cell_that_loads_the_extension_is_recorded_too(kernel: Any) -> None:
    with open_store(load_settings(kernel.folder), read_only=True) as store:
        first = store.find(CellExecution, order_by="id", limit=1)[0]
        run = store.get(Run, first.run_id)
    assert (first.source, first.status, first.position, first.cell_id) == ("%load_ext nbops", "ok", 1, "load")
    assert (run.kind, run.status, run.notebook, run.name) == ("session", "running", "train.ipynb", "train.ipynb")


def test_a_cell_is_recorded_as_typed_with_its_outputs(kernel: Any) -> None:
    source = "# why\nprint('one')\nimport sys; print('two', file=sys.stderr)\n1 + 1"
    reply = kernel.run(source, cell_id="a1")
    cell = last(kernel)
    assert reply["status"] == "ok"
    assert (cell.source, cell.status, cell.cell_id, cell.execution_count) == (
        source, "ok", "a1", reply["execution_count"]
    )  # fmt: skip
    assert cell.ended_at is not None
    assert cell.ended_at >= cell.started_at
    assert cell.outputs is not None
    assert (cell.outputs.text, cell.outputs.total_bytes) == ("one\ntwo\n2\n", 10)
    assert cell.outputs.media_types == ["text/plain"]


def test_an_exception_is_recorded_with_its_traceback_and_shown_once(kernel: Any) -> None:
    reply = kernel.run("def f():\n    raise KeyError('lost')\nf()")
    cell = last(kernel)
    assert [output["type"] for output in reply["outputs"]] == ["error"]
    assert cell.status == "error"
    assert cell.error is not None
    assert (cell.error.name, cell.error.message) == ("KeyError", "'lost'")
    assert "raise KeyError('lost')" in cell.error.traceback
    assert "\x1b" not in cell.error.traceback


def test_the_users_own_text_methods_are_called_no_more_often_than_without_nbops(kernel: Any) -> None:
    kernel.run(
        "calls = dict(repr=0, str=0)\n"
        "class Loud(Exception):\n"
        "    def __repr__(self): calls['repr'] += 1; return 'loud'\n"
        "    def __str__(self): calls['str'] += 1; return 'loud'"
    )
    kernel.run("Loud()")
    kernel.run("raise Loud()")
    with_nbops = kernel.run("print(calls)")
    kernel.run("%unload_ext nbops")
    kernel.run("calls.update(repr=0, str=0)")
    kernel.run("Loud()")
    kernel.run("raise Loud()")
    without = kernel.run("print(calls)")
    kernel.run("%load_ext nbops")
    assert kernel.printed(with_nbops) == kernel.printed(without)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        pytest.param("x = = 1", "invalid", id="invalid syntax"),
        pytest.param("before_return = 1\nreturn 3", "error", id="a return that runs what stands before it"),
        pytest.param("import sys; sys.exit(3)", "exited", id="sys.exit"),
        pytest.param("%no_such_magic", "error", id="unknown magic"),
        pytest.param("%%bash\nexit 3", "error", id="bash that fails"),
        pytest.param("%run missing.py", "error", id="run of a missing script"),
        pytest.param("import asyncio\nawait asyncio.sleep(0)", "ok", id="async"),
        pytest.param("import asyncio; raise asyncio.CancelledError()", "cancelled", id="cancelled"),
        pytest.param("async def boom():\n    raise OSError('later')\nawait boom()", "error", id="async that raises"),
    ],
)
def test_the_status_says_how_a_cell_ended(kernel: Any, source: str, status: str) -> None:
    reply = kernel.run(source)
    cell = last(kernel)
    assert (cell.source, cell.status) == (source, status)
    assert (cell.error is None) == (status == "ok")
    assert reply["status"] == ("ok" if status == "ok" else "error")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        pytest.param("!echo from the shell", "from the shell", id="shell"),
        pytest.param("%%bash\necho from bash", "from bash", id="bash"),
        pytest.param("import os, time; _ = os.system('echo below'); time.sleep(0.5)", "below", id="fd"),
        pytest.param("import sys; print = lambda *a: sys.stdout.write('mine')\nprint()\ndel print", "mine", id="print"),
        pytest.param("print('ä' * 3)", "äää", id="non-ascii"),
        pytest.param("import sys; sys.stdout.writelines(['a', 'b'])", "ab", id="writelines"),
        pytest.param("import threading\nt = threading.Thread(target=lambda: print('inside'))\nt.start(); t.join()",
                     "inside", id="thread"),
    ],
)  # fmt: skip
def test_what_is_shown_is_recorded(kernel: Any, source: str, shown: str) -> None:
    reply = kernel.run(source)
    cell = last(kernel)
    assert reply["status"] == "ok"
    assert cell.source == source
    assert cell.outputs is not None
    assert cell.outputs.text.strip() == shown
    assert cell.outputs.total_bytes == len(cell.outputs.text.encode())


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("%%capture\nprint('hidden')", id="capture magic"),
        pytest.param("import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()): print(1)", id="redirect"),
        pytest.param("6 * 7;", id="semicolon"),
    ],
)  # fmt: skip
def test_what_is_not_shown_is_not_recorded(kernel: Any, source: str) -> None:
    kernel.run(source)
    assert last(kernel).outputs is None


def test_displays_are_known_by_their_richest_type(kernel: Any) -> None:
    kernel.run(
        "from IPython.display import HTML, display\n"
        "display(HTML('<b>bold</b>'))\n"
        "display({'image/png': 'aGVsbG8=', 'text/plain': '<Figure>'}, raw=True)"
    )
    outputs = last(kernel).outputs
    assert outputs is not None
    assert outputs.media_types == ["text/html", "image/png"]
    assert "<Figure>" in outputs.text


def test_a_stream_that_a_cell_puts_in_the_place_of_stdout_is_left_alone(kernel: Any) -> None:
    kernel.run(
        "import sys\n"
        "class Tee:\n"
        "    def __init__(self, under): self.under = under\n"
        "    def write(self, text): self.under.write(text.upper())\n"
        "    def flush(self): self.under.flush()\n"
        "under, sys.stdout = sys.stdout, Tee(sys.stdout)\n"
        "print('first')"
    )
    kernel.run("print('second')")
    second = last(kernel)
    reply = kernel.run("sys.stdout = under; 'write' in vars(Tee(None))")
    assert second.outputs is not None
    assert second.outputs.text == "second\n"
    assert reply["status"] == "ok"
    assert [output["data"]["text/plain"] for output in reply["outputs"]] == ["False"]


def test_a_hundred_megabytes_are_printed_and_only_their_head_is_kept(kernel: Any) -> None:
    # Counted in the kernel: the size of what it holds, not the front end's.
    kernel.run(
        "import sys, resource\n"
        "line = 'x' * 1_000_000\n"
        "class Null:\n"
        "    def write(self, text): return len(text)\n"
        "    def flush(self): pass\n"
        "kept, sys.stdout = sys.stdout, Null()"
    )
    kernel.run("before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nfor _ in range(100): print(line)")
    cell = last(kernel)
    kernel.run("sys.stdout = kept\ngrown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024")
    reply = kernel.run("print(grown)")
    assert cell.outputs is not None
    assert cell.outputs.total_bytes == 100 * 1_000_001
    assert len(cell.outputs.text) == 10_000
    assert int(kernel.printed(reply)) < 50


def test_requests_of_front_ends_are_not_cells(kernel: Any) -> None:
    kernel.run("marker = 1")
    kernel.run("marker", silent=True, store_history=False)
    kernel.run("marker", store_history=False)
    kernel.run("import __main__ as __jupyter_exec_background__")
    kernel.run("   \n")
    assert last(kernel).source == "marker = 1"


def test_a_cell_within_a_cell_is_part_of_it(kernel: Any) -> None:
    source = "get_ipython().run_cell('inner = 5'); get_ipython().run_line_magic('time', 'inner')"
    kernel.run(source)
    assert (last(kernel).source, last(kernel).status) == (source, "ok")


def test_an_interrupted_cell_is_recorded_as_interrupted(kernel: Any) -> None:
    sent = kernel.send("import time\nprint('begun', flush=True)\ntime.sleep(30)")
    _until_printed(kernel, "begun")
    kernel.manager.interrupt_kernel()
    assert kernel.reply(sent)["status"] == "error"
    assert last(kernel).status == "interrupted"
    # ipykernel answers first and then aborts what has come meanwhile, which the next test's cell may be.
    while kernel.run("pass")["status"] == "aborted":
        pass


def test_an_interrupted_async_cell_is_recorded_as_cancelled(kernel: Any) -> None:
    kernel.send("import asyncio\nprint('begun', flush=True)\nawait asyncio.sleep(30)")
    _until_printed(kernel, "begun")
    kernel.manager.interrupt_kernel()
    # ipykernel looks at the interrupt when the next request arrives, which it then refuses.
    kernel.run("'refused'")
    assert last(kernel).status == "cancelled"


def test_a_background_task_is_not_recorded_under_a_later_cell(kernel: Any) -> None:
    kernel.run("import asyncio\nasync def tick():\n    await asyncio.sleep(0.2)\n    print('tick')\n"
               "task = asyncio.ensure_future(tick())")  # fmt: skip
    kernel.run("await task\nprint('tock')")
    outputs = last(kernel).outputs
    assert outputs is not None
    assert outputs.text == "tock\n"


def test_a_forked_child_records_nothing_as_its_parent(kernel: Any) -> None:
    reply = kernel.run(
        "import os, nbops\n"
        "nbops.log_metric('before', 1)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    get_ipython().events.trigger('post_run_cell', None)\n"
        "    nbops.log_metric('child', 2.0)\n"
        "    os._exit(0)\n"
        "_, code = os.waitpid(child, 0)\n"
        "nbops.log_metric('after', 3)\n"
        "code"
    )
    cell = last(kernel)
    with open_store(load_settings(kernel.folder), read_only=True) as store:
        logged = {metric.name: metric.value for metric in store.metrics(cell.run_id)}
    assert [output["data"]["text/plain"] for output in reply["outputs"]] == ["0"]
    assert cell.status == "ok"
    assert {"before": 1, "child": 2, "after": 3}.items() <= logged.items()


def test_a_script_or_notebook_that_a_cell_runs_is_part_of_the_cell(kernel: Any) -> None:
    (kernel.folder / "part.py").write_text("print('from the script')")
    nbformat.write(new_notebook(cells=[new_code_cell("inner = 3")]), kernel.folder / "part.ipynb")
    source = "%run part.py\n%run -i part.ipynb\ninner"
    kernel.run(source)
    cell = last(kernel)
    assert (cell.source, cell.status) == (source, "ok")
    assert cell.outputs is not None
    assert "from the script" in cell.outputs.text


def test_a_cell_magic_shows_a_failing_body_once_and_fails_its_cell(kernel: Any) -> None:
    reply = kernel.run("%%nbops run doomed\nkept = 1\n1 / 0")
    cell = last(kernel)
    assert (reply["status"], reply["ename"]) == ("error", "ZeroDivisionError")
    assert [output["type"] for output in reply["outputs"]] == ["error"]
    assert cell.error is not None
    assert (cell.status, cell.error.name) == ("error", "ZeroDivisionError")
    assert "----> 3 1 / 0" in cell.error.traceback


def test_a_cell_magic_displays_the_last_value_of_its_body(kernel: Any) -> None:
    reply = kernel.run("%%nbops run fine\n6 * 7")
    assert [output["data"]["text/plain"] for output in reply["outputs"]] == ["42"]


def test_a_cell_magic_refuses_a_body_that_awaits(kernel: Any) -> None:
    reply = kernel.run("%%nbops run asynchronous\nimport asyncio\nawait asyncio.sleep(0)")
    assert (reply["status"], reply["ename"]) == ("error", "UsageError")
    assert "with nbops.run" in reply["outputs"][-1]["evalue"]


def test_an_object_that_cannot_be_displayed_fails_its_cell(kernel: Any) -> None:
    reply = kernel.run("class Broken:\n    def __repr__(self): raise ValueError('no text')\nBroken()")
    cell = last(kernel)
    assert reply["status"] == "error"
    assert cell.status == "error"
    assert cell.error is not None
    assert (cell.error.name, cell.error.message) == ("ValueError", "no text")


def test_environment_and_commit_are_stored_with_the_session(kernel: Any) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with open_store(load_settings(kernel.folder), read_only=True) as store:
            run = store.find(Run, order_by="id", limit=1)[0]
        if run.environment_id:
            break
        time.sleep(0.1)
    from nbops.records import Environment

    with open_store(load_settings(kernel.folder), read_only=True) as store:
        environment = store.get(Environment, run.environment_id or "")
    assert "ipykernel" in environment.packages
    assert set(environment.variables) <= {"PYTHONHASHSEED", "TZ", "LANG", "LANGUAGE"} | {
        name for name in environment.variables if name.endswith("_NUM_THREADS") or name.startswith("LC_")
    }
    assert (run.git_commit, run.git_dirty) == (None, None)


def _until_printed(kernel: Any, text: str) -> None:
    while True:
        message = kernel.client.get_iopub_msg(timeout=20)
        if message["msg_type"] == "stream" and text in message["content"]["text"]:
            return
