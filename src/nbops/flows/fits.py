"""A model back from the store, whichever record keeps it: a version that was registered, or a fit that was logged."""

from __future__ import annotations

import sys
from typing import Any

from nbops.errors import BundleError, NotFoundError
from nbops.records import Fit, ModelVersion
from nbops.store.blobs import Blobs
from nbops.store.interface import Store


def load_any(store: Store, blobs: Blobs, reference: str) -> Any:
    """Load a model by the reference of a version or of a fit.

    Args:
        store: the project's store.
        blobs: where the bytes are.
        reference: as for ``ModelVersion``, or a unique start of a fit's id.

    Returns:
        The estimator or function.

    Raises:
        NotFoundError: nothing answers to the reference, or the fit's model was not kept.
        BundleError: its bytes are not what was stored, or load what nobody trusted.
    """
    from nbops.bundle import load

    try:
        version = store.resolve(ModelVersion, reference)
    except NotFoundError as missing:
        try:
            fit = store.resolve(Fit, reference)
        except NotFoundError:
            raise missing from None
        return load_fit(fit, blobs)
    return load(version, blobs)


def load_fit(fit: Fit, blobs: Blobs) -> Any:
    """Load the estimator of a logged fit.

    Its pickle may load well-known libraries, modules of this project and classes that this notebook defines.

    Args:
        fit: which one.
        blobs: where its bytes are.

    Raises:
        NotFoundError: its model was not kept.
        BundleError: the bytes were altered or load anything else.
    """
    from nbops.bundle.flavours import is_trusted
    from nbops.bundle.origins import origins_of
    from nbops.bundle.pickles import names_in
    from nbops_serving.loading import read_pickle

    if fit.model_digest is None:
        why = "; ".join(fit.notes) or f"it {fit.status}"
        raise NotFoundError(f"the model of fit {fit.id} is not there: {why}", hint=f"nbops show {fit.id}")
    data = blobs.get(fit.model_digest)
    names = names_in(data)
    origins = origins_of(name for name in names if not name.startswith("__main__."))
    unknown = [name for name in names if not (is_trusted(name, origins) or _is_class_of_notebook(name))]
    if unknown:
        raise BundleError(
            f"fit {fit.id} is not loaded: its model needs {', '.join(unknown)}, which this notebook does not define "
            "and nbops does not know",
            code="untrusted_types",
            hint="run the cells that define them, or keep the model with nbops.log_model(model, name=…, trust=[…])",
        )
    try:
        return read_pickle(data, names)
    except ImportError as error:
        raise BundleError(
            f"fit {fit.id} cannot be loaded here: {error}", code="library_missing", hint=f"nbops show {fit.run_id}"
        ) from error


def _is_class_of_notebook(name: str) -> bool:
    module, _, own = name.partition(".")
    kind = vars(sys.modules["__main__"]).get(own)
    return module == "__main__" and isinstance(kind, type) and kind.__module__ == "__main__"
