"""The trackers that benchmarks measure beside nbops: MLflow on SQLite, and exptrack, which is made to be light.

They live in an environment of their own (``python3 tools/provision.py peers``). A ``Peer`` is a process of it that
waits between the rounds, so that nbops and its peers are measured in the same minutes, and never compute at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).resolve().parent.parent / ".cache" / "peers" / "bin" / "python"

FIRST_METRIC = {
    "MLflow": "import mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db'); mlflow.log_metric('loss', 0.5)",
    "exptrack": "from exptrack.core import Experiment; Experiment(name='x').log_metric('loss', 0.5)",
}
"""A whole program up to the first metric, as each tracker's own pages show it."""

_SERVE = """
import json, os, sys, time
told, sys.stdout = os.fdopen(os.dup(1), "w"), open(os.devnull, "w")
os.dup2(sys.stdout.fileno(), 1)

def timed(call, times):
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return taken

{cases}
for line in sys.stdin:
    name, arguments = json.loads(line)
    told.write(json.dumps(CASES[name](*arguments)) + "\\n")
    told.flush()
"""

_MLFLOW = """
import sqlite3
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
client = mlflow.MlflowClient()
run_id = client.create_run("0").info.run_id

def whole_run():
    client.set_terminated(client.create_run("0").info.run_id)

def fill(runs, params, metrics):
    # Through its own calls this takes from ten minutes to half an hour.
    import random
    chance = random.Random(0)
    connection = sqlite3.connect("mlflow.db")
    for n in range(runs):
        id = f"{n:032x}"
        connection.execute(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, "
            "artifact_uri, experiment_id) VALUES (?, ?, 'LOCAL', 'ada', 'FINISHED', ?, ?, 'active', '', 0)",
            (id, f"run{n}", n, n + 5),
        )
        connection.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            [(f"p{p}", str(chance.choice([1, 2, 4, 8, 0.1, "adam"])), id) for p in range(params)])
        for m in range(metrics):
            value = chance.random()
            connection.execute("INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                               "VALUES (?, ?, 1, ?, 0, 0)", (f"m{m}", value, id))
            connection.execute("INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
                               "VALUES (?, ?, 1, 0, 0, ?)", (f"m{m}", value, id))
    connection.commit()

CASES = {
    "log_metric": lambda times: timed(lambda: client.log_metric(run_id, "loss", 0.5), times),
    "run start + end": lambda times: timed(whole_run, times),
    "fill": fill,
    "search": lambda times: timed(lambda: client.search_runs(
        ["0"], "metrics.m0 > 0.5", order_by=["metrics.m1 DESC"], max_results=100), times),
}
"""

_EXPTRACK = """
from exptrack.core import Experiment
experiment = Experiment(name="bench")
CASES = {
    "log_metric": lambda times: timed(lambda: experiment.log_metric("loss", 0.5), times),
    "run start + end": lambda times: timed(lambda: Experiment(name="r").finish(), times),
}
"""
_CASES = {"MLflow": _MLFLOW, "exptrack": _EXPTRACK}


def environment() -> dict[str, str]:
    """What a peer's process is started with: it sends nothing anywhere."""
    return {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


class Peer:
    """One tracker in a process that waits to be asked."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        folder.mkdir(parents=True)
        self._process = subprocess.Popen(
            [str(PYTHON), "-c", _SERVE.format(cases=_CASES[name])], cwd=folder, env=environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, case: str, *arguments: int) -> Any:
        """Let it do a case; returns what the case gives, mostly seconds per call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([case, arguments]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


@contextmanager
def peers(folder: Path) -> Iterator[list[Peer]]:
    """Start every peer for the time of a ``with`` block; none where their environment is not there, which is said."""
    with ExitStack() as stack:
        started = []
        for name in _CASES if PYTHON.exists() else ():
            peer = Peer(name, folder / name)
            stack.callback(peer.close)
            started.append(peer)
        if not started:
            sys.stderr.write("no peers are measured: python3 tools/provision.py peers\n")
        yield started
