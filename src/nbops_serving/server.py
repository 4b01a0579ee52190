"""Running the application: sockets, loading, workers, and a way out that drops nothing.

The socket is bound and ``/health/live`` answers before the model is loaded. A worker is ready when its bundle's digests
match, its model is loaded, and it has answered the bundle's example rows as the notebook did.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import math
import os
import signal
import socket
import sys
import time
from typing import Any, NoReturn

import msgspec
import uvicorn

from nbops_serving import log
from nbops_serving.answers import Answer
from nbops_serving.app import App, Limits, Serving, report
from nbops_serving.bundle import OpenBundle, offer_modules, open_bundle
from nbops_serving.connection import Connection
from nbops_serving.imports import import_lightly
from nbops_serving.keys import Keys
from nbops_serving.manifest import Policy
from nbops_serving.memory import give_back
from nbops_serving.metrics import Metrics
from nbops_serving.rows import Reader
from nbops_serving.rungs import Rung, open_rung

QUIET_SECONDS = 0.3
"""A server on its way out leaves once nobody has asked for this long …"""
DRAIN_SECONDS = 5.0
"""… or when this has passed."""
KEEP_ALIVE_SECONDS = 75
"""How long a connection may stay without a request."""
SLOW_SECONDS = 0.05
"""A model that needs longer for one row is called in a thread, so that health checks do not wait for it."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be asked of the server."""

    bundle: str
    digest: str | None = None
    """sha256 that the bundle's manifest must have."""
    trusted_keys: list[str] = []
    """Public keys one of which must have signed the manifest; empty to ask for no signature."""
    host: str = "127.0.0.1"
    port: int = 0
    log: str | None = None
    """Folder of the prediction log; None for no log."""
    workers: int = 1
    tls_certificate: str | None = None
    """File with the certificate chain in PEM; None to speak plain HTTP."""
    tls_key: str | None = None
    """File with its private key in PEM; None when the certificate's file has it."""
    keys: str | None = None
    """File of API keys; None to answer everybody who can reach the server."""
    limits: Limits = Limits()
    unseen: str | None = None
    """Policy for unseen categories; the bundle's own when None. So for the next two."""
    out_of_range: str | None = None
    extra: str | None = None


class ParityError(Exception):
    """The model does not answer here as it did in the notebook."""


def run(options: Options) -> int:
    """Serve until told to stop; return the exit status.

    Args:
        options: what to serve and how.

    Returns:
        0 after a graceful stop, 1 when the bundle could not be served.
    """
    logging.basicConfig(handlers=[_Lines()], level=logging.WARNING)
    bound = bind(options.host, options.port)
    bundle = open_bundle(options.bundle, digest=options.digest, trusted_keys=options.trusted_keys)
    metrics = counters(bundle, options.workers)
    if options.workers == 1:
        return _work(options, bundle, bound, metrics, announce=None)
    return _Supervisor(options, bundle, bound, metrics).run()


class _Lines(logging.Handler):
    """Puts what the libraries below have to say into the server's own log."""

    def emit(self, record: logging.LogRecord) -> None:
        report("warned", by=record.name, said=record.getMessage())


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address, before there is anything to answer with."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    bound.listen(2048)
    bound.set_inheritable(False)
    return bound


def counters(bundle: OpenBundle, workers: int) -> Metrics:
    """Make what the workers of a bundle's server count in."""
    manifest = bundle.manifest
    labels = {
        "model": manifest.model,
        "version": str(manifest.version),
        "rung": manifest.rung,
        "bundle": bundle.digest[:12],
    }
    return Metrics([column.name for column in manifest.signature.columns], labels, workers=workers)


class Server(uvicorn.Server):
    """uvicorn, with a way out that first tells clients to come back on another connection."""

    def __init__(self, app: App, config: uvicorn.Config, *, parent: int | None = None) -> None:
        super().__init__(config)
        self._parent = parent
        self._app = app
        self._asked_at: float | None = None

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self._asked_at is None:
            self._asked_at = time.perf_counter()
            self._app.is_draining = True
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if await super().on_tick(counter):
            return True
        now = time.perf_counter()
        if counter % 10 == 0:
            self._app.tell()
            self._app.expire(now)
            self._expire_connections(now)
        if self._parent is not None and os.getppid() != self._parent:
            return True  # whoever watched over this worker is gone, and nobody else would stop it
        if self._asked_at is None:
            return False
        is_quiet = self._app.in_flight == 0 and now - self._app.last_request_at > QUIET_SECONDS
        return is_quiet or now - self._asked_at > DRAIN_SECONDS

    def _expire_connections(self, now: float) -> None:
        """Close those whose headers have begun and do not end, and those that nobody uses."""
        limit = self._app.limits.body_seconds
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                waited, is_in_head = connection.has_waited(now)
                if waited > (limit if is_in_head else KEEP_ALIVE_SECONDS):
                    connection.transport.close()


def _work(options: Options, bundle: OpenBundle, bound: socket.socket, metrics: Metrics, *, announce: int | None) -> int:
    """Serve in this process; write a byte to ``announce`` when ready, or print the ready line."""
    app = App(limits=options.limits, keys=Keys(options.keys) if options.keys else None)
    config = configured(app, options)
    server = Server(app, config, parent=None if announce is None else os.getppid())
    problem: list[BaseException] = []

    async def main() -> None:
        loading = asyncio.create_task(_load(options, bundle, metrics, app, bound, announce))
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        await asyncio.wait({loading, serving}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done() and (error := loading.exception()) is not None:
            problem.append(error)
            server.should_exit = True
        await serving
        await asyncio.gather(loading, return_exceptions=True)

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(main())
    if app.serving is not None and app.serving.writer is not None:
        app.serving.writer.close()
    if problem:
        fail(problem[0])
        return 1
    return 0


def configured(app: App, options: Options) -> uvicorn.Config:
    """Say how uvicorn is to run an application of ours."""
    return uvicorn.Config(
        app,
        loop="uvloop" if _has_uvloop() else "asyncio",
        http=Connection,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=30,
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
    )


def _has_uvloop() -> bool:
    try:
        import uvloop  # noqa: F401 - only looked for
    except ImportError:
        return False
    return True


async def _load(
    options: Options, bundle: OpenBundle, metrics: Metrics, app: App, bound: socket.socket, announce: int | None
) -> None:
    loop = asyncio.get_running_loop()
    gc.disable()  # what is imported and loaded now stays: looking for garbage in it again and again takes time
    serving = await loop.run_in_executor(None, load, options, bundle, metrics)
    gc.collect()
    gc.freeze()  # for the same reason, from now on; requests leave few cycles behind
    gc.set_threshold(20_000, 20, 50)
    gc.enable()
    give_back()
    app.take(serving)
    metrics.set("ready", 1)
    if announce is not None:
        os.write(announce, b"r")
    else:
        say_ready(bundle, bound)


def load(options: Options, bundle: OpenBundle, metrics: Metrics) -> Serving:
    """Load a bundle's model, prove it on the example rows, and get everything ready that answers with it.

    Args:
        options: what to serve and how.
        bundle: the opened bundle.
        metrics: what is counted.

    Returns:
        What an application takes.

    Raises:
        TamperedError, NotInstalledError, ForbiddenTypeError: the model cannot be loaded.
        ParityError: it does not answer as it did in the notebook.
    """
    rung, seconds = _open(bundle)
    return Serving(
        bundle,
        rung,
        metrics,
        policy=_policy(options, bundle.manifest.policy),
        limits=options.limits,
        writer=_writer(options, bundle, metrics),
        in_thread=seconds > SLOW_SECONDS,
    )


def _open(bundle: OpenBundle) -> tuple[Rung, float]:
    """Load the model and let it answer the example rows; return it with the seconds that one row takes."""
    import numpy as np

    np.seterr(all="ignore")  # a number far out may overflow; that is an answer, no line for the log
    offer_modules(bundle)
    manifest = bundle.manifest
    if manifest.model_file:
        import_lightly(manifest)
        gc.freeze()  # modules are no garbage: what is looked for after loading is what loading has left
    rung = open_rung(bundle)
    if not manifest.example:
        return rung, 0.0
    rows, _ = Reader(manifest.signature, Policy()).check(manifest.example)
    check_parity(bundle, rung.answer(rows))
    started = time.perf_counter()
    rung.answer(rows[:1])
    return rung, time.perf_counter() - started


def check_parity(bundle: OpenBundle, answer: Answer) -> None:
    """Compare answers with those of the notebook.

    Args:
        bundle: the bundle, whose manifest has the expected answers to its example rows.
        answer: what the model says to those rows here.

    Raises:
        ParityError: some answer is another one; the message has the row and both answers.
    """
    manifest = bundle.manifest
    pairs: list[tuple[list[Any], list[Any]]] = [
        (manifest.expected, answer.predictions),
        (manifest.expected_probabilities, answer.probabilities or []),
    ]
    for expected, found in pairs:
        if len(expected) != len(found):
            raise ParityError(f"the model answers {len(found)} of {len(expected)} example rows")
        for row, (one, other) in enumerate(zip(expected, found, strict=True)):
            if not same(one, other, manifest.tolerance):
                raise ParityError(f"row {row} of the example: the notebook said {one!r}, the model here says {other!r}")


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Tell whether two answers are the same, numbers up to a relative tolerance.

    Example:
        >>> same([1.0, None], [1.0 + 1e-16, float("nan")], 0.0), same(1.0, 1.1, 0.01)
        (True, False)
    """
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name], tolerance) for name, value in one.items())
    one, other = _number_or(one), _number_or(other)
    if isinstance(one, float) and isinstance(other, float) and not math.isnan(one):
        return one == other or math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(one, float) and isinstance(other, float):
        return math.isnan(other)
    return bool(one == other) and type(one) is type(other)


def _number_or(value: Any) -> Any:
    """Read JSON's null as a missing number, and integers as numbers."""
    if value is None:
        return math.nan
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _policy(options: Options, own: Policy) -> Policy:
    asked = {"unseen": options.unseen, "out_of_range": options.out_of_range, "extra": options.extra}
    return msgspec.structs.replace(own, **{name: value for name, value in asked.items() if value is not None})


def _writer(options: Options, bundle: OpenBundle, metrics: Metrics) -> log.Writer | None:
    if options.log is None:
        return None
    manifest = bundle.manifest
    header = log.Header(
        [column.name for column in manifest.signature.columns],
        manifest.model,
        manifest.version,
        manifest.model_version_id,
        socket.gethostname(),
        os.getpid(),
        time.time(),
    )
    return log.Writer(options.log, header, counted=metrics.add)


def say_ready(bundle: OpenBundle, bound: socket.socket) -> None:
    """Print the one line that tells whoever started the server where it answers."""
    host, port = bound.getsockname()[:2]
    line = {
        "event": "ready",
        "host": host,
        "port": port,
        "pid": os.getpid(),
        "model": f"{bundle.manifest.model}@{bundle.manifest.version}",
        "rung": bundle.manifest.rung,
        "bundle": bundle.digest,
    }
    print(json.dumps(line), flush=True)  # noqa: T201 - standard output is the protocol


def fail(error: BaseException) -> None:
    """Print the one line that tells why the bundle is not served."""
    line = {"event": "failed", "reason": type(error).__name__, "error": str(error)}
    print(json.dumps(line), flush=True)  # noqa: T201 - standard output is the protocol
    report("failed", reason=type(error).__name__, error=str(error))


_STOPS = (signal.SIGTERM, signal.SIGINT)


class _Supervisor:
    """Several workers on one socket; one that dies is replaced, its sisters go on answering."""

    def __init__(self, options: Options, bundle: OpenBundle, bound: socket.socket, metrics: Metrics) -> None:
        self._options, self._bundle, self._bound, self._metrics = options, bundle, bound, metrics
        self._children: dict[int, int] = {}
        """Process id → number of the worker."""
        self._is_stopping = False

    def run(self) -> int:
        receive, announce = os.pipe()
        # Before anything heavy is imported or any thread is started: a fork copies only this one.
        for worker in range(self._options.workers):
            self._start(worker, announce)
        for stop in _STOPS:
            signal.signal(stop, self._stop)
        if not self._wait_ready(receive):
            self._stop(signal.SIGTERM, None)
            self._reap(announce)
            return 1
        say_ready(self._bundle, self._bound)
        return self._reap(announce)

    def _start(self, worker: int, announce: int) -> None:
        # A stop that comes now must find the child listed here, and must not run the parent's handler in the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        if self._is_stopping:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
            return
        child = os.fork()
        if child:
            self._children[child] = worker
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
            return
        for stop in _STOPS:
            signal.signal(stop, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        self._metrics.become(worker)
        status = 1
        try:
            status = _work(self._options, self._bundle, self._bound, self._metrics, announce=announce)
        finally:
            _leave(status)

    def _wait_ready(self, receive: int) -> bool:
        """Wait until every worker has said so; False when one has died first."""
        os.set_blocking(receive, False)
        ready = 0
        while ready < self._options.workers and not self._is_stopping:
            try:
                ready += len(os.read(receive, 100))
            except BlockingIOError:
                child, _ = os.waitpid(-1, os.WNOHANG)
                if child:
                    self._children.pop(child)
                    return False
                time.sleep(0.01)
        return not self._is_stopping

    def _reap(self, announce: int) -> int:
        while self._children:
            child, status = os.wait()
            worker = self._children.pop(child, None)
            if worker is None or self._is_stopping:
                continue
            report("worker_died", worker=worker, pid=child, status=os.waitstatus_to_exitcode(status))
            self._metrics.retire(worker)
            time.sleep(0.1)  # a worker that cannot live shall not spin
            self._start(worker, announce)
        return 0

    def _stop(self, sig: int, frame: Any) -> None:
        self._is_stopping = True
        for child in list(self._children):
            os.kill(child, signal.SIGTERM)


def _leave(status: int) -> NoReturn:
    """End a worker without running what the parent had planned for its own end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
