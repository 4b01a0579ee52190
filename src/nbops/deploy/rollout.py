"""The rollout of a version: start it beside the old one, prove it, move the traffic, keep the old one for a way back.

A version that does not start, or does not answer the notebook's own rows as the notebook does, never takes traffic.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from nbops.deploy import naming, ports
from nbops.deploy.access import PINNED, Access, lay
from nbops.deploy.admission import Admission, has_keys, pass_on
from nbops.deploy.edge import Edge, ProcessEdge, runtime
from nbops.deploy.engine import Engine, Handle, Launch, Running, Started, choose, deployment_folder, engine_named
from nbops.deploy.interrupts import Interrupts
from nbops.deploy.proof import Proof
from nbops.deploy.readiness import prove, wait_ready
from nbops.deploy.recorded import live_here, recorded, refuse_foreign, unknown
from nbops.deploy.retiring import retire, retire_later, settle
from nbops.errors import ConflictError, DeployError, NbopsError, NotFoundError
from nbops.progress import Stage, stage
from nbops.records import Bundle, Deployment, Endpoint, ModelVersion, Run, new_id
from nbops.settings import Settings
from nbops.store.interface import Store

DRAIN_TIMEOUT_S = 10.0
"""How long to wait for the old version's last answers; it goes on running, so nothing is cut if they take longer."""


def deploy(
    bundle: Bundle,
    version: ModelVersion,
    *,
    name: str,
    engine: str | None = None,
    port: int | None = None,
    access: Access | None = None,
    proofs: Sequence[Proof] = (),
    examine: Callable[[Running], None] | None = None,
    store: Store,
    settings: Settings,
) -> Endpoint:
    """Put a bundle behind an endpoint's address; over a live name without losing a request.

    Args:
        bundle: what to serve.
        version: the model version it was packed from.
        name: of the endpoint.
        engine: ``docker`` or ``process``; None takes the live endpoint's, else docker where it answers.
        port: of the endpoint on 127.0.0.1; None keeps the one it had, else takes a free one.
        access: files with API keys and a certificate; what it does not name is as the endpoint had it.
        proofs: what the running server must answer besides the bundle's own example rows.
        examine: called with the proven server before it gets traffic; what it raises stops the rollout.
        store: where endpoint and deployment are recorded.
        settings: of the project.

    Returns:
        The endpoint, answering with the new version.

    Raises:
        DeployError: the version does not start or does not answer as the notebook does; what was live stays live.
        ConflictError: the port is taken, the endpoint is being changed by another process, or its address would
            change between ``http`` and ``https``.
        UsageError: the name or the engine is not one, or a file of ``access`` cannot be used.
    """
    naming.checked(name)
    folder = settings.folder / "endpoints" / name
    with naming.changing(folder, name):
        settle(name, settings)
        known = recorded(store, name)
        _clear_abandoned(name, known, store, settings)
        admission = Admission(folder, (access or Access()).placed().over(_access_of(known)))
        rollout = _Rollout(name, folder, known, admission, proofs=proofs, store=store, settings=settings)
        return rollout.run(bundle, version, engine=engine, port=port, examine=examine)


def rollback(name: str, *, store: Store, settings: Settings) -> Endpoint:
    """Give the traffic back to the version that had it before.

    Args:
        name: of the endpoint.
        store: where it is recorded.
        settings: of the project.

    Returns:
        The endpoint, answering with the older version; the newer one is kept, so a second call goes forward again.

    Raises:
        NotFoundError: there is no such endpoint, or no older version was kept.
        DeployError: the older version does not answer as it did; the newer one stays live.
    """
    folder = settings.folder / "endpoints" / naming.checked(name)
    with naming.changing(folder, name):
        settle(name, settings)
        live = live_here(store, name)
        admission = Admission(folder, _access_of(live))
        return _Rollout(name, folder, live, admission, store=store, settings=settings).back()


def stop(name: str, *, store: Store, settings: Settings) -> Endpoint:
    """End an endpoint: its servers, its edge and what they were made of. Its prediction log stays.

    Args:
        name: of the endpoint.
        store: where it is recorded.
        settings: of the project.

    Returns:
        The endpoint, stopped; its port is remembered for the next deploy under this name.

    Raises:
        NotFoundError: there is no such endpoint.
        DeployError: something of it does not end.
    """
    folder = settings.folder / "endpoints" / naming.checked(name)
    with naming.changing(folder, name), stage(f"Stop {name}") as now:
        settle(name, settings)
        endpoint = recorded(store, name)
        if endpoint is None:
            raise unknown(store, name)
        refuse_foreign(endpoint)
        edge = edge_of(endpoint, folder, settings)
        if edge is not None and "socket" in endpoint.handle:
            now.say("close the address")
            edge.close(endpoint.handle)
            edge.keep_certificate("")
        lay(folder, PINNED, "", owner=None)
        for deployment in store.find(Deployment, endpoint=name):
            if deployment.status in ("starting", "ready") or deployment.id in endpoint.split:
                now.say(f"stop version {deployment.number}")
                retire(deployment, store=store, settings=settings)
        stopped = msgspec.structs.replace(
            endpoint, status="stopped", split={}, handle=_rest(endpoint.handle), updated_at=time.time()
        )
        store.put(stopped)
        return stopped


def edge_of(endpoint: Endpoint, folder: Path, settings: Settings) -> Edge | None:
    """The edge that an endpoint was given, or None when it was deployed without one."""
    kind = endpoint.handle.get("edge")
    if kind == "process":
        return ProcessEdge(folder / "edge")
    if kind == "container":
        from nbops.deploy.docker_edge import ContainerEdge

        return ContainerEdge(folder / "edge", settings)
    return None


def _clear_abandoned(name: str, known: Endpoint | None, store: Store, settings: Settings) -> None:
    """Remove what a rollout left half-way when its process was killed, or could not record that it had failed.

    Nobody else is at it while we hold the lock.
    """
    split = known.split if known is not None else {}
    for deployment in store.find(Deployment, endpoint=name):
        if deployment.status == "starting" or (deployment.status == "ready" and deployment.id not in split):
            retire(deployment, store=store, settings=settings, error="its rollout came to no end")


def _access_of(endpoint: Endpoint | None) -> Access:
    return Access() if endpoint is None else Access.of(endpoint.handle)


def _rest(handle: Handle) -> Handle:
    """What a stopped endpoint remembers: its port, and where the files of those who may ask were."""
    return {key: handle[key] for key in ("port", "host", *Access.__struct_fields__) if key in handle}


class _Rollout:
    """One change of one endpoint."""

    def __init__(
        self,
        name: str,
        folder: Path,
        known: Endpoint | None,
        admission: Admission,
        *,
        proofs: Sequence[Proof] = (),
        store: Store,
        settings: Settings,
    ) -> None:
        self._name = name
        self._folder = folder
        self._known = known
        self._live = known if known is not None and known.status != "stopped" else None
        self._admission = admission
        self._proofs = proofs
        self._current: Deployment | None = None
        """The deployment that is being rolled out, as it is now."""
        self._store = store
        self._settings = settings
        if self._live is not None:
            refuse_foreign(self._live)

    def run(
        self,
        bundle: Bundle,
        version: ModelVersion,
        *,
        engine: str | None,
        port: int | None,
        examine: Callable[[Running], None] | None = None,
    ) -> Endpoint:
        """Start, prove, switch."""
        chosen = self._engine(engine)
        edge = self._edge(chosen)
        port = self._port(port)
        if self._live is not None:
            self._admission.refuse_other_scheme(self._live)
        deployment = self._new(bundle, version, chosen)
        launch = self._launch(bundle, version, deployment, port=port, has_edge=edge is not None)
        with self._undone_on_failure(), Interrupts() as interrupts:
            with stage(f"Build {self._name}:{version.number}") as now:
                built = chosen.build(launch, now=now)
                deployment = self._save(deployment, handle=built)
            with stage(f"Start version {version.number}") as now:
                with interrupts.held():
                    started = self._start(chosen, launch, built, has_edge=edge is not None)
                    deployment = self._save(deployment, handle=started.handle, address=started.address)
                server = self._admission.server(started.address)
                wait_ready(chosen, started, server, endpoint=self._name, now=now, interrupts=interrupts)
            self._prove(bundle, started.address)
            if examine is not None:
                memory = functools.partial(chosen.memory_bytes, started.handle)
                examine(Running(server.address, memory, started.handle, server.key, server.certificate))
            self._admission.leave(started.handle)
            interrupts.check()
            deployment = self._save(deployment, status="ready", ready_at=time.time())
            endpoint = self._switch(deployment, edge, port)
        self._share_access(endpoint, edge)
        self._end_unkept(endpoint, edge)
        return endpoint

    def _start(self, engine: Engine, launch: Launch, built: Handle, *, has_edge: bool) -> Started:
        """Start a server with what it has to know of those who may ask."""
        self._admission.give_server(Path(launch.folder) / "access", built, has_edge=has_edge)
        started = engine.start(launch, built)
        return msgspec.structs.replace(started, handle=started.handle | {"access": launch.access})

    def back(self) -> Endpoint:
        """Give the traffic to the deployment that was kept."""
        live = self._live
        assert live is not None
        kept = [key for key, share in live.split.items() if share == 0]
        if not kept:
            raise NotFoundError(f"endpoint {live.name} has no older version to go back to", hint="nbops endpoints")
        deployment = self._store.get(Deployment, kept[-1])
        engine = engine_named(deployment.engine, self._settings)
        bundle = self._store.get(Bundle, deployment.bundle_id)
        # One that would let in whom the endpoint keeps out, or the other way round, is started anew.
        is_alike = has_keys(deployment.handle) == (self._admission.access.keys is not None)
        if not is_alike or engine.condition(deployment.handle).state != "running":
            version = self._store.get(ModelVersion, deployment.model_version_id)
            self._settings = _as_made(self._settings, deployment)
            return self.run(bundle, version, engine=deployment.engine, port=None)
        assert deployment.address is not None
        self._admission.enter(deployment.handle, deployment.address)
        try:
            self._prove(bundle, deployment.address)
        finally:
            self._admission.leave(deployment.handle)
        edge = self._edge(engine)
        endpoint = self._switch(deployment, edge, int(live.handle["port"]))
        self._end_unkept(endpoint, edge)
        return endpoint

    def _engine(self, asked: str | None) -> Engine:
        if asked is None and self._live is not None:
            asked = self._live.engine
        engine, passed_over = choose(asked, self._settings)
        if passed_over is not None:
            with stage("Use the process engine") as now:
                now.say(f"no container: {passed_over.message} → {passed_over.hint}")
        return engine

    def _edge(self, engine: Engine) -> Edge | None:
        """The edge the live endpoint has, or the best one to be had; None when there is none."""
        if self._live is not None:
            edge = edge_of(self._live, self._folder, self._settings)
            if edge is None:
                problem = ProcessEdge(self._folder / "edge").problem()
                cure = f"{problem.hint} && " if problem is not None and problem.hint else ""
                raise DeployError(
                    f"endpoint {self._name} was deployed without HAProxy before it, so its version cannot be changed "
                    "without downtime",
                    code="no_edge",
                    hint=f"{cure}nbops stop {self._name}, then deploy it again",
                )
            if edge.kind == "container" and engine.name != "docker":
                raise ConflictError(
                    f"endpoint {self._name} stands behind a container, which cannot reach a {engine.name} deployment",
                    hint=f"nbops stop {self._name}, then deploy with --engine {engine.name}",
                )
            return edge
        problems = []
        for edge in self._edges(engine):
            problem = edge.problem()
            if problem is None:
                return edge
            problems.append(problem)
        with stage("Use the server's own address") as now:
            now.say(f"{problems[-1].message} → {problems[-1].hint}")
        return None

    def _edges(self, engine: Engine) -> Iterator[Edge]:
        if engine.name == "docker":
            from nbops.deploy.docker_edge import ContainerEdge

            yield ContainerEdge(self._folder / "edge", self._settings)
        yield ProcessEdge(self._folder / "edge")

    def _port(self, asked: int | None) -> int:
        kept = int(self._known.handle["port"]) if self._known is not None and "port" in self._known.handle else None
        if self._live is not None:
            assert kept is not None
            if asked not in (None, kept):
                raise ConflictError(
                    f"endpoint {self._name} answers on port {kept}, and its clients know that",
                    hint=f"nbops stop {self._name}",
                )
            return kept
        if asked is not None:
            return ports.claim(asked, purpose=f"endpoint {self._name}")
        if kept is not None:
            with contextlib.suppress(ConflictError):
                return ports.claim(kept, purpose=f"endpoint {self._name}")
        return ports.free_port()

    def _new(self, bundle: Bundle, version: ModelVersion, engine: Engine) -> Deployment:
        key = new_id()
        deployment = Deployment(
            id=key,
            endpoint=self._name,
            bundle_id=bundle.id,
            model_version_id=version.id,
            number=version.number,
            engine=engine.name,
            status="starting",
            log_path=str(deployment_folder(self._settings, self._name, key) / "predictions"),
            started_at=time.time(),
        )
        return self._save(deployment)

    def _launch(
        self, bundle: Bundle, version: ModelVersion, deployment: Deployment, *, port: int, has_edge: bool
    ) -> Launch:
        assert deployment.log_path is not None
        folder = Path(deployment.log_path).parent
        asks_for_keys = bool(self._admission.keys)
        has_certificate = bool(self._admission.certificate) and not has_edge
        return Launch(
            deployment_id=deployment.id,
            endpoint=self._name,
            bundle_path=bundle.path,
            bundle_digest=bundle.digest,
            trusted_keys=self._settings.trusted_keys,
            requirements=bundle.requirements,
            folder=str(folder),
            log_path=deployment.log_path,
            project=self._settings.root,
            port=None if has_edge else port,
            access=str(folder / "access") if asks_for_keys or has_certificate else "",
            has_keys=asks_for_keys,
            has_certificate=has_certificate,
            labels={
                "nbops.model": f"{version.model}@{version.number}",
                "nbops.model_version": version.id,
                "nbops.bundle": bundle.digest,
                **self._provenance(version),
            },
        )

    def _provenance(self, version: ModelVersion) -> dict[str, str]:
        """The run and the commit that made a version, as far as they are known."""
        if version.run_id is None:
            return {}
        run = next(iter(self._store.find(Run, id=version.run_id, limit=1)), None)
        commit = {"nbops.commit": run.git_commit} if run is not None and run.git_commit else {}
        return {"nbops.run": version.run_id, **commit}

    def _save(self, deployment: Deployment, **fields: object) -> Deployment:
        # Remembered first: what was started is stopped again even if it cannot be recorded.
        self._current = msgspec.structs.replace(deployment, **fields)
        self._store.put(self._current)
        return self._current

    @contextlib.contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        """Remove what was started when anything goes wrong, an interrupt of the kernel included."""
        try:
            yield
        except BaseException as error:
            reason = error.message if isinstance(error, NbopsError) else type(error).__name__
            assert self._current is not None
            retire(self._current, store=self._store, settings=self._settings, error=reason)
            raise

    def _prove(self, bundle: Bundle, address: str) -> None:
        prove(bundle, self._admission.server(address), self._proofs, endpoint=self._name)

    def _switch(self, deployment: Deployment, edge: Edge | None, port: int) -> Endpoint:
        """Move the traffic to a deployment and keep what had it; when that fails, everything is as before."""
        before = self._live.split if self._live is not None else {}
        kept = [key for key, share in before.items() if share > 0 and key != deployment.id]
        split = {deployment.id: 100} | dict.fromkeys(kept, 0)
        if edge is None:
            assert deployment.address is not None
            return self._record(deployment, split, {"edge": "none", "port": port}, deployment.address)
        scheme = "https" if self._admission.access.tls_cert else "http"
        address = f"{scheme}://{ports.HOST}:{port}"
        with stage("Move the traffic") as now:
            shares = self._shares(edge, split)
            if self._live is not None and edge.is_open(self._live.handle):
                handle = self._live.handle
                try:
                    self._move(edge, handle, shares, now)
                    return self._record(deployment, split, handle, address)
                except BaseException:
                    self._shift(edge, handle, self._shares(edge, before))
                    raise
            if self._live is not None:
                # Killed from outside: what is left of it would be in the way of the new one.
                edge.close(self._live.handle)
            now.say(f"listen on {ports.HOST}:{port}")
            if self._live is None:
                self._admission.give_edge(edge, None)
            handle = edge.open(self._name, port=port, split=shares)
            try:
                return self._record(deployment, split, handle, address)
            except BaseException:
                edge.close(handle)
                raise

    def _shares(self, edge: Edge, split: dict[str, int]) -> dict[str, int]:
        shares: dict[str, int] = {}
        for key, share in split.items():
            upstream = edge.upstream(self._store.get(Deployment, key))
            # The address of one that was killed may have been given to its successor.
            shares[upstream] = max(share, shares.get(upstream, 0))
        return shares

    def _move(self, edge: Edge, handle: Handle, shares: dict[str, int], now: Stage) -> None:
        self._shift(edge, handle, shares)
        control = runtime(handle)
        for upstream, share in shares.items():
            if share == 0:
                drained = control.drain(upstream, timeout_s=DRAIN_TIMEOUT_S)
                now.say("the old version has answered all it took" if drained else "the old version still answers")

    def _shift(self, edge: Edge, handle: Handle, shares: dict[str, int]) -> None:
        runtime(handle).shift(shares)
        edge.remember(handle, self._name, shares)

    def _share_access(self, endpoint: Endpoint, edge: Edge | None) -> None:
        """Exchange the edge's certificate, and the keys of what is kept for a rollback, for those of this deploy."""
        if edge is not None and self._live is not None:
            self._admission.give_edge(edge, endpoint.handle)
        for key in endpoint.split:
            pass_on(self._admission.keys, self._store.get(Deployment, key).handle)

    def _end_unkept(self, endpoint: Endpoint, edge: Edge | None) -> None:
        """End deployments that are not even kept for a rollback any more."""
        before = self._live.split if self._live is not None else {}
        for key in before.keys() - endpoint.split.keys():
            deployment = self._store.get(Deployment, key)
            # The address of one that was killed may have been given to its successor.
            if edge is not None and edge.upstream(deployment) not in self._shares(edge, endpoint.split):
                runtime(endpoint.handle).release(edge.upstream(deployment))
            retire_later(deployment, store=self._store, settings=self._settings)

    def _record(self, deployment: Deployment, split: dict[str, int], handle: Handle, address: str) -> Endpoint:
        now = time.time()
        known = self._known
        endpoint = Endpoint(
            id=known.id if known else new_id(),
            name=self._name,
            engine=deployment.engine,
            address=address,
            split=split,
            status="up",
            handle=self._admission.noted(handle) | {"host": socket.gethostname()},
            created_at=known.created_at if known else now,
            updated_at=now,
        )
        self._store.put(endpoint)
        return endpoint


def _as_made(settings: Settings, deployment: Deployment) -> Settings:
    """The settings that a deployment was made with, which may have been named when it was deployed."""
    made = {"base_image": deployment.handle["base"]} if "base" in deployment.handle else {}
    return msgspec.structs.replace(settings, isolated="python" in deployment.handle, **made)
