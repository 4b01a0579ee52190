"""From a bundle's model file to an object that predicts: each flavour is read only after its bytes were checked.

A pickle is read with a list of the only names it may load, written when the model was registered; anything else in it
is refused before it is looked up. skops has its own list of trusted types. A function is imported by its name. Other
packages bring flavours under the entry point group ``nbops.flavours``; of those only ``read`` is called here.
"""

from __future__ import annotations

import importlib
import io
import pickle
from collections.abc import Collection
from typing import Any, Protocol

import msgspec

from nbops_serving.bundle import Contents
from nbops_serving.seams import joined


class ForbiddenTypeError(Exception):
    """A model file asks for something that nobody trusted."""


class Reader(Protocol):
    """What reads one flavour."""

    def __call__(self, data: bytes, types: Collection[str], /) -> Any:
        """Return the model that is in the bytes, or raise ForbiddenTypeError where they ask for more than ``types``."""
        ...


def load_model(bundle: Contents) -> Any:
    """Load the model of a bundle.

    Args:
        bundle: the opened bundle; its own modules must be importable.

    Returns:
        The estimator or function.

    Raises:
        TamperedError: the model file is not the one of the manifest.
        NotInstalledError: nothing here reads its flavour.
        ForbiddenTypeError: the file asks for something that is not in the manifest's ``types``.
    """
    manifest = bundle.manifest
    return reader_of(manifest.flavour)(bundle.read(manifest.model_file), manifest.types)


def reader_of(flavour: str) -> Reader:
    """Find what reads a flavour: the server's own, else that of another installed package.

    Raises:
        NotInstalledError: nothing here reads it.

    Example:
        >>> reader_of("pickle") is read_pickle
        True
    """
    own = READERS.get(flavour)
    if own is not None:
        return own
    found: Reader = joined("nbops.flavours", flavour, own=sorted(READERS)).read
    return found


def read_pickle(data: bytes, types: Collection[str]) -> Any:
    """Read a pickle that may load nothing but ``types``.

    Args:
        data: bytes whose digest the caller has checked.
        types: what it may load, each as ``module.name``.

    Returns:
        The object.

    Raises:
        ForbiddenTypeError: it asks for anything else.

    Example:
        >>> read_pickle(pickle.dumps(print), ["math.sin"])
        Traceback (most recent call last):
        nbops_serving.loading.ForbiddenTypeError: the model file asks for builtins.print, which nobody trusted
    """
    return _Restricted(io.BytesIO(data), frozenset(types)).load()


class _Restricted(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, types: frozenset[str]) -> None:
        super().__init__(file)
        self._types = types

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in self._types:
            raise ForbiddenTypeError(f"the model file asks for {full}, which nobody trusted")
        return super().find_class(module, name)


def read_skops(data: bytes, types: Collection[str]) -> Any:
    """Read a skops file that may load nothing but skops's own trusted types and ``types``."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.loads(data, trusted=sorted(types))
    except UntrustedTypesFoundException as error:
        unknown = set(skops.io.get_untrusted_types(data=data)) - set(types)
        listed = ", ".join(sorted(unknown))
        raise ForbiddenTypeError(f"the model file asks for {listed}, which nobody trusted") from error


def read_function(data: bytes, types: Collection[str]) -> Any:
    """Import a function that is kept by its name, ``module:name``."""
    reference = msgspec.json.decode(data, type=str)
    module, _, name = reference.partition(":")
    full = f"{module}.{name}"
    if full not in types:
        raise ForbiddenTypeError(f"the model file asks for {full}, which nobody trusted")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


READERS: dict[str, Reader] = {
    "skops": read_skops,
    "pickle": read_pickle,
    "function": read_function,
}
