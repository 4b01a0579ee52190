"""How a model is stored: skops where all its types are known, else a pickle that may load nothing but listed names.

Every flavour says what its bytes will load (``types``), so that whoever reads them can refuse anything else. Names of
well-known libraries and of sources that travel with the model are trusted; others only when the user says so.
"""

from __future__ import annotations

import builtins
import pickle
import types
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from nbops.bundle.origins import Origins
from nbops.bundle.pickles import names_in
from nbops.errors import BundleError
from nbops.optional import loaded

PICKLE_PROTOCOL = 5

KNOWN = ("sklearn", "numpy", "scipy", "pandas", "xgboost", "lightgbm", "catboost", "imblearn", "category_encoders")
"""Libraries whose types a model file may load without being asked about."""
_HARMLESS = frozenset(
    {
        "_codecs.encode",
        "_operator.attrgetter",
        "_operator.itemgetter",
        "_operator.methodcaller",
        "builtins.bytearray",
        "builtins.bytes",
        "builtins.complex",
        "builtins.dict",
        "builtins.float",
        "builtins.frozenset",
        "builtins.int",
        "builtins.list",
        "builtins.object",
        "builtins.range",
        "builtins.set",
        "builtins.slice",
        "builtins.str",
        "builtins.tuple",
        "collections.Counter",
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.deque",
        "copyreg.__newobj__",
        "copyreg._reconstructor",
        "datetime.date",
        "datetime.datetime",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "functools.partial",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "re._compile",
    }
)
# Parts of well-known libraries that read files, start processes or compile code.
_SHARP = (
    "numpy.load", "numpy.testing", "numpy.f2py", "numpy.distutils", "numpy.lib.npyio", "numpy.lib._npyio_impl",
    "scipy.io", "scipy._lib._testutils", "pandas.eval", "pandas.io", "pandas.core.computation", "pandas.read_",
    "sklearn.datasets", "sklearn.utils._testing", "sklearn.utils.fixes", "sklearn.externals", "sklearn.utils._joblib",
)  # fmt: skip


class Stored(msgspec.Struct, frozen=True):
    """A model as bytes."""

    flavour: str
    data: bytes
    types: list[str]
    """Everything the bytes load."""


def store_model(model: Any, *, origins: Origins, trust: Collection[str] = ()) -> Stored:
    """Turn a model into bytes, in the safest flavour that holds it.

    Args:
        model: an estimator, or a function.
        origins: the sources that will travel with it; what they define is trusted.
        trust: names (``module.name``), or whole modules, that the user trusts besides.

    Returns:
        The bytes and what they load.

    Raises:
        BundleError: the model cannot be stored, or loads something that nobody trusted; the message lists it.
    """
    if isinstance(model, types.FunctionType):
        stored = _store_function(model)
    else:
        stored = _store_skops(model, origins) or _store_pickle(model)
    unknown = [name for name in stored.types if not is_trusted(name, origins, trust)]
    if unknown:
        listed = ", ".join(unknown)
        raise BundleError(
            f"the model loads {listed}, which nbops does not know; trust it only if you know where it comes from",
            code="untrusted_types",
            hint=f"--trust {' --trust '.join(unknown)}",
        )
    return stored


def is_trusted(name: str, origins: Origins, trust: Collection[str] = ()) -> bool:
    """Tell whether a model file may load a name.

    Args:
        name: ``module.name``.
        origins: the sources that travel with the model.
        trust: names or modules that the user trusts.

    Returns:
        Whether the name is harmless, of a well-known library, defined in the model's own sources, or trusted.

    Example:
        >>> is_trusted("sklearn.svm._classes.SVC", Origins()), is_trusted("os.system", Origins())
        (True, False)
    """
    if name in _HARMLESS or origins.defines(name):
        return True
    if any(name == one or name.startswith(one + ".") for one in trust):
        return True
    return name.partition(".")[0] in KNOWN and not name.startswith(_SHARP)


def _store_function(model: types.FunctionType) -> Stored:
    if "<" in model.__qualname__:
        raise BundleError(
            f"{model.__qualname__} cannot be deployed: it has no name at the top of a module or notebook",
            code="function_unnamed",
            hint="def it in a cell of its own, under a name",
        )
    reference = f"{model.__module__}:{model.__qualname__}"
    return Stored("function", msgspec.json.encode(reference), [f"{model.__module__}.{model.__qualname__}"])


def _store_skops(model: Any, origins: Origins) -> Stored | None:
    """Return None where skops cannot hold the model, or does not know all of it."""
    if loaded("sklearn") is None or origins.sources:
        return None  # skops would look for the notebook's own types under names that exist only there
    import skops.io

    try:
        data = skops.io.dumps(model)
        unknown = skops.io.get_untrusted_types(data=data)
    except (TypeError, ValueError, AttributeError, NotImplementedError, RecursionError, pickle.PicklingError):
        return None  # skops has no way to write some part of it; the pickle below will say if nothing has
    known = [str(name) for name in unknown if is_trusted(str(name), origins)]
    return Stored("skops", data, sorted(known)) if len(known) == len(unknown) else None


def _store_pickle(model: Any) -> Stored:
    try:
        data = pickle.dumps(model, protocol=PICKLE_PROTOCOL)
        return Stored("pickle", data, names_in(data))
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError, ValueError) as error:
        raise BundleError(
            f"the {type(model).__qualname__} cannot be stored: {error}",
            code="model_not_storable",
            hint="give functions inside the model a name at the top of a cell; lambdas and open files cannot travel",
        ) from error


def loads_of(model: Any) -> Sequence[str]:
    """List what a pickle of this model would load, without checking any of it; empty when it cannot be pickled."""
    if isinstance(model, types.FunctionType):
        return [f"{model.__module__}.{model.__qualname__}"]
    try:
        return names_in(pickle.dumps(model, protocol=PICKLE_PROTOCOL))
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError, ValueError):
        kind = type(model)
        return [] if kind.__module__ == builtins.__name__ else [f"{kind.__module__}.{kind.__qualname__}"]
