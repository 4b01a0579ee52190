"""What it takes to bring a retrained model before its clients, and whether any of them notices.

    python benchmarks/deploy_bench.py [--json FILE] [--quick] [--engine docker] [--only redeploy|swap]

Redeploys of the same pipeline, retrained, are timed from the call in this (live) process to the first 200 through
HAProxy, on every rung; a bare container of the same image, started by Docker's own client and asked until it answers,
is timed in turn with them as the machine's floor. The swap runs under wrk with 16 connections and rotating rows, while
versions change and roll back behind the address, then once more while four other endpoints are redeployed at the same
time. Run it with compiled bytecode and read ratios first.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OutputCodeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nbops.deploy import client, docker_client, image, rollback, stop
from nbops.deploy.engine import SERVER_PORT
from nbops.flows.deploy import deploy_model
from nbops.progress import stage
from nbops.records import Bundle, Deployment
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops_serving.manifest import read_manifest

BARS = {
    "redeploy, plan": "<= 1.2 s",
    "redeploy, ONNX": "<= 1.2 s",
    "redeploy, scikit-learn": "<= 2.0 s",
    "cold build with a warm wheelhouse": "<= 45 s",
    "image over its base, plan": "<= 60 MB",
    "image over its base, ONNX": "<= 170 MB",
    "image over its base, scikit-learn": "<= 280 MB",
    "failed requests while versions are swapped": "0 of >= 50,000",
}

MODELS = {
    "plan": lambda n: LogisticRegression(C=n),
    "ONNX": lambda n: GaussianNB(var_smoothing=n * 1e-9),
    "scikit-learn": lambda n: OutputCodeClassifier(LogisticRegression(C=n), random_state=0),
}
"""One for each rung that comes with nbops; ONNX where the extra is installed."""
RUNGS = {"plan": "plan", "ONNX": "onnx", "scikit-learn": "original"}


def table(rows: int = 3000) -> tuple[pd.DataFrame, Any]:
    """10 numeric and 2 text columns, and a label."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{i}": rng.normal(size=rows) for i in range(10)})
    frame["plan"], frame["region"] = rng.choice(list("abcde"), rows), rng.choice(["north", "south"], rows)
    return frame, np.where(frame.n0 + frame.n1 * frame.n2 + (frame.plan == "a") > 0.3, "yes", "no")


def fit(kind: str, number: int) -> Any:
    """Retrain: the same pipeline with another parameter."""
    frame, label = table()
    numbers = [name for name in frame if name.startswith("n")]
    columns = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(sparse_output=False), ["plan", "region"])
    )
    return make_pipeline(columns, MODELS[kind](number)).fit(frame, label)


class Bench:
    """A project to deploy in, and everything that was measured."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.settings = load_settings(folder, env={})
        self.store = open_store(self.settings)
        self.blobs = Blobs(self.settings.blobs)
        self.engine = engine
        self.frame, _ = table()
        self.figures: dict[str, Any] = {}

    def deploy(self, model: Any, name: str) -> Any:
        return deploy_model(
            model,
            name=name,
            sample=self.frame,
            engine=self.engine,
            store=self.store,
            blobs=self.blobs,
            settings=self.settings,
        )

    def redeploy(self, kind: str, rounds: int) -> None:
        """From the call to the first 200 through HAProxy, in turn with a bare container of the same image."""
        name = RUNGS[kind]
        began = time.perf_counter()
        self.deploy(fit(kind, 1), name)
        self.figures[f"first deploy, {kind}, s"] = time.perf_counter() - began
        rung = self.store.get(Bundle, self.newest(name).bundle_id).rung
        if rung != RUNGS[kind]:
            print(f"not measured: the model for {kind} is served by its {rung} here")
            stop(name, store=self.store, settings=self.settings)
            return
        taken, floor = [], []
        for number in range(2, rounds + 2):
            model = fit(kind, number)
            began = time.perf_counter()
            endpoint = self.deploy(model, name)
            client.predict(endpoint.address, self.frame.head(1))
            taken.append(time.perf_counter() - began)
            if self.engine == "docker":
                floor.append(self.bare(name))
        self.figures[f"redeploy, {kind}, s"] = statistics.median(taken)
        if floor:
            self.figures[f"bare docker run to first 200, {kind}, s"] = statistics.median(floor)
            self.sizes(kind, name)
        stop(name, store=self.store, settings=self.settings)

    def newest(self, name: str) -> Deployment:
        return self.store.find(Deployment, endpoint=name, order_by="-id", limit=1)[0]

    def bare(self, name: str) -> float:
        """Start the same image with nothing of ours around it, and wait until it answers."""
        with docker_client.connected() as docker:
            began = time.perf_counter()
            container = docker.containers.run(
                self.newest(name).handle["image"], detach=True, ports={f"{SERVER_PORT}/tcp": ("127.0.0.1", None)}
            )
            try:
                container.reload()
                port = container.ports[f"{SERVER_PORT}/tcp"][0]["HostPort"]
                while not client.is_ready(f"http://127.0.0.1:{port}"):
                    time.sleep(0.005)
                return time.perf_counter() - began
            finally:
                container.remove(force=True, v=True)

    def sizes(self, kind: str, name: str) -> None:
        with docker_client.connected() as docker:
            base = docker.images.get(self.settings.base_image).attrs["Size"]
            whole = docker.images.get(self.newest(name).handle["image"]).attrs["Size"]
        self.figures[f"image over its base, {kind}, MB"] = (whole - base) / 1e6

    def cold_build(self) -> None:
        """Make the scikit-learn image anew: wheels are in the installer's cache, nothing else is there."""
        found = self.settings.folder.glob("bundles/*/manifest.json")
        requirements = max((read_manifest(path.read_bytes()).requirements for path in found), key=len)
        before = os.environ.get("XDG_CACHE_HOME")
        with tempfile.TemporaryDirectory() as folder, docker_client.connected() as docker:
            # Another base with the same content, so that no layer of an earlier build is one of this.
            base = f"nbops-bench-base:{os.getpid()}"
            context = io.BytesIO(f"FROM {self.settings.base_image}\nLABEL at={time.time()}\n".encode())
            docker.images.build(fileobj=context, tag=base, rm=True)
            os.environ["XDG_CACHE_HOME"] = folder
            try:
                began = time.perf_counter()
                with stage("Build") as now:
                    made = image.build_runtime(docker, image.base_image(docker, base), requirements, now=now)
                self.figures["cold build with a warm wheelhouse, s"] = time.perf_counter() - began
                docker.images.remove(made)
            finally:
                del os.environ["XDG_CACHE_HOME"]
                if before is not None:
                    os.environ["XDG_CACHE_HOME"] = before
                docker.images.remove(base)

    def swap(self, requests: int, *, others: int = 0) -> None:
        """Change versions and roll back under load, until enough requests were answered.

        Args:
            requests: how many have to be answered.
            others: endpoints that are redeployed at the same time, in threads of their own.
        """
        endpoint = self.deploy(fit("plan", 1), "swap")
        sent, failed, said = 0, 0, []
        versions = iter(range(2, 1000))
        with self.redeploying(others):
            while sent < requests:
                load = Wrk(endpoint.address, self.frame, seconds=12)
                time.sleep(1)
                while load.is_running():
                    self.deploy(fit("plan", next(versions)), "swap")
                    rollback("swap", store=self.store, settings=self.settings)
                counted, wrong, text = load.result()
                sent, failed = sent + counted, failed + wrong
                said.append(text)
        beside = f", {others} others at once" if others else ""
        self.figures[f"requests while versions are swapped{beside}"] = sent
        self.figures[f"failed requests while versions are swapped{beside}"] = failed
        self.figures[f"swaps{beside}"] = 2 * (next(versions) - 2)
        if failed:
            print("\n".join(said))
        stop("swap", store=self.store, settings=self.settings)

    @contextlib.contextmanager
    def redeploying(self, count: int) -> Iterator[None]:
        """Redeploy some other endpoints again and again meanwhile."""
        is_over = threading.Event()
        with ThreadPoolExecutor(max(count, 1)) as pool:
            under_way = [pool.submit(self._redeploy_until, is_over, f"other-{number}") for number in range(count)]
            try:
                yield
            finally:
                is_over.set()
            swaps = sum(each.result() for each in under_way)
        if count:
            self.figures["redeploys of the others"] = swaps

    def _redeploy_until(self, is_over: threading.Event, name: str) -> int:
        with open_store(self.settings) as store:
            for number in itertools.count(1):
                deploy_model(
                    fit("plan", number), name=name, sample=self.frame, engine=self.engine, store=store,
                    blobs=self.blobs, settings=self.settings,
                )  # fmt: skip
                if is_over.is_set():
                    break
            stop(name, store=store, settings=self.settings)
        return number


class Wrk:
    """wrk with 16 connections that ask about one row after another."""

    def __init__(self, address: str, frame: pd.DataFrame, *, seconds: int) -> None:
        program = shutil.which("wrk")
        assert program is not None, "apt-get install wrk"
        self._folder = tempfile.TemporaryDirectory()
        script = Path(self._folder.name) / "rows.lua"
        bodies = ",\n".join(f"[==[{json.dumps({'rows': [row]})}]==]" for row in frame.head(500).to_dict("records"))
        script.write_text(
            f"local bodies = {{{bodies}}}\nlocal n = 0\n"
            "request = function() n = n % #bodies + 1\n"
            'return wrk.format("POST", "/predict", {["Content-Type"]="application/json"}, bodies[n]) end\n',
            "utf-8",
        )
        self._process = subprocess.Popen(
            [program, "-t1", "-c16", f"-d{seconds}s", "--latency", "-s", str(script), address],
            stdout=subprocess.PIPE,
            text=True,
        )

    def is_running(self) -> bool:
        return self._process.poll() is None

    def result(self) -> tuple[int, int, str]:
        """Requests, failures, and wrk's own words."""
        text = self._process.communicate()[0]
        self._folder.cleanup()
        sent = int(re.search(r"(\d+) requests in", text).group(1))  # type: ignore[union-attr]
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        failed = (int(refused.group(1)) if refused else 0) + (sum(map(int, broken.groups())) if broken else 0)
        return sent, failed, text


def main() -> None:
    """Measure, print a table, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and requests")
    parser.add_argument("--engine", default="docker", choices=("docker", "process"))
    parser.add_argument("--only", choices=("redeploy", "swap"), help="leave the other half out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".nbops").mkdir()
        bench = Bench(Path(folder), options.engine)
        if options.only != "swap":
            for kind in MODELS:
                bench.redeploy(kind, rounds=3 if options.quick else 9)
            if options.engine == "docker":
                bench.cold_build()
        requests = 5_000 if options.quick else 50_000
        if options.only != "redeploy":
            bench.swap(requests)
            bench.swap(requests, others=4)
        bench.store.close()
    for name, value in bench.figures.items():
        bar = next((bar for start, bar in BARS.items() if name.startswith(start)), "")
        print(f"{name:50} {value:>10,.2f}   {bar}")
    if options.json:
        options.json.write_text(json.dumps({"bars": BARS, "figures": bench.figures}, indent=2), "utf-8")


if __name__ == "__main__":
    main()
