"""What a row of a large file costs to score, and how much memory a file of any size takes.

    python benchmarks/score_bench.py [--json FILE] [--quick] [--rows 5000000]

The same file (Parquet, 10 numeric and 2 text columns) is scored by ``nbops score``, with the checks of a served model;
by hand, batch after batch, with the pipeline itself and pandas (the floor of whoever writes it oneself); and by pyfunc
of MLflow with its signature, where ``python3 tools/provision.py serving-peers`` has installed it. Each runs in a
process of its own, which says what it took and the most memory it held. A tenth of the file is scored as well: what
grows with the file shows there. Read ratios first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from serving_peers import PYTHON as PEERS
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nbops.bundle import pack
from nbops.flows.register import register_model
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs

GROUP_ROWS = 100_000
MEMORY_GROWTH_MB = 100
"""What the whole file may take beyond a tenth of it: readers keep buffers that hang on how many batches there were."""

_TELL = """
import json, sys, time
begin = time.perf_counter()
{work}
taken = time.perf_counter() - begin
# The system's own ru_maxrss begins with what the process held that started this one.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:")).split()[1]
print(json.dumps([taken, int(peak) / 1024]))
"""

_OURS = """
import msgspec
from nbops.records import Bundle
from nbops.score import score
score(msgspec.json.decode(open("bundle.json").read(), type=Bundle), sys.argv[1], sys.argv[1] + ".ours.parquet")
"""

_BY_HAND = """
import joblib, pyarrow as pa, pyarrow.parquet as pq
model, file, writer = joblib.load("model.joblib"), pq.ParquetFile(sys.argv[1], pre_buffer=False), None
for batch in file.iter_batches(20_000):
    frame = batch.to_pandas()
    shares = model.predict_proba(frame)
    frame["prediction"], frame["no"], frame["yes"] = model.classes_[shares.argmax(axis=1)], shares[:, 0], shares[:, 1]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    writer = writer or pq.ParquetWriter(sys.argv[1] + ".hand.parquet", table.schema)
    writer.write_table(table)
writer.close()
"""

_SAVE_MLFLOW = """
import joblib, mlflow, pandas as pd
from mlflow.models import infer_signature
model, rows = joblib.load("model.joblib"), pd.read_json("rows.json", orient="records")
mlflow.sklearn.save_model(
    model, "mlflow", signature=infer_signature(rows, model.predict_proba(rows)), pyfunc_predict_fn="predict_proba",
    serialization_format="cloudpickle",
)
"""

_MLFLOW = """
import mlflow.pyfunc, pandas as pd
frame = pd.read_parquet(sys.argv[1])
shares = mlflow.pyfunc.load_model("mlflow").predict(frame)
frame["no"], frame["yes"] = shares[:, 0], shares[:, 1]
frame.to_parquet(sys.argv[1] + ".mlflow.parquet")
"""


def table(rows: int, *, seed: int = 0) -> pd.DataFrame:
    """10 numeric and 2 text columns."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"n{place}": rng.normal(size=rows) for place in range(10)})
    return frame.assign(plan=rng.choice(list("abcde"), rows), region=rng.choice(["north", "south"], rows))


def write_file(path: Path, rows: int) -> None:
    """Write as many rows, group by group."""
    writer = None
    for seed, start in enumerate(range(0, rows, GROUP_ROWS)):
        part = pa.Table.from_pandas(table(min(GROUP_ROWS, rows - start), seed=seed), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    assert writer is not None
    writer.close()


def prepare(folder: Path) -> None:
    """Fit the model, pack it, and write down what the contestants load."""
    frame = table(3_000)
    label = np.where(frame.n0 + frame.n1 * frame.n2 + (frame["plan"] == "a") > 0.3, "yes", "no")
    numbers = [name for name in frame if name.startswith("n")]
    columns = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), ["plan", "region"]))
    model = make_pipeline(columns, LogisticRegression()).fit(frame, label)
    joblib.dump(model, folder / "model.joblib")
    frame.head(100).to_json(folder / "rows.json", orient="records")
    (folder / ".nbops").mkdir()
    settings = load_settings(folder, env={})
    with open_store(settings) as store:
        blobs = Blobs(settings.blobs)
        version = register_model(model, name="churn", sample=frame, store=store, blobs=blobs, root=folder)
        bundle = pack(version, store=store, blobs=blobs, root=folder)
    (folder / "bundle.json").write_bytes(msgspec.json.encode(bundle))


def run(python: str, work: str, file: Path, folder: Path) -> tuple[float, float]:
    """Return seconds and megabytes of one contestant over one file."""
    code = _TELL.format(work=work)
    done = subprocess.run([python, "-c", code, str(file)], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"a contestant failed:\n{done.stderr}")
    seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, megabytes


def measure(folder: Path, rows: int) -> dict[str, Any]:
    """Score a tenth of the file and all of it, by everybody in turn."""
    contestants = {"nbops": (sys.executable, _OURS), "by hand": (sys.executable, _BY_HAND)}
    if PEERS.is_file():
        subprocess.run([str(PEERS), "-c", _SAVE_MLFLOW], cwd=folder, capture_output=True, check=True)
        contestants["MLflow"] = (str(PEERS), _MLFLOW)
    else:
        print("MLflow is not measured beside: python3 tools/provision.py serving-peers")
    figures: dict[str, Any] = {"rows": rows}
    for part, count in (("a tenth", rows // 10), ("all", rows)):
        file = folder / f"{count}.parquet"
        write_file(file, count)
        for name, (python, work) in contestants.items():
            seconds, megabytes = run(python, work, file, folder)
            figures[f"{name}, {part}, us a row"] = seconds / count * 1e6
            figures[f"{name}, {part}, peak MB"] = megabytes
            for left in folder.glob("*.parquet.*.parquet"):
                left.unlink()
        file.unlink()
    figures["nbops, growth of the peak, MB"] = figures["nbops, all, peak MB"] - figures["nbops, a tenth, peak MB"]
    return figures


def main() -> None:
    """Measure, print a table, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--rows", type=int, default=5_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        figures = measure(Path(name), options.rows // 10 if options.quick else options.rows)
    bars = {"nbops, growth of the peak, MB": f"<= {MEMORY_GROWTH_MB} MB"}
    for name, value in figures.items():
        print(f"{name:40} {value:>14,.2f}   {bars.get(name, '')}")
    if options.json:
        options.json.write_text(json.dumps({"bars": bars, "figures": figures}, indent=2), "utf-8")


if __name__ == "__main__":
    main()
