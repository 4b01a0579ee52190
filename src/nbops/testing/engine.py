"""The fake engine: the real server's application in a thread of the test's own process.

It answers on 127.0.0.1 as a container does, with the same application, proofs and prediction log, and starts in
milliseconds. What it cannot show is what only walls show: a model shares the interpreter, its packages and its memory
with the test.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbops.deploy import ports
from nbops.deploy.access import CERTIFICATE, KEYS
from nbops.deploy.engine import Condition, Handle, Launch, Started
from nbops.deploy.process_engine import read_log
from nbops.errors import DeployError, NbopsError
from nbops.progress import Stage
from nbops.settings import Settings
from nbops.testing.project import is_open

if TYPE_CHECKING:
    from nbops_serving.server import Server

STOP_TIMEOUT_S = 15.0

_running: dict[str, _Thread] = {}
_loading = threading.Lock()  # two versions of a model may have different modules of the same names


class FakeEngine:
    """Serves bundles in threads of this process, inside of ``nbops.testing.project``."""

    name = "fake"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def problem(self) -> NbopsError | None:
        """Say that it is for tests alone, or None inside of one: what it starts ends with this process."""
        if is_open(self._settings.root):
            return None
        return DeployError(
            "the fake engine serves inside of one test's process", code="not_in_a_test", hint="--engine process"
        )

    def build(self, launch: Launch, *, now: Stage) -> Handle:
        """Build nothing: this interpreter serves."""
        now.say("nothing to build: this process serves")
        return {}

    def start(self, launch: Launch, built: Handle) -> Started:
        """Start a thread that serves the bundle."""
        port = launch.port or ports.free_port()
        thread = _Thread(launch, port)
        _running[launch.deployment_id] = thread
        thread.start()
        return Started(
            handle=built | {"deployment": launch.deployment_id, "log": str(thread.log), "port": port},
            address=f"{launch.scheme}://{ports.HOST}:{port}",
        )

    def condition(self, handle: Handle) -> Condition:
        """Tell whether the thread still serves."""
        thread = _running.get(str(handle["deployment"]))
        if thread is not None and thread.is_alive():
            return Condition(state="running")
        return Condition(state="failed", message=(thread and thread.error) or "its thread has ended")

    def conditions(self, handles: Mapping[str, Handle]) -> dict[str, Condition]:
        """Tell how several are."""
        return {key: self.condition(handle) for key, handle in handles.items()}

    def memory_bytes(self, handle: Handle) -> int:
        """The most memory that the whole process has held: a thread has none of its own."""
        if self.condition(handle).state != "running":
            raise DeployError("its thread has ended", code="not_running")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

    def stop(self, handle: Handle) -> None:
        """Let it finish what it took, and end the thread."""
        thread = _running.pop(str(handle.get("deployment")), None)
        if thread is not None:
            thread.end()

    def logs(self, handle: Handle, *, follow: bool = False, tail: int | None = None) -> Iterator[str]:
        """Yield lines of the server's log."""
        return read_log(
            Path(str(handle["log"])), tail=tail, is_open=lambda: follow and self.condition(handle).state == "running"
        )


def kill(handle: Handle) -> None:
    """End a server of the fake engine from outside, as a crash would: requests it has taken get no answer.

    Args:
        handle: of the deployment, as the engine wrote it down.
    """
    thread = _running[str(handle["deployment"])]
    thread.crash()


class _Thread(threading.Thread):
    """One server."""

    def __init__(self, launch: Launch, port: int) -> None:
        super().__init__(name=f"nbops-fake-{launch.endpoint}", daemon=True)
        self.log = Path(launch.folder) / "server.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.error = ""
        self._launch = launch
        self._port = port
        self._is_ending = False
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        try:
            self._serve()
        except Exception as error:  # noqa: BLE001 - the thread is a server; why it ended is its condition
            self.error = self.error or f"{type(error).__name__}: {error}"
            self._note(event="failed", reason=type(error).__name__, error=str(error))

    def _serve(self) -> None:
        from nbops_serving import server
        from nbops_serving.app import App
        from nbops_serving.bundle import open_bundle, withdraw_modules
        from nbops_serving.keys import Keys

        launch = self._launch
        folder = Path(launch.access)
        options = server.Options(
            bundle=launch.bundle_path,
            log=launch.log_path,
            keys=str(folder / KEYS) if launch.has_keys else None,
            tls_certificate=str(folder / CERTIFICATE) if launch.has_certificate else None,
        )
        Path(launch.log_path).mkdir(parents=True, exist_ok=True)
        bound = server.bind(ports.HOST, self._port)
        try:
            bundle = open_bundle(launch.bundle_path, digest=launch.bundle_digest, trusted_keys=launch.trusted_keys)
            metrics = server.counters(bundle, 1)
            app = App(keys=Keys(options.keys) if options.keys else None)
            with _loading:
                try:
                    app.take(server.load(options, bundle, metrics))
                finally:
                    withdraw_modules(bundle)
            metrics.set("ready", 1)
            self._note(event="ready", model=app.serving and app.serving.label, port=self._port)
            self._answer(app, server.configured(app, options), bound)
        finally:
            bound.close()

    def _answer(self, app: Any, config: Any, bound: socket.socket) -> None:
        from nbops_serving.server import Server

        self._server = Server(app, config)
        if self._is_ending:  # asked before there was a server to ask
            app.serving.writer.close()
            return
        try:
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                self._loop = runner.get_loop()
                runner.run(self._server.serve(sockets=[bound]))
        finally:
            app.serving.writer.close()

    def end(self) -> None:
        """Ask it to stop as a container is asked, and wait."""
        self._is_ending = True
        if self._server is not None:
            self._server.handle_exit(signal.SIGTERM, None)
        self.join(STOP_TIMEOUT_S)

    def crash(self) -> None:
        """Cut every connection, whatever it waits for, and wait for the end."""
        self.error = "it was killed"
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cut)
        self.join(STOP_TIMEOUT_S)

    def _cut(self) -> None:
        assert self._server is not None, "its loop runs"
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        self._server.force_exit = self._server.should_exit = True

    def _note(self, **said: object) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")
