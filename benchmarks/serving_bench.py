"""What one prediction costs the server's CPU, beside an empty handler of the same web server.

    python benchmarks/serving_bench.py [--json FILE] [--quick]

One server process on one CPU, wrk with 16 connections on the other, single JSON rows of 10 numeric and 2 categorical
columns, a different row each time, with validation, metrics and the prediction log on. Read the CPU time per request
and the ratio to the floor measured in the same round; requests per second depend on who else uses the machine. Starting
is measured from ``exec`` to the first 200.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BARS = {"linear": 50.0, "forest": 400.0, "boosting": 400.0, "onnx": 100.0, "original": 350.0}
"""CPU time per request, in microseconds."""
START_BARS = {"linear": 0.3, "forest": 0.3, "boosting": 0.3, "onnx": 0.5, "original": 1.6}
"""From exec to the first 200, in seconds."""
MEMORY_BARS = {"linear": 45, "forest": 45, "boosting": 45, "onnx": 70}
"""Resident memory of the idle server, in megabytes."""

ROTATE = """
local bodies = {}
for line in io.lines(os.getenv("ROWS")) do bodies[#bodies + 1] = line end
local place = 0
request = function()
  place = place % #bodies + 1
  return wrk.format("POST", "/predict", {["Content-Type"] = "application/json"}, bodies[place])
end
"""

FLOOR = """
import json, socket, uvicorn
BODY = b'{"predictions":[1],"model":"floor@1","request_id":"0123456789abcdef"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
bound = socket.socket(); bound.bind(("127.0.0.1", 0)); bound.listen(1000)
print(json.dumps({"port": bound.getsockname()[1]}), flush=True)
uvicorn.Server(uvicorn.Config(app, loop="uvloop", http="httptools", ws="none", lifespan="off", log_config=None,
    access_log=False, server_header=False, date_header=False)).run(sockets=[bound])
"""


def bundles(folder: Path) -> dict[str, Path]:
    """Fit the models, pack them, and write the rows that are asked."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OutputCodeClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from nbops.bundle import pack, register
    from nbops.settings import load_settings
    from nbops.store import open_store
    from nbops.store.blobs import Blobs

    generator = np.random.default_rng(0)
    count = 10_000
    frame = pd.DataFrame({f"n{place}": generator.normal(place, 2, count) for place in range(10)})
    frame["city"] = generator.choice(["Lima", "Oslo", "Paris", "Rome"], count)
    frame["plan"] = generator.choice(list("abcdefg"), count)
    target = (frame["n0"] + frame["n1"] * (frame["city"] == "Oslo") + generator.normal(0, 1, count) > 1).to_numpy()
    lines = frame.head(5000).to_json(orient="records", lines=True).splitlines()
    (folder / "rows").write_text("".join(f'{{"rows":[{line}]}}\n' for line in lines))
    (folder / ".nbops").mkdir()
    settings = load_settings(folder, env={})
    store, blobs = open_store(settings), Blobs(settings.blobs)
    models = {
        "linear": LogisticRegression(),
        "forest": RandomForestClassifier(100, random_state=0),
        "boosting": HistGradientBoostingClassifier(),
        "onnx": GaussianNB(),  # where the extra is installed
        "original": OutputCodeClassifier(LogisticRegression(), random_state=0),
    }
    made = {}
    for name, model in models.items():
        columns = make_column_transformer(
            (StandardScaler(), [f"n{place}" for place in range(10)]),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "plan"]),
        )
        version = register(
            make_pipeline(columns, model).fit(frame, target), name=name, sample=frame, store=store, blobs=blobs
        )
        made[name] = Path(pack(version, store=store, blobs=blobs, root=folder).path)
    store.close()
    return made


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a server on the first CPU and give its port."""
    process = subprocess.Popen(["taskset", "-c", "0", sys.executable, *command], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["port"]
    finally:
        process.terminate()
        process.communicate()


def cpu_seconds(pid: int) -> float:
    """CPU time a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int) -> float:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def load(command: list[str], folder: Path, *, seconds: int, connections: int = 16) -> dict[str, float]:
    """Ask a server as fast as it answers."""
    with running(command) as (process, port):
        time.sleep(0.3)
        memory = megabytes(process.pid)
        wrk(folder, port, 1, connections)
        before = cpu_seconds(process.pid)
        said = wrk(folder, port, seconds, connections)
        used = cpu_seconds(process.pid) - before
    requests = int(re.findall(r"(\d+) requests in", said)[0])
    assert "Non-2xx" not in said, said
    p50, p99 = (_milliseconds(re.findall(rf"{share}%\s+([\d.]+\w+)", said)[0]) for share in (50, 99))
    return {
        "cpu_us": used / requests * 1e6, "requests_per_s": requests / seconds, "p50_ms": p50, "p99_ms": p99,
        "idle_mb": memory,
    }  # fmt: skip


def wrk(folder: Path, port: int, seconds: int, connections: int) -> str:
    """Run wrk on the last CPU and return what it prints."""
    cpu = str((os.cpu_count() or 1) - 1)
    command = ["taskset", "-c", cpu, "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-s"]
    environment = {**os.environ, "ROWS": str(folder / "rows")}
    address = f"http://127.0.0.1:{port}"
    done = subprocess.run(
        [*command, str(folder / "rotate.lua"), address], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def _milliseconds(text: str) -> float:
    number, unit = re.findall(r"([\d.]+)(\w+)", text)[0]
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[unit]


def start_seconds(bundle: Path) -> float:
    """Seconds from exec to the first 200."""
    started = time.perf_counter()
    with running(["-m", "nbops_serving", str(bundle)]) as (_, port):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready").read()
        return time.perf_counter() - started


def measure(*, rounds: int, seconds: int) -> dict[str, Any]:
    """Run everything, interleaved, and return medians."""
    folder = Path(tempfile.mkdtemp(prefix="nbops-serving-"))
    try:
        (folder / "rotate.lua").write_text(ROTATE)
        (folder / "floor.py").write_text(FLOOR)
        made = bundles(folder)
        commands = {"floor": [str(folder / "floor.py")]}
        for name, bundle in made.items():
            commands[name] = ["-m", "nbops_serving", str(bundle), "--log", str(folder / "log" / name)]
        found: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                found[name].append(load(command, folder, seconds=seconds))
        starts = {
            name: statistics.median(start_seconds(bundle) for _ in range(rounds)) for name, bundle in made.items()
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        name: {key: statistics.median(one[key] for one in some) for key in some[0]} | {"start_s": starts.get(name, 0.0)}
        for name, some in found.items()
    }


def show(results: dict[str, Any]) -> None:
    """Print the table."""
    floor = results["floor"]["cpu_us"]
    print(f"{'':10}{'CPU us':>8}{'bar':>7}{'x floor':>9}{'p50 ms':>8}{'p99 ms':>8}{'idle MB':>9}{'start s':>9}")
    for name, one in results.items():
        bar = f"{BARS[name]:.0f}" if name in BARS else ""
        start = f"{one['start_s']:.2f}" if one["start_s"] else ""
        print(
            f"{name:10}{one['cpu_us']:8.1f}{bar:>7}{one['cpu_us'] / floor:9.2f}{one['p50_ms']:8.2f}{one['p99_ms']:8.2f}"
            f"{one['idle_mb']:9.1f}{start:>9}"
        )


def main() -> int:
    """Measure, print, and keep the figures as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="one short round")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("skipped: no wrk; apt-get install wrk")
        return 0
    # without byte code scikit-learn takes seconds to import, and no real server runs like that
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    results = measure(rounds=1 if options.quick else 3, seconds=2 if options.quick else 4)
    show(results)
    if options.json:
        options.json.write_text(json.dumps({"results": results, "bars": BARS, "start_bars": START_BARS}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
