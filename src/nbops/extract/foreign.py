"""What calls of other people's functions do to what they are given, and what of it is in their answer."""

from __future__ import annotations

import builtins
import functools
import importlib.util
import sys
from pathlib import Path

from nbops.extract.references import NOTHING, References, anything, copied, held, part
from nbops.source.touches import CHANGING_CALLS

CHANGED_FIRST = frozenset(
    {"setattr", "delattr", "next", "shuffle", "heappush", "heappop", "heapify", "insort"}
    | {"random.shuffle", "numpy.random.shuffle", "numpy.put", "numpy.place", "numpy.copyto", "numpy.putmask"}
    | {"numpy.fill_diagonal", "numpy.put_along_axis", "numpy.random.Generator.shuffle", "sklearn.utils.murmurhash3_32"}
    | {"heapq.heappush", "heapq.heappop", "heapq.heapify", "heapq.heapreplace", "heapq.heappushpop"}
    | {"bisect.insort", "bisect.insort_left", "bisect.insort_right", "object.__setattr__", "object.__delattr__"}
    | {"xml.etree.ElementTree.SubElement", "xml.etree.ElementTree.indent", "collections.deque.append"}
) | {call for call in CHANGING_CALLS if "." not in call}  # fmt: skip
"""Calls that change their first argument in place; without a dot also for names that a star import brought."""

ATTRIBUTE_SETTERS = frozenset({"setattr", "delattr", "object.__setattr__", "object.__delattr__"})

CHANGED_SECOND = frozenset({"struct.pack_into"})

_IN_PLACE_OPERATORS = frozenset(
    {"setitem", "delitem", "iadd", "iand", "iconcat", "ifloordiv", "ilshift", "imatmul", "imod", "imul", "ior", "ipow"}
    | {"irshift", "isub", "itruediv", "ixor"}
)

IN_PLACE_KEYWORDS = frozenset({"out", "namespace"})
"""Keywords whose value a call writes into."""

IN_PLACE_METHODS = frozenset({"fill", "itemset", "resize", "setflags", "put", "setfield", "push", "put_nowait"})
"""Methods, apart from those of the built-in containers, that change what they are called on whatever it is."""

FILLED_BY_METHODS = frozenset({"shuffle", "readinto", "readinto1", "recv_into", "recvfrom_into"})
"""Methods that change their first argument: ``rng.shuffle(rows)``."""

_PARTS = frozenset({"max", "min", "random.choice", "random.choices", "random.sample", "functools.reduce", "sum"})
_COPIES = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "copy.copy", "dict", "filter"}) | {
    f"collections.{name}" for name in ("OrderedDict", "deque", "UserDict", "UserList", "Counter", "defaultdict")
}
_PAIRED = frozenset({"zip", "enumerate"})
_SAME = frozenset(
    {"vars", "iter", "typing.cast", "types.MappingProxyType", "memoryview", "collections.ChainMap", "numpy.frombuffer"}
    | {"functools.partial", "types.SimpleNamespace", "argparse.Namespace", "numpy.nditer", "numpy.require", "map"}
    | {f"numpy.{name}" for name in ("asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "asmatrix")}
    | {f"numpy.{name}" for name in ("reshape", "ravel", "squeeze", "transpose", "swapaxes", "moveaxis", "rollaxis")}
    | {f"numpy.{name}" for name in ("expand_dims", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_to", "flip")}
    | {f"numpy.{name}" for name in ("fliplr", "flipud", "rot90", "diagonal", "split", "array_split", "hsplit")}
    | {f"numpy.{name}" for name in ("vsplit", "dsplit", "real", "imag", "broadcast_arrays")}
    | {"pandas.DataFrame", "pandas.Series", "torch.from_numpy", "torch.as_tensor", "dataclasses.replace"}
)
"""Calls whose answer is, shares the memory of, or holds what they were given."""

_FRESH_BUILTINS = frozenset(
    {"abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr", "complex", "delattr", "dir"}
    | {"display", "divmod", "float", "format", "hasattr", "hash", "help", "hex", "id", "input", "int", "isinstance"}
    | {"issubclass", "len", "object", "oct", "open", "ord", "pow", "print", "range", "repr", "round", "slice"}
    | {"setattr", "str", "type"}
)
CALLING_NOTHING = frozenset(
    {"callable", "dir", "getattr", "hasattr", "hash", "help", "id", "isinstance", "issubclass", "len", "print", "repr"}
    | {"setattr", "str", "type", "vars", "inspect.getsource", "inspect.signature", "typing.cast"}
)
"""Calls that do not call what they are given, functions and classes included."""

_BUILTINS = frozenset(dir(builtins))
_FRESH = frozenset(
    {"copy.deepcopy", "functools.wraps", "random.random", "random.randint", "random.seed", "random.uniform"}
    | {"inspect.signature", "inspect.getsource", "collections.namedtuple", "operator.itemgetter", "random.randrange"}
)
_HOLDING = frozenset({"collections", "copy", "functools", "itertools", "operator", "types", "weakref"}) | {
    "contextlib", "dataclasses", "queue", "heapq", "bisect", "random", "inspect", "argparse",
}  # fmt: skip
"""Modules of the standard library whose answers may hold what they were given; those of the others are new."""

WELL_KNOWN = frozenset(
    {"IPython", "PIL", "altair", "bokeh", "bs4", "cv2", "datasets", "fastai", "gensim", "gym", "gymnasium", "imblearn"}
    | {"ipywidgets", "jax", "joblib", "keras", "lightgbm", "matplotlib", "mlflow", "mpl_toolkits", "nbops", "networkx"}
    | {"nltk", "numpy", "optuna", "pandas", "plotly", "polars", "pylab", "pyspark", "requests", "scipy", "seaborn"}
    | {"shap", "skimage", "sklearn", "spacy", "statsmodels", "sympy", "tensorflow", "torch", "torchvision", "tqdm"}
    | {"transformers", "wandb", "xgboost", "yaml", "torchaudio", "torchmetrics", "catboost", "dask", "httpx", "aiohttp"}
)
"""Libraries known to leave their arguments alone, apart from the calls listed above, whether installed here or not."""


def changed_places(path: str, keywords: frozenset[str]) -> set[int | str]:
    """Positions and keywords of the arguments that a call of a library's function changes in place.

    Args:
        path: the function's dotted path.
        keywords: of the call, those that switch working in place on.
    """
    module, _, name = path.rpartition(".")
    changed: set[int | str] = set(IN_PLACE_KEYWORDS)
    in_place = path in CHANGED_FIRST or (module == "operator" and name in _IN_PLACE_OPERATORS)
    if in_place or keywords or (name.endswith("_") and not name.endswith("__") and module.startswith("torch")):
        changed.add(0)
    if path in CHANGED_SECOND:
        changed.add(1)
    return changed


def answer(path: str, given: References) -> References:
    """What the answer of a library's function may reach of what it was given."""
    if not given or path in _FRESH_BUILTINS | _FRESH:
        return NOTHING
    if path in _SAME:
        return given | held(given) | part(given)
    if path in _PARTS:
        return given | part(given) | held(part(given))
    if path in _COPIES:
        return copied(given) | copied(part(given))
    if path in _PAIRED:
        return held(copied(given))
    root = path.partition(".")[0]
    if "." not in path or root in _BUILTINS:  # iter, getattr and their like; names that a star import brought
        return anything(given)
    if root in sys.stdlib_module_names:
        return anything(given) if root in _HOLDING else NOTHING
    return NOTHING if leaves_alone(path) else anything(given)


@functools.cache
def _is_installed(module: str) -> bool:
    """Whether a module belongs to a distribution, and not to the folder somebody works in."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return False
    places = [spec.origin or "", *(spec.submodule_search_locations or [])] if spec is not None else []
    return any({"site-packages", "dist-packages"} & set(Path(place).parts) for place in places)


def leaves_alone(path: str) -> bool:
    """Whether a library is known to leave what it is given as it was, apart from the calls listed here."""
    root = path.partition(".")[0]
    return root in _BUILTINS or "." not in path or root in sys.stdlib_module_names | WELL_KNOWN or _is_installed(root)
