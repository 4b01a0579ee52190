"""A model file that somebody else wrote: what it would load, and whether anybody trusts that, without loading it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection

import msgspec

from nbops.bundle.flavours import is_trusted
from nbops.bundle.origins import Origins
from nbops.bundle.pickles import first_in, names_in
from nbops.errors import BundleError


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model file."""

    types: list[str]
    """What it may load when it is read, as ``module.name``."""
    unknown: list[str]
    """What it asks for besides, which nobody trusts: names, and modules whose source came with it."""
    type_name: str
    """Dotted class of the model."""


def judge(data: bytes, flavour: str, *, sources: Collection[str] = (), trust: Collection[str] = ()) -> Judged:
    """Look into a model file from elsewhere. Nothing of it is run.

    Args:
        data: the file's bytes.
        flavour: ``skops`` or ``pickle``.
        sources: paths of the Python files that came with it; loading the model would run them.
        trust: names (``module.name``), or whole modules, that the user trusts.

    Returns:
        What it loads, and what of it is trusted by nobody.

    Raises:
        BundleError: the bytes cannot be followed.

    Example:
        >>> import pickle, decimal
        >>> judge(pickle.dumps(decimal.Decimal(1)), "pickle").unknown
        []
        >>> judge(pickle.dumps(print), "pickle").unknown
        ['builtins.print']
    """
    try:
        names, kind = _skops(data) if flavour == "skops" else (names_in(data), first_in(data))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, zipfile.BadZipFile, RecursionError) as error:
        raise BundleError(
            f"the model file cannot be looked into: {error}", code="model_not_followed", hint="log it with skops"
        ) from error
    unknown = [name for name in names if not is_trusted(name, Origins(), trust)]
    carried = {path.split("/", 1)[0].removesuffix(".py") for path in sources}
    unknown += sorted(top for top in carried if top not in trust)
    return Judged(types=[name for name in names if name not in unknown], unknown=unknown, type_name=kind or "unknown")


def _skops(data: bytes) -> tuple[list[str], str | None]:
    import skops.io

    names = sorted(map(str, skops.io.get_untrusted_types(data=data)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        root = msgspec.json.decode(archive.read("schema.json"))
    return names, f"{root['__module__']}.{root['__class__']}"
