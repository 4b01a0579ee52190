"""The whole way once, on a real notebook and a real data set: from a cell to an answering, watched endpoint."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from nbops.errors import MissingError, NbopsError
from nbops.progress import stage
from nbops.records import CellExecution, Endpoint, ModelVersion, ModuleVersion, Run, Sweep, Window
from nbops.settings import STORE_FOLDER, load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs

NOTEBOOK = "quickstart.ipynb"
REQUESTS = 400
"""How many single-row requests the demo sends: enough for drift of one column to be told from chance."""


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of the journey that went well."""

    title: str
    seconds: float
    result: str


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo made, stage by stage."""

    stages: list[Passed]
    summary: dict[str, str]
    notice: str | None = None
    """What was done differently from the full way because something is missing here."""


def demo(folder: Path, *, engine: str | None = None) -> Journey:
    """Take the quickstart notebook through every stage in a project of its own.

    Args:
        folder: where the project is made; a second demo in the same folder adds to it and swaps the endpoint.
        engine: ``"docker"`` or ``"process"``; Docker where it answers and has a base image when not given.

    Returns:
        Each stage with its time and result, and where to look.

    Raises:
        NbopsError: a stage failed; what was made until then stays in the folder.
    """
    folder = folder.expanduser().absolute()
    notebook = _make_project(folder)
    return _Demo(folder, notebook, engine).run()


def _make_project(folder: Path) -> Path:
    (folder / STORE_FOLDER).mkdir(parents=True, exist_ok=True)
    notebook = folder / NOTEBOOK
    if not notebook.exists():
        shutil.copyfile(_example(), notebook)
    return notebook


def _example() -> Path:
    """Find the example notebook: beside the sources in a checkout, in the shared data of an installation."""
    checkout = Path(__file__).resolve().parents[3] / "example_notebooks" / NOTEBOOK
    installed = Path(sysconfig.get_path("data"), "share", "nbops", "example_notebooks", NOTEBOOK)
    for path in (checkout, installed):
        if path.is_file():
            return path
    raise MissingError(
        f"the example notebook is neither at {checkout} nor at {installed}", hint="pip install --force-reinstall nbops"
    )


class _Demo:
    """The stages share what they make; each is one method, in the order they run."""

    def __init__(self, folder: Path, notebook: Path, engine: str | None) -> None:
        self.folder, self.notebook, self.engine = folder, notebook, engine
        self.settings = load_settings(folder)
        self.store = open_store(self.settings)
        self.blobs = Blobs(self.settings.blobs)
        self.passed: list[Passed] = []
        self.result = ""

    def run(self) -> Journey:
        try:
            run = self.record()
            module = self.extract(run)
            sweep = self.sweep()
            version = self.best(sweep)
            endpoint = self.deploy(version)
            answer = self.ask(endpoint)
            window = self.watch(endpoint)
            return Journey(
                stages=self.passed,
                summary=self.summary(run, module, sweep, version, endpoint, answer, window),
                notice=self.notice(endpoint),
            )
        finally:
            self.store.close()

    @contextlib.contextmanager
    def timed(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        with stage(title) as now:
            yield
            now.say(self.result)
        self.passed.append(Passed(title=title, seconds=time.monotonic() - started, result=self.result))

    def record(self) -> Run:
        from nbops.retrain import run_notebook

        with self.timed("Record the notebook's cells"):
            run = run_notebook(self.notebook, parameters={}, store=self.store, settings=self.settings)
            cells = self.store.count(CellExecution, run_id=run.id)
            scores = {metric.name: metric.value for metric in self.store.metrics(run.id)}
            self.result = f"run {run.id[:16]}: {cells} cells, accuracy {scores['accuracy']:.3f}"
        return run

    def extract(self, run: Run) -> ModuleVersion:
        from nbops.extract import Request, extract
        from nbops.source import read_notebook

        with self.timed("Extract functions to a module"):
            request = Request(
                names=["build_model", "evaluate"],
                to="tumours.training",
                cells=read_notebook(self.notebook),
                run_id=run.id,
                notebook=NOTEBOOK,
            )
            version = extract(request, root=self.folder, store=self.store)
            self.result = f"{version.module} {version.version} in {version.path}"
        return version

    def sweep(self) -> Sweep:
        from nbops.retrain import sweep

        with self.timed("Retrain over a grid, two at a time"):
            done = sweep(
                self.notebook,
                fixed={},
                grid={"depth": ["2", "8"], "trees": ["30", "90"]},
                objective="max:auc",
                jobs=2,
                store=self.store,
                settings=self.settings,
            )
            if done.best_run_id is None:
                raise NbopsError(f"no run of sweep {done.id[:16]} finished", hint=f"nbops -C {self.folder} runs")
            best = self.store.params(done.best_run_id)
            self.result = f"sweep {done.id[:16]}: best of {done.total} is depth {best['depth']}, trees {best['trees']}"
        return done

    def best(self, sweep: Sweep) -> ModelVersion:
        from nbops.flows.check import check

        with self.timed("Bundle and check the best model"):
            version = self.store.find(ModelVersion, run_id=sweep.best_run_id, limit=1)[0]
            results = check(version, store=self.store, blobs=self.blobs, root=self.folder)
            red = [result for result in results if result.verdict == "failed"]
            if red:
                raise NbopsError(
                    f"{version.model}@{version.number}: {red[0].message}",
                    hint=f"nbops -C {self.folder} check {version.model}",
                )
            passed = sum(result.verdict == "passed" for result in results)
            self.result = f"{version.model}@{version.number}: {passed} checks passed"
        return version

    def deploy(self, version: ModelVersion) -> Endpoint:
        from nbops.flows.deploy import deploy_model

        with self.timed("Deploy it behind a stable address"):
            endpoint = deploy_model(
                f"{version.model}@{version.number}",
                name=version.model,
                engine=self.engine,
                store=self.store,
                blobs=self.blobs,
                settings=self.settings,
            )
            self.result = f"{endpoint.engine} engine, {endpoint.address}"
        return endpoint

    def ask(self, endpoint: Endpoint) -> str:
        from nbops.deploy import predict

        rows, truth = _held_out()
        with self.timed(f"Ask it {REQUESTS} times over HTTP"):
            right = 0
            first = ""
            for i in range(REQUESTS):
                answer = predict(endpoint, [rows[i % len(rows)]])["predictions"][0]
                first = first or str(answer)
                right += answer == truth[i % len(truth)]
            self.result = f"first answer {first!r}; {right / REQUESTS:.1%} of all are right"
        return first

    def watch(self, endpoint: Endpoint) -> Window:
        from nbops.flows.watch import watch
        from nbops_serving.log import FLUSH_SECONDS

        with self.timed("Check the requests for drift"):
            # The server writes its log beside the request path, a moment after it answered.
            time.sleep(4 * FLUSH_SECONDS)
            window = watch(endpoint, store=self.store, blobs=self.blobs)
            drifted = sum(column.drifted for column in window.columns)
            self.result = f"{window.verdict}: {drifted} of {len(window.columns)} columns drifted in {window.rows} rows"
        return window

    def summary(
        self,
        run: Run,
        module: ModuleVersion,
        sweep: Sweep,
        version: ModelVersion,
        endpoint: Endpoint,
        answer: str,
        window: Window,
    ) -> dict[str, str]:
        return {
            "run": run.id[:16],
            "sweep": f"{sweep.id[:16]}, best run {(sweep.best_run_id or '')[:16]}",
            "module": f"{module.module} {module.version}",
            "model": f"{version.model}@{version.number}",
            "address": endpoint.address,
            "prediction": answer,
            "drift": window.verdict,
            "store": self.store.location,
            "side panel": shlex.join([_program(), "-C", str(self.folder), "lab"]),
            "stop it": shlex.join([_program(), "-C", str(self.folder), "stop", endpoint.name]),
        }

    def notice(self, endpoint: Endpoint) -> str | None:
        from nbops.deploy.engine import engine_named

        if endpoint.engine == "docker" or self.engine == "process":
            return None
        problem = engine_named("docker", self.settings).problem()
        return f"Deployed as a process, not as a container: {problem}" if problem else None


def _program() -> str:
    """How nbops is called here: by its name where a shell finds it, else by its path."""
    return "nbops" if shutil.which("nbops") else str(Path(sys.executable).with_name("nbops"))


def _held_out() -> tuple[list[dict[str, float]], list[str]]:
    """The notebook's own data, shuffled: what clients of this model send."""
    from nbops.optional import need

    datasets = need("sklearn.datasets", to="read the example data set")
    raw = datasets.load_breast_cancer(as_frame=True)
    order = raw.data.sample(frac=1, random_state=11).index
    rows = raw.data.loc[order].rename(columns=lambda name: name.replace(" ", "_"))
    return rows.to_dict("records"), [str(raw.target_names[label]) for label in raw.target.loc[order]]
