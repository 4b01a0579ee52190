"""What a notebook or a script calls by name: ``nbops.log_model``, ``nbops.load_model``, ``nbops.deploy``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from nbops import capture
from nbops.deploy import LiveEndpoint
from nbops.errors import MissingError
from nbops.records import ModelVersion
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs


def log_model(
    model: Any, name: str, *, sample: Any = None, trust: Collection[str] = (), flavour: str | None = None
) -> ModelVersion:
    """Keep a fitted model under a name, tied to the run and the cell that made it.

    Args:
        model: a fitted estimator or pipeline, anything with ``predict``, a function of a frame, or several of these in
            a dict, which answer together.
        name: what people call it, such as ``"churn"``.
        sample: rows it was trained on, shape (rows, columns): a DataFrame, an array or a list of dicts. Column names,
            types, ranges and the reference for drift are learnt from it. Not needed for a model whose fit was logged
            in this session.
        trust: dotted types or packages that nbops does not know and that you vouch for: loading a pickle of them runs
            their code. What is missing is listed by the error.
        flavour: how to store it, such as ``"skops"``, ``"pickle"`` or one that another package brings; when not given
            the setting ``flavour``, else the safest that holds it.

    Returns:
        The new version, numbered under its name.

    Raises:
        BundleError: the model cannot be stored, or has types that are not trusted (they are listed).

    Example:
        >>> import numpy, sklearn.linear_model
        >>> fitted = sklearn.linear_model.LinearRegression().fit(numpy.eye(3), [1, 2, 3])
        >>> log_model(fitted, name="line", sample=numpy.eye(3)).number >= 1  # doctest: +SKIP
        True
    """
    from nbops.flows.register import register_model

    settings = load_settings(capture.root())
    store = open_store(settings)
    recorder = capture.current()
    try:
        return register_model(
            model,
            name=name,
            sample=sample,
            trust=trust,
            flavour=flavour or settings.flavour or None,
            store=store,
            blobs=Blobs(settings.blobs),
            root=Path(settings.root),
            run_id=capture.active_run_id(),
            execution_id=recorder.execution_id if recorder is not None else None,
        )
    finally:
        store.close()


def load_model(reference: str) -> Any:
    """Load a stored model: ``load_model("churn@production")``.

    Args:
        reference: ``NAME`` (its newest version), ``NAME@3``, ``NAME@production``, or a unique start of an id, which may
            also be that of a fit (``%nbops fits``).

    Returns:
        The fitted model.

    Raises:
        NotFoundError: nothing answers to the reference.
        BundleError: its bytes are not what was stored.
    """
    from nbops.flows.fits import load_any

    settings = load_settings(capture.root())
    store = open_store(settings, read_only=True)
    try:
        return load_any(store, Blobs(settings.blobs), reference)
    finally:
        store.close()


def deploy(
    model: Any,
    *,
    name: str,
    sample: Any = None,
    engine: str | None = None,
    base_image: str | None = None,
    platform: str | None = None,
    save: str | None = None,
    push: str | None = None,
    isolated: bool = False,
    port: int | None = None,
    keys: str | None = None,
    tls_cert: str | None = None,
    tls_key: str | None = None,
) -> LiveEndpoint:
    """Put a model behind a stable address, checked before it takes any traffic.

    Args:
        model: a fitted model, several in a dict by name, or the reference of a stored one such as ``"churn@3"``.
        name: the endpoint's name.
        sample: rows the model was trained on, shape (rows, columns); needed for a model that is neither stored nor was
            fitted in this session.
        engine: ``"docker"`` or ``"process"``; Docker where it answers when not given.
        base_image: what the image is built on: a tag, a digest or an id; the setting when not given.
        platform: what the image is made for, such as ``"linux/amd64"``; what its base is made for when not given.
        save: the file that the proven image is written to, for ``docker load``.
        push: the registry that the proven image is pushed to, ``host[:port]`` and perhaps a path.
        isolated: whether the process engine serves with a venv of the lock's packages instead of this interpreter.
        port: the address's port on 127.0.0.1; the one it had, else a free one, when not given.
        keys: file of API keys, one of which clients then have to send; ``"none"`` takes them away.
        tls_cert: the certificate that makes the address an ``https`` one, in PEM.
        tls_key: its private key, in PEM, unless the other file has it.

    Returns:
        The endpoint, with ``.name``, ``.address`` and ``.predict(rows)``.

    Raises:
        DeployError: a check failed, the engine cannot start it, or its image cannot be saved or pushed; what answered
            before goes on answering.
        UsageError: an option means nothing to the engine, or a file of keys or a certificate cannot be used.
    """
    from nbops.deploy.access import Access
    from nbops.deploy.making import Making
    from nbops.flows.deploy import deploy_model
    from nbops.flows.register import logged_sample

    settings = load_settings(capture.root())
    store = open_store(settings)
    recorder = capture.current()
    if not isinstance(model, str) and sample is None and logged_sample(model) is None:
        raise MissingError(
            "deploying a model that is not stored needs a sample of its training rows",
            hint=f"nbops.deploy(model, name={name!r}, sample=X_train)",
        )
    try:
        return LiveEndpoint.of(
            deploy_model(
                model,
                name=name,
                sample=sample,
                engine=engine,
                port=port,
                making=Making(base_image=base_image, platform=platform, save=save, push=push, isolated=isolated),
                access=Access(keys=keys, tls_cert=tls_cert, tls_key=tls_key),
                store=store,
                blobs=Blobs(settings.blobs),
                settings=settings,
                run_id=capture.active_run_id(),
                execution_id=recorder.execution_id if recorder is not None else None,
            )
        )
    finally:
        store.close()
