"""Runs a notebook in IPython, extracts from the live session, and reports as JSON; started by the tests as a program.

A process of its own, because a live notebook is ``__main__``.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

_REPLAY = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
module = importlib.import_module("corpus_module")
print(json.dumps({call: repr(eval(call, vars(module))) for call in json.loads(sys.argv[2])}))
"""


def main(path: str, cases: dict[str, list[str]]) -> dict[str, Any]:
    from IPython.core.interactiveshell import InteractiveShell

    from nbops.source import SourceCell, read_notebook

    shell = InteractiveShell.instance()
    sys.modules["__main__"] = shell.user_module
    shell.register_magic_function(lambda line: None, "line", "matplotlib")  # the library itself need not be there
    ran: list[SourceCell] = []
    for position, cell in enumerate(read_notebook(path), 1):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            result = shell.run_cell(cell.source, store_history=True)
        status = "invalid" if isinstance(result.error_before_exec, SyntaxError) else "ok" if result.success else "error"
        ran.append(msgspec.structs.replace(cell, status=status, execution_id=f"e{position}", execution_count=position))
    report = {name: _planned([name], ran, shell.user_ns) for name in cases}
    free = {name: calls for name, calls in cases.items() if not report[name]["blockers"]}
    together = _planned(list(free), ran, shell.user_ns, proof=True)
    wanted = [call for calls in free.values() for call in calls]
    clean = _in_clean_process(together["source"], wanted)
    live = {call: _evaluated(call, shell.user_ns) for call in wanted}
    for name, calls in free.items():
        report[name] |= {"clean": {c: clean[c] for c in calls}, "live": {c: live[c] for c in calls}}
    return {"cases": report, "together": together}


def _planned(names: list[str], ran: list[Any], namespace: dict[str, Any], *, proof: bool = False) -> dict[str, Any]:
    from nbops.extract.planning import make_plan
    from nbops.extract.proving import prove
    from nbops.source import analyse

    root = Path.cwd()
    plan = make_plan(names, cells=ran, module="corpus_module", root=root, namespace=namespace, notebook=None)
    if proof and not plan.blockers:
        prove(plan, root=root, notebook=None, namespace=namespace)
    return {
        "blockers": {blocker.name: blocker.kind for blocker in plan.blockers},
        "reasons": [blocker.reason for blocker in plan.blockers],
        "names": sorted({name for unit in analyse(plan.source).units for name in unit.binds}),
        "source": plan.source,
    }


def _in_clean_process(source: str, calls: list[str]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "corpus_module.py").write_text(source, "utf-8")
        command = [sys.executable, "-I", "-c", _REPLAY, folder, json.dumps(calls)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers: dict[str, str] = json.loads(done.stdout)
    return answers


def _evaluated(call: str, namespace: dict[str, Any]) -> str:
    return repr(eval(call, namespace))


if __name__ == "__main__":
    answer = main(sys.argv[1], json.loads(sys.argv[2]))
    sys.__stdout__.write("\0" + json.dumps(answer))
    sys.__stdout__.flush()
