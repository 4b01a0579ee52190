"""A live model becomes a version of a name, and a version becomes a live model again."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from typing import Any, cast

import msgspec

from nbops.bundle import evidence
from nbops.bundle.flavours import loads_of, packages_of, store_model
from nbops.bundle.modules import offer_sources
from nbops.bundle.origins import Origins, imports_of, origins_of
from nbops.bundle.requirements import pins_for, pins_of
from nbops.errors import BundleError, StoreCorruptError, UsageError
from nbops.progress import stage
from nbops.records import ModelVersion, ModuleVersion, new_id
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving.loading import ForbiddenTypeError, reader_of
from nbops_serving.manifest import Signature
from nbops_serving.rungs import is_model
from nbops_serving.seams import NotInstalledError

MOST_PARAM_TEXT = 200


def register(
    model: Any,
    *,
    name: str,
    sample: Any,
    store: Store,
    blobs: Blobs,
    run_id: str | None = None,
    execution_id: str | None = None,
    fit_id: str | None = None,
    dataset_ids: Sequence[str] = (),
    notebook: Origins | None = None,
    modules: Sequence[ModuleVersion] = (),
    profile: bytes | None = None,
    trust: Collection[str] = (),
    flavour: str | None = None,
) -> ModelVersion:
    """Keep a fitted model as the next version of a name.

    Args:
        model: anything with ``predict``, else with ``predict_proba`` or ``transform``, or a function of one argument.
        name: what people call it.
        sample: rows of what it was fitted on: a DataFrame, a 2-D array, an Arrow table or a list of dicts; None when
            there is none, then nothing is known of ranges and categories.
        store: where the version is recorded.
        blobs: where its bytes are kept.
        run_id: the run that fitted it.
        execution_id: the cell execution that fitted it.
        fit_id: the recorded fit that made it.
        dataset_ids: the datasets it was fitted on.
        notebook: the source of what the model needs from the notebook itself, which ``flows/graduate`` makes.
        modules: extracted modules, to tell which of them the model uses.
        profile: profile of the training sample as JSON, which drift is measured against.
        trust: names, or whole modules, that the model's bytes may load although nbops does not know them.
        flavour: how to store it; None takes the safest that holds it.

    Returns:
        The version, numbered by the store.

    Raises:
        UsageError: the object cannot be asked for answers, or the sample is no table.
        BundleError: the model cannot be stored, does not answer its sample, or loads what nobody trusted.
    """
    _refuse_no_model(model)
    with stage("Keep the model", total=4) as now:
        now.say("read what it takes and answers")
        signature = evidence.describe(sample, model)
        now.advance(note="let it answer rows of its sample")
        known = evidence.gather(model, sample, signature) if sample is not None and len(sample) else None
        now.advance(note="find the source it needs")
        with notebook.renamed() if notebook is not None else nullcontext():
            loads = loads_of(model)
            origins = origins_of(loads, notebook=notebook, modules=modules)
            now.advance(note="store it")
            stored_as, stored = store_model(model, origins=origins, trust=trust, flavour=flavour)
        version = msgspec.structs.replace(
            _version_of(model, name, signature, origins),
            digest=blobs.put(stored.data),
            flavour=stored_as,
            run_id=run_id,
            execution_id=execution_id,
            fit_id=fit_id,
            dataset_ids=list(dataset_ids),
            profile_digest=blobs.put(profile) if profile is not None else None,
            evidence_digest=blobs.put(msgspec.msgpack.encode(known)) if known is not None else None,
            types=stored.types,
            sources=_put_sources(origins, blobs),
            requirements=_requirements(loads, origins, stored_as, signature.takes),
        )
        now.advance(note=f"{name}: {stored_as}, {len(stored.data):,} bytes")
        return cast(ModelVersion, store.add_version(version))


def _refuse_no_model(model: Any) -> None:
    if not is_model(model):
        raise UsageError(
            f"a {type(model).__qualname__} is no model: it has neither predict nor transform, and is no function",
            code="not_a_model",
            hint="pass a fitted estimator, a pipeline, or a function of one argument",
        )


def _version_of(model: Any, name: str, signature: Signature, origins: Origins) -> ModelVersion:
    """Say what is known of a version before anything of it is stored."""
    return ModelVersion(
        id=new_id(),
        model=name,
        number=0,
        digest="",
        flavour="",
        signature=signature,
        type_name=_type_name(model),
        module_version_ids=origins.module_version_ids,
        params=params_of(model),
        notes=origins.notes,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        created_at=time.time(),
    )


def _put_sources(origins: Origins, blobs: Blobs) -> dict[str, str]:
    return {
        path: blobs.put(content.encode() if isinstance(content, str) else content)
        for path, content in sorted(origins.sources.items())
    }


def _type_name(model: Any) -> str:
    kind = model if hasattr(model, "__qualname__") else type(model)
    return f"{kind.__module__}.{kind.__qualname__}"


def _requirements(loads: Sequence[str], origins: Origins, flavour: str, takes: str) -> list[str]:
    """Pin what loading and asking the model needs."""
    return sorted({*pins_for(_imported(loads, origins, takes)), *pins_of(packages_of(flavour))})


def _imported(loads: Sequence[str], origins: Origins, takes: str) -> list[str]:
    """List the top-level modules that the model imports when it is loaded and asked."""
    tops = {name.partition(".")[0] for name in loads}
    for text in origins.texts.values():
        tops.update(name.partition(".")[0] for name in imports_of(text))
    if takes == "frame":
        tops.add("pandas")
    return sorted(tops - {"__main__", *origins.modules})


def params_of(model: Any) -> dict[str, Any]:
    """Return an estimator's own parameters as JSON values, others as bounded text; empty for a function."""
    if not hasattr(model, "get_params"):
        return {}
    return {name: _param(value) for name, value in model.get_params(deep=False).items()}


def _param(value: Any) -> Any:
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()  # numpy's float64 is a float that no encoder takes for one
    if value is None or type(value) in (str, int, float, bool):
        return value
    text = " ".join(repr(value).split())
    return text if len(text) <= MOST_PARAM_TEXT else text[: MOST_PARAM_TEXT - 1] + "…"


def load(version: ModelVersion, blobs: Blobs) -> Any:
    """Read a model back.

    Its bytes are used only when their digest is the recorded one, and load only what was trusted when it was
    registered.

    Args:
        version: which one.
        blobs: where its bytes are.

    Returns:
        The estimator or function.

    Raises:
        BundleError: the bytes were altered, ask for what nobody trusted, or need a package that is not there.
        NotFoundError: the bytes are gone.
    """
    label = f"{version.model}@{version.number}"
    try:
        reader = reader_of(version.flavour)
    except NotInstalledError as error:
        raise BundleError(
            f"{label} is stored as {version.flavour!r}, which cannot be read here: {error}",
            code="flavour_unknown",
            hint=f"pip install {' '.join(version.requirements)}",
        ) from error
    try:
        data = blobs.get(version.digest)
    except StoreCorruptError as error:
        raise BundleError(
            f"the bytes of {label} are not the ones that were registered", code="model_altered", hint="nbops doctor"
        ) from error
    offer_sources({path: blobs.get(digest) for path, digest in version.sources.items()})
    try:
        return reader(data, version.types)
    except ForbiddenTypeError as error:
        raise BundleError(f"{label} is not loaded: {error}", code="untrusted_types", hint="nbops doctor") from error
    except ImportError as error:
        missing = " ".join(version.requirements) or "the packages it was fitted with"
        raise BundleError(
            f"{label} cannot be loaded here: {error}", code="library_missing", hint=f"pip install {missing}"
        ) from error
