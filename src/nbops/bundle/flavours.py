"""How a model is stored: skops where all its types are known, else a pickle that may load nothing but listed names.

Every flavour says what its bytes will load (``types``), so that whoever reads them can refuse anything else. Names of
well-known libraries and of sources that travel with the model are trusted; others only when the user says so.

A flavour is one class with both directions, ``Flavour``. To add one, see CONTRIBUTING.
"""

from __future__ import annotations

import builtins
import pickle
import types
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from nbops.bundle.numbering import numbered
from nbops.bundle.origins import Origins
from nbops.bundle.pickles import names_in
from nbops.errors import BundleError
from nbops.extending import look_up, names, provider
from nbops.optional import loaded
from nbops_serving import loading

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
        "nbops_serving.several.Several",
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

    data: bytes
    types: list[str]
    """Everything the bytes load, as ``module.name``."""


class Flavour(Protocol):
    """A way to store models; made without arguments.

    Where the model is served nbops is not there: the module of a flavour imports it inside ``store`` alone.
    """

    packages: Sequence[str]
    """Distributions that reading needs, beside those whose names the model loads and the flavour's own."""

    def store(self, model: Any, origins: Origins) -> Stored | None:
        """Turn a model into bytes, or return None for one that it cannot hold whole.

        The same model gives the same bytes. ``origins`` are the sources that will travel with it.
        """
        ...

    def read(self, data: bytes, types: Collection[str]) -> Any:
        """Turn the bytes into the model again.

        ``nbops_serving.loading.ForbiddenTypeError`` where they ask for a name that is not in ``types``, before it is
        looked up.
        """
        ...


FLAVOURS = {
    "function": "nbops.bundle.flavours:Function",
    "skops": "nbops.bundle.flavours:Skops",
    "pickle": "nbops.bundle.flavours:Pickle",
}
"""Flavours that come with nbops, in the order in which they are asked; others join by the group ``nbops.flavours``."""
_LAST = "pickle"  # it takes nearly everything, and says less than any other of what it will load


def flavour_named(name: str) -> Flavour:
    """Return the flavour of this name.

    Raises:
        UsageError: no flavour has this name.
    """
    flavour: Flavour = look_up("flavours", name, built_in=FLAVOURS)()
    return flavour


def packages_of(name: str) -> list[str]:
    """List the distributions that reading a flavour needs, that of its own package included."""
    brought_by = provider("flavours", name, built_in=FLAVOURS)
    return [*flavour_named(name).packages, *([brought_by] if brought_by is not None else [])]


def store_model(
    model: Any, *, origins: Origins, trust: Collection[str] = (), flavour: str | None = None
) -> tuple[str, Stored]:
    """Turn a model into bytes, in the safest flavour that holds it.

    Args:
        model: an estimator, or a function.
        origins: the sources that will travel with it; what they define is trusted.
        trust: names (``module.name``), or whole modules, that the user trusts besides.
        flavour: the one to take; None asks one after the other.

    Returns:
        The flavour's name, the bytes and what they load.

    Raises:
        UsageError: no flavour has the name.
        BundleError: the model cannot be stored, or loads something that nobody trusted; the message lists it.
    """
    name, stored = _stored(model, origins, flavour)
    unknown = [name for name in stored.types if not is_trusted(name, origins, trust)]
    if unknown:
        listed = ", ".join(unknown)
        raise BundleError(
            f"the model loads {listed}, which nbops does not know; trust it only if you know where it comes from",
            code="untrusted_types",
            hint=f"--trust {' --trust '.join(unknown)}",
        )
    return name, stored


def _stored(model: Any, origins: Origins, flavour: str | None) -> tuple[str, Stored]:
    for name in _asked() if flavour is None else [flavour]:
        stored = flavour_named(name).store(model, origins)
        if stored is not None:
            return name, stored
    raise BundleError(
        f"the flavour {flavour or _LAST} cannot hold this {type(model).__qualname__}",
        code="model_not_storable",
        hint="unset NBOPS_FLAVOUR",
    )


def _asked() -> Iterator[str]:
    """Other packages' flavours come before the last resort; what is installed is looked at only when it gets there."""
    yield from (name for name in FLAVOURS if name != _LAST)
    yield from (name for name in names("flavours", built_in=FLAVOURS) if name not in FLAVOURS)
    yield _LAST


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


class Function:
    """A function is kept by its name; its module travels as source or is installed."""

    packages: Sequence[str] = ()
    read = staticmethod(loading.read_function)

    def store(self, model: Any, origins: Origins) -> Stored | None:
        """Keep a function's name; None for anything else."""
        if not isinstance(model, types.FunctionType):
            return None
        if "<" in model.__qualname__:
            raise BundleError(
                f"{model.__qualname__} cannot be deployed: it has no name at the top of a module or notebook",
                code="function_unnamed",
                hint="def it in a cell of its own, under a name",
            )
        reference = f"{model.__module__}:{model.__qualname__}"
        return Stored(msgspec.json.encode(reference), [f"{model.__module__}.{model.__qualname__}"])


class Skops:
    """scikit-learn's own models, without any code in their bytes."""

    packages: Sequence[str] = ("skops",)
    read = staticmethod(loading.read_skops)

    def store(self, model: Any, origins: Origins) -> Stored | None:
        """Return None where skops cannot hold the model, or does not know all of it."""
        if loaded("sklearn") is None or origins.sources:
            return None  # skops would look for the notebook's own types under names that exist only there
        import skops.io

        try:
            data = skops.io.dumps(model)
            unknown = skops.io.get_untrusted_types(data=data)
        except (TypeError, ValueError, AttributeError, NotImplementedError, RecursionError, pickle.PicklingError):
            return None  # skops has no way to write some part of it; the last flavour will say if none has
        known = [str(name) for name in unknown if is_trusted(str(name), origins)]
        return Stored(numbered(data), sorted(known)) if len(known) == len(unknown) else None


class Pickle:
    """Anything that can be pickled; its reader loads the names that were listed and nothing else."""

    packages: Sequence[str] = ()
    read = staticmethod(loading.read_pickle)

    def store(self, model: Any, origins: Origins) -> Stored | None:
        """Pickle a model, or say why it cannot be: nobody is asked after this."""
        try:
            data = pickle.dumps(model, protocol=PICKLE_PROTOCOL)
            return Stored(data, names_in(data))
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError, ValueError) as error:
            raise BundleError(
                f"the {type(model).__qualname__} cannot be stored: {error}",
                code="model_not_storable",
                hint="give functions inside it a name at the top of a cell; lambdas and open files cannot travel",
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
