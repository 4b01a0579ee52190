"""From a model in a notebook to an answering endpoint: keep it, check it, pack it, roll it out."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec

from nbops.bundle.evidence import Answers, Evidence
from nbops.bundle.signing import sign
from nbops.deploy import Access, LiveEndpoint, Proof, Running, deploy, live_engine, naming
from nbops.deploy.engine import choose, engine_named
from nbops.deploy.making import Making
from nbops.errors import DeployError, UsageError
from nbops.flows.check import measure, release
from nbops.flows.register import register_model
from nbops.progress import stage
from nbops.records import CheckResult, Deployment, Endpoint, ModelVersion, new_id
from nbops.settings import Settings
from nbops.store.blobs import Blobs
from nbops.store.interface import Store


def deploy_model(
    model: Any,
    *,
    name: str | None = None,
    sample: Any = None,
    engine: str | None = None,
    port: int | None = None,
    making: Making | None = None,
    access: Access | None = None,
    store: Store,
    blobs: Blobs,
    settings: Settings,
    run_id: str | None = None,
    execution_id: str | None = None,
) -> LiveEndpoint:
    """Put a model behind a stable address, checked before it takes any traffic.

    Args:
        model: a fitted model, several in a dict by name, a stored version, or the reference of one (``"churn@3"``).
        name: the endpoint's name; the stored model's own when not given.
        sample: rows the model was trained on, shape (rows, columns), for a model that is not stored yet.
        engine: ``"docker"`` or ``"process"``; None takes the live endpoint's, else docker where it answers.
        port: of the endpoint on 127.0.0.1; None keeps the one it had, else takes a free one.
        making: how it is made this once, where not as the settings say; and where its image goes.
        access: files with API keys and a certificate; what it does not name is as the endpoint had it.
        store: where everything is recorded.
        blobs: where bytes are kept.
        settings: of the project.
        run_id: the run that fitted the model.
        execution_id: the cell execution that fitted it.

    Returns:
        The endpoint, answering.

    Raises:
        DeployError: a check is red, the engine cannot start it, or its image cannot be saved or pushed; what answered
            before goes on answering.
        BundleError: keys are trusted here, and none of them has signed the bundle.
        NotFoundError: no stored version answers to the reference.
        MissingError: the engine that was asked for cannot be used here.
        UsageError: a model that is not stored yet was given no name, no engine has the name, ``making`` asks for
            something that the engine does not make, or a file of ``access`` cannot be used.
    """
    making = making or Making()
    # A slip of the pen is said before anything is packed.
    shipping = making.shipping()
    (access or Access()).check()
    engine, settings = making.engine_for(engine), making.applied_to(settings)
    if "NBOPS_REPRODUCES" not in os.environ:
        _refuse_unusable(engine, name or _model_name(model), store, settings)
    version = _version(
        model,
        name=name,
        sample=sample,
        store=store,
        blobs=blobs,
        root=Path(settings.root),
        run_id=run_id,
        execution_id=execution_id,
        flavour=settings.flavour or None,
    )
    endpoint = name or version.model
    if "NBOPS_REPRODUCES" in os.environ:
        # What a reproduction makes is compared; nothing of it answers anybody.
        now = time.time()
        return LiveEndpoint.of(
            Endpoint(
                id=new_id(), name=endpoint, engine=engine or "", address="", status="stopped", created_at=now,
                updated_at=now,
            )
        )  # fmt: skip
    bundle, results = release(
        version, store=store, blobs=blobs, root=settings.root, endpoint=endpoint, rung=settings.rung or None
    )
    red = [result for result in results if result.verdict == "failed"]
    if bundle is None or red:
        raise _stopped(version, red)
    sign(bundle.path, settings)
    proofs = proofs_of(version, blobs)

    def examine(running: Running) -> None:
        rows = [row for proof in proofs if not proof.is_asked_singly for row in proof.rows]
        red = [
            result
            for result in measure(running, version, rows=rows, root=settings.root, store=store)
            if result.verdict == "failed"
        ]
        if red:
            raise _stopped(version, red)
        shipped.update(shipping.ship(str(running.handle.get("image", "")), f"{endpoint}:{version.number}"))

    shipped: dict[str, str] = {}
    deployed = deploy(
        bundle,
        version,
        name=endpoint,
        engine=engine,
        port=port,
        access=access,
        proofs=proofs,
        examine=examine,
        store=store,
        settings=settings,
    )
    if shipped:
        _record_shipped(deployed, shipped, store)
    return LiveEndpoint.of(deployed)


def _refuse_unusable(engine: str | None, endpoint: str, store: Store, settings: Settings) -> None:
    """Say that an engine cannot be used here before anything is kept or packed; where the choice is free, nothing."""
    live = live_engine(endpoint, store) if engine is None else None
    if live is not None:
        problem = engine_named(live, settings).problem()
        if problem is not None:
            raise problem
    elif engine or settings.engine:
        choose(engine, settings)


def _record_shipped(endpoint: Endpoint, shipped: dict[str, str], store: Store) -> None:
    """Write down where the image went, beside what the engine wrote down of it."""
    deployment = store.get(Deployment, next(key for key, share in endpoint.split.items() if share))
    store.update(Deployment, deployment.id, handle={**deployment.handle, **shipped})


def proofs_of(version: ModelVersion, blobs: Blobs) -> list[Proof]:
    """What the notebook's own model said to rows of its training sample, and to rows unlike them."""
    if version.evidence_digest is None:
        return []
    known = msgspec.msgpack.decode(blobs.get(version.evidence_digest), type=Evidence)
    return [
        _proof(version, known.rows, known.answers, is_asked_singly=False),
        _proof(version, known.edges, known.edge_answers, is_asked_singly=True),
    ]


def _proof(version: ModelVersion, rows: list[list[Any]], answers: Answers, *, is_asked_singly: bool) -> Proof:
    names = [column.name for column in version.signature.columns]
    return Proof(
        [dict(zip(names, row, strict=True)) for row in rows],
        answers.predictions,
        answers.probabilities,
        is_asked_singly,
    )


def _model_name(model: Any) -> str:
    """The name that a stored version's endpoint gets; empty for a model that is not stored yet."""
    if isinstance(model, ModelVersion):
        return model.model
    return model.partition("@")[0] if isinstance(model, str) else ""


def _version(
    model: Any,
    *,
    name: str | None,
    sample: Any,
    store: Store,
    blobs: Blobs,
    root: Path,
    run_id: str | None,
    execution_id: str | None,
    flavour: str | None,
) -> ModelVersion:
    if isinstance(model, ModelVersion):
        return model
    if isinstance(model, str):
        version = store.resolve(ModelVersion, model)
        with stage(f"Take {version.model}@{version.number}") as now:
            now.say(f"made {time_of(version)}")
        return version
    if name is None:
        raise UsageError(
            f"this {type(model).__name__} is not stored yet and needs a name", hint="nbops deploy MODEL --name NAME"
        )
    naming.checked(name)  # before anything is kept under it
    return register_model(
        model,
        name=name,
        sample=sample,
        store=store,
        blobs=blobs,
        root=root,
        run_id=run_id,
        execution_id=execution_id,
        flavour=flavour,
    )


def time_of(version: ModelVersion) -> str:
    """When a version was made, as people write it."""
    import datetime

    return datetime.datetime.fromtimestamp(version.created_at).astimezone().strftime("%Y-%m-%d %H:%M")


def _stopped(version: ModelVersion, red: list[CheckResult]) -> DeployError:
    said = "; ".join(f"{result.check}: {result.message}" for result in red)
    return DeployError(
        f"{version.model}@{version.number} is not released: {said}",
        code="check_failed",
        hint=f"nbops check {version.model}@{version.number}",
    )
