"""What one prediction costs the server's CPU, beside an empty handler of the same web server and other model servers.

    python benchmarks/serving_bench.py [--json FILE] [--quick] [--no-peers]

One server process on one CPU, wrk with 16 connections on the other, single JSON rows of 10 numeric and 2 categorical
columns, a different row each time, with validation, metrics and the prediction log on. Read the CPU time per request
and the ratio to the floor measured in the same round; requests per second depend on who else uses the machine.
Starting is measured from ``exec`` to the first 200. ``p99 half`` is the latency at half of the load that was the most.
A batch is 10,000 rows as an Arrow stream. ``lone`` is what a single caller waits beyond the model's own answer.
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

from serving_peers import Peer, installed, serving

BARS = {"linear": 50.0, "forest": 400.0, "boosting": 400.0, "onnx": 100.0, "original": 350.0}
"""CPU time per request, in microseconds."""
START_BARS = {"linear": 0.3, "forest": 0.3, "boosting": 0.3, "onnx": 0.5, "original": 1.6}
"""From exec to the first 200, in seconds."""
MEMORY_BARS = {"linear": 45, "forest": 45, "boosting": 45, "onnx": 70}
"""Resident memory of the idle server, in megabytes."""

LONE_BARS = {"original": 0.3}
"""What a lone request may take beyond the model itself, in milliseconds."""
P99_BAR, ARROW_BAR = 10.0, 20.0
"""Milliseconds at half of the most load; rows by Arrow batch for the CPU time of one row by JSON."""
PEER_BARS = {"linear": 25.0, "forest": 5.0}
"""How many times the CPU time of the best peer's request is that of ours."""
BATCH_ROWS = 10_000

ROTATE = """
local bodies = {}
for line in io.lines(os.getenv("ROWS")) do bodies[#bodies + 1] = line end
local place, route, pause = 0, os.getenv("ROUTE"), tonumber(os.getenv("PAUSE_MS"))
request = function()
  place = place % #bodies + 1
  return wrk.format("POST", route, {["Content-Type"] = "application/json"}, bodies[place])
end
if pause > 0 then delay = function() return math.floor(pause + math.random()) end end
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
    import joblib
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
    _write_batch(frame.head(BATCH_ROWS), folder / "batch.arrow")
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
        fitted = make_pipeline(columns, model).fit(frame, target)
        joblib.dump(fitted, folder / f"{name}.joblib")
        version = register(fitted, name=name, sample=frame, store=store, blobs=blobs)
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


def _write_batch(frame: Any, path: Path) -> None:
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def cpu_seconds(pid: int) -> float:
    """CPU time a process and those that it started have used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return own + sum(cpu_seconds(int(child)) for child in children.split())


def megabytes(pid: int) -> float:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def load(command: list[str], folder: Path, *, seconds: int, is_ours: bool = True) -> dict[str, float]:
    """Ask a server as fast as it answers; then, where it is ours, at half of that, alone, and by the batch."""
    with running(command) as (process, port):
        time.sleep(0.3)
        found = {"idle_mb": megabytes(process.pid), **asked(process.pid, port, folder / "rows", folder, seconds)}
        if is_ours:
            pause = 16 / (found["requests_per_s"] / 2) * 1e3
            half = wrk(folder, port, folder / "rows", 2, pause_ms=pause)
            found["p99_half_ms"] = _latency(half, 99)
            found["lone_ms"] = _latency(wrk(folder, port, folder / "rows", 1, connections=1), 50)
            found["batch_us_per_row"] = batches(process.pid, port, folder)
    return found


def asked(pid: int, port: int, rows: Path, folder: Path, seconds: int, route: str = "/predict") -> dict[str, float]:
    """Ask as fast as it answers, after a second of warming up."""
    wrk(folder, port, rows, 1, route=route)
    before = cpu_seconds(pid)
    said = wrk(folder, port, rows, seconds, route=route)
    used = cpu_seconds(pid) - before
    requests = int(re.findall(r"(\d+) requests in", said)[0])
    assert "Non-2xx" not in said, said
    return {
        "cpu_us": used / requests * 1e6, "requests_per_s": requests / seconds,
        "p50_ms": _latency(said, 50), "p99_ms": _latency(said, 99),
    }  # fmt: skip


def batches(pid: int, port: int, folder: Path, *, times: int = 10) -> float:
    """CPU time per row of Arrow batches, in microseconds."""
    body = (folder / "batch.arrow").read_bytes()
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    before = 0.0
    for place in range(times + 1):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, headers)
        with urllib.request.urlopen(request) as answer:
            answer.read()
        if place == 0:  # the first one also loads pyarrow
            time.sleep(0.3)
            before = cpu_seconds(pid)
    time.sleep(0.3)  # the prediction log is written behind
    return (cpu_seconds(pid) - before) / (times * BATCH_ROWS) * 1e6


def wrk(
    folder: Path, port: int, rows: Path, seconds: int, *, connections: int = 16, route: str = "/predict",
    pause_ms: float = 0,
) -> str:  # fmt: skip
    """Run wrk on the last CPU and return what it prints."""
    cpu = str((os.cpu_count() or 1) - 1)
    command = ["taskset", "-c", cpu, "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-s"]
    environment = {**os.environ, "ROWS": str(rows), "ROUTE": route, "PAUSE_MS": str(pause_ms)}
    address = f"http://127.0.0.1:{port}"
    done = subprocess.run(
        [*command, str(folder / "rotate.lua"), address], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def _latency(said: str, share: int) -> float:
    return _milliseconds(re.findall(rf"{share}%\s+([\d.]+\w+)", said)[0])


def _milliseconds(text: str) -> float:
    number, unit = re.findall(r"([\d.]+)(\w+)", text)[0]
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[unit]


def start_seconds(bundle: Path) -> float:
    """Seconds from exec to the first 200."""
    started = time.perf_counter()
    with running(["-m", "nbops_serving", str(bundle)]) as (_, port):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready").read()
        return time.perf_counter() - started


def predict_ms(model: Path, rows: Path) -> float:
    """What the model itself takes for one row of a DataFrame, in this process."""
    import joblib
    import pandas as pd

    fitted, taken = joblib.load(model), []
    ask = getattr(fitted, "predict_proba", None) or fitted.predict
    for line in rows.read_text().splitlines()[:300]:
        frame = pd.DataFrame(json.loads(line)["rows"])
        began = time.perf_counter()
        ask(frame)
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def peer_load(peer: Peer, name: str, folder: Path, *, seconds: int) -> dict[str, float] | None:
    """Ask another model server; None where it cannot be had, which is said."""
    lines = (folder / "rows").read_text().splitlines()
    rows = [json.loads(line)["rows"][0] for line in lines]
    place = folder / f"{peer.name}-{name}"
    bodies = folder / f"{peer.name}-{name}-rows"
    bodies.write_text("".join(json.dumps(peer.body(row)) + "\n" for row in rows))
    try:
        with serving(peer, folder / f"{name}.joblib", rows, place) as (pid, port):
            return asked(pid, port, bodies, folder, seconds, peer.path)
    except (OSError, AssertionError) as error:
        print(f"not measured: {peer.name} with the {name} model: {error}", file=sys.stderr)
        return None
    finally:
        shutil.rmtree(place, ignore_errors=True)


def measure(*, rounds: int, seconds: int, peers: tuple[Peer, ...]) -> dict[str, Any]:
    """Run everything, interleaved, and return medians."""
    folder = Path(tempfile.mkdtemp(prefix="nbops-serving-"))
    found: dict[str, list[dict[str, float]]] = {}
    try:
        (folder / "rotate.lua").write_text(ROTATE)
        (folder / "floor.py").write_text(FLOOR)
        made = bundles(folder)
        commands = {"floor": [str(folder / "floor.py")]}
        for name, bundle in made.items():
            commands[name] = ["-m", "nbops_serving", str(bundle), "--log", str(folder / "log" / name)]
        for _ in range(rounds):
            for name, command in commands.items():
                one = load(command, folder, seconds=seconds, is_ours=name != "floor")
                if name in made:
                    one["start_s"] = start_seconds(made[name])
                if name in LONE_BARS:
                    one["lone_over_ms"] = one["lone_ms"] - predict_ms(folder / f"{name}.joblib", folder / "rows")
                found.setdefault(name, []).append(one)
            for peer in peers:
                for name in PEER_BARS:
                    if (other := peer_load(peer, name, folder, seconds=seconds)) is not None:
                        found.setdefault(f"{peer.name}, {name}", []).append(other)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {name: {key: statistics.median(one[key] for one in some) for key in some[0]} for name, some in found.items()}


def show(results: dict[str, Any]) -> None:
    """Print the table, and how the bars that are ratios are met."""
    floor = results["floor"]["cpu_us"]
    columns = {
        "p50 ms": "p50_ms", "p99 ms": "p99_ms", "p99 half": "p99_half_ms", "idle MB": "idle_mb", "start s": "start_s",
        "lone +ms": "lone_over_ms",
    }  # fmt: skip
    print(f"{'':18}{'CPU us':>9}{'bar':>6}{'x floor':>9}" + "".join(f"{title:>10}" for title in columns))
    for name, one in results.items():
        bar = f"{BARS[name]:.0f}" if name in BARS else ""
        rest = "".join(f"{one[key]:10.2f}" if key in one else f"{'':10}" for key in columns.values())
        print(f"{name:18}{one['cpu_us']:9.1f}{bar:>6}{one['cpu_us'] / floor:9.2f}{rest}")
    linear = results["linear"]
    times = linear["cpu_us"] / linear["batch_us_per_row"]
    print(f"rows by Arrow batch for one by JSON: {times:.0f} (bar {ARROW_BAR:.0f})")
    for name, bar in PEER_BARS.items():
        others = {
            key: one["cpu_us"] / results[name]["cpu_us"] for key, one in results.items() if key.endswith(f", {name}")
        }
        told = ", ".join(f"{key.partition(',')[0]} {times:.0f}x" for key, times in others.items())
        print(f"CPU time of other servers for that of {name}: {told or 'none measured'} (bar: {bar:.0f}x the best)")


def main() -> int:
    """Measure, print, and keep the figures as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--no-peers", action="store_true", help="leave the other model servers out")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("skipped: no wrk; apt-get install wrk")
        return 0
    # without byte code scikit-learn takes seconds to import, and no real server runs like that
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    peers = () if options.no_peers else installed()
    results = measure(rounds=1 if options.quick else 3, seconds=2 if options.quick else 4, peers=peers)
    show(results)
    if options.json:
        bars = {
            "cpu_us": BARS, "start_s": START_BARS, "idle_mb": MEMORY_BARS, "lone_over_ms": LONE_BARS,
            "p99_half_ms": P99_BAR, "arrow_rows": ARROW_BAR, "best_peer": PEER_BARS,
        }  # fmt: skip
        options.json.write_text(json.dumps({"results": results, "bars": bars}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
