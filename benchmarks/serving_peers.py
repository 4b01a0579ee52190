"""The model servers that ``serving_bench`` measures beside nbops: MLflow, MLServer, BentoML, LitServe and vetiver.

They live in an environment of their own (``python3 tools/provision.py serving-peers``) and serve the same fitted
pipelines, asked for probabilities row by row, batched where they can batch. Each is set up as its own pages show it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / ".cache" / "serving-peers"
PYTHON = FOLDER / "bin" / "python"
START_SECONDS = 90.0
Row = dict[str, Any]

_MLFLOW = """
import sys, joblib, mlflow, pandas as pd
from mlflow.models import infer_signature
model, rows = joblib.load("model.joblib"), pd.read_json("rows.json", orient="records")
mlflow.sklearn.save_model(
    model, "mlflow", signature=infer_signature(rows, model.predict_proba(rows)), pyfunc_predict_fn="predict_proba",
    serialization_format="cloudpickle",
)
"""
_BENTOML = """
import bentoml, joblib, pandas as pd

@bentoml.service(workers=1, traffic={"timeout": 30})
class Peer:
    def __init__(self):
        self.model = joblib.load("model.joblib")

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=30000)
    def predict(self, rows: list[dict]) -> list[list[float]]:
        return self.model.predict_proba(pd.DataFrame(rows)).tolist()
"""
_LITSERVE = """
import sys, joblib, litserve, pandas as pd

class Peer(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load("model.joblib")

    def decode_request(self, request):
        return request["rows"][0]

    def batch(self, inputs):
        return pd.DataFrame(inputs)

    def predict(self, batch):
        return self.model.predict_proba(batch)

    def unbatch(self, output):
        return output.tolist()

    def encode_response(self, output):
        return {"probabilities": output}

if __name__ == "__main__":
    api = Peer(max_batch_size=64, batch_timeout=0.002)
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error", num_api_servers=1
    )
"""
_VETIVER = """
import sys, joblib, pandas as pd, vetiver
rows = pd.read_json("rows.json", orient="records")
model = vetiver.VetiverModel(joblib.load("model.joblib"), "peer", prototype_data=rows)
vetiver.VetiverAPI(model, check_prototype=True).run(host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""


def _mlserver(folder: Path, port: int) -> None:
    settings = {"http_port": port, "host": "127.0.0.1", "grpc_port": free_port(), "metrics_port": free_port(),
                "parallel_workers": 0, "debug": False}  # fmt: skip
    model = {"name": "peer", "implementation": "mlserver_sklearn.SKLearnModel", "max_batch_size": 64,
             "max_batch_time": 0.002, "parameters": {"uri": "./model.joblib"}}  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))


def _script(text: str) -> Callable[[Path, int], None]:
    def write(folder: Path, port: int) -> None:
        (folder / "peer.py").write_text(text)

    return write


def _saved(folder: Path, port: int) -> None:
    subprocess.run([PYTHON, "-c", _MLFLOW], cwd=folder, env=environment(), check=True, capture_output=True)


def _tensors(row: Row) -> dict[str, Any]:
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": "BYTES" if isinstance(value, str) else "FP64", "data": [value]}
        | ({"parameters": {"content_type": "str"}} if isinstance(value, str) else {})
        for name, value in row.items()
    ]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": [{"name": "predict_proba"}]}


@dataclass(frozen=True)
class Peer:
    """One server: how it is prepared and started, and how it is asked."""

    name: str
    prepare: Callable[[Path, int], None]
    command: Callable[[int], list[str]]
    path: str
    body: Callable[[Row], Any]


PEERS = (
    Peer(
        "MLflow", _saved,
        lambda port: ["mlflow", "models", "serve", "-m", "mlflow", "--env-manager", "local", "-h", "127.0.0.1",
                      "-p", str(port), "-w", "1"],
        "/invocations", lambda row: {"dataframe_records": [row]},
    ),
    Peer("MLServer", _mlserver, lambda port: ["mlserver", "start", "."], "/v2/models/peer/infer", _tensors),
    Peer(
        "BentoML", _script(_BENTOML),
        lambda port: ["bentoml", "serve", "peer:Peer", "--host", "127.0.0.1", "--port", str(port)],
        "/predict", lambda row: {"rows": [row]},
    ),
    Peer("LitServe", _script(_LITSERVE), lambda port: ["python", "peer.py", str(port)], "/predict",
         lambda row: {"rows": [row]}),
    Peer("vetiver", _script(_VETIVER), lambda port: ["python", "peer.py", str(port)], "/predict", lambda row: [row]),
)  # fmt: skip


def environment() -> dict[str, str]:
    """What a peer's process is started with: it sends nothing anywhere, and computes in one thread."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "BENTOML_DO_NOT_TRACK": "true",
             "MLSERVER_TRACING_SERVER": "", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
    path = f"{FOLDER / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **quiet, "PATH": path, "BENTOML_HOME": str(FOLDER / "bentoml")}


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(peer: Peer, model: Path, rows: list[Row], folder: Path) -> Iterator[tuple[int, int]]:
    """Start a peer on the first CPU and give its process and port, once it answers.

    Raises:
        OSError: it does not start, or does not answer; the message has its last words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.joblib").write_bytes(model.read_bytes())
    (folder / "rows.json").write_text(json.dumps(rows[:200]))
    port = free_port()
    try:
        peer.prepare(folder, port)
    except subprocess.CalledProcessError as error:
        raise OSError(error.stderr.decode()[-300:]) from error
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", "0", *peer.command(port)], cwd=folder, env=environment(), stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            _wait(peer, process, port, rows[0], folder / "log")
            yield process.pid, port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(peer: Peer, process: subprocess.Popen[bytes], port: int, row: Row, log: Path) -> None:
    until, said = time.monotonic() + START_SECONDS, ""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{peer.path}", json.dumps(peer.body(row)).encode(), {"Content-Type": "application/json"}
    )
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=10):
                return
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.read()[:200]!r}"
        except OSError as error:
            said = str(error)
        time.sleep(0.2)
    raise OSError(f"{said}; {log.read_text(errors='replace')[-300:]}")


def installed() -> tuple[Peer, ...]:
    """The peers that can be measured here; none where their environment is not there, which is said."""
    if not PYTHON.exists():
        sys.stderr.write("no model servers are measured beside: python3 tools/provision.py serving-peers\n")
        return ()
    return PEERS
