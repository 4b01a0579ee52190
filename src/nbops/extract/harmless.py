"""What is known to be harmless: calls that make the same value everywhere, methods that leave their object as it was.

The lists are of what is known; whatever is not on them is taken for data.
"""

from __future__ import annotations

PURE_BUILTINS = frozenset(
    {"abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr", "classmethod", "complex"}
    | {"dict", "divmod", "enumerate", "filter", "float", "format", "frozenset", "getattr", "hasattr", "hex", "int"}
    | {"isinstance", "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "oct", "ord", "pow"}
    | {"property", "range", "repr", "reversed", "round", "set", "slice", "sorted", "staticmethod", "str", "sum"}
    | {"super", "tuple", "type", "zip"}
)
ITERATORS = frozenset({"enumerate", "filter", "iter", "map", "reversed", "zip"}) | {
    "difflib.context_diff", "difflib.ndiff", "difflib.restore", "difflib.unified_diff", "heapq.merge",
    "numpy.ndenumerate", "numpy.ndindex", "numpy.nditer", "re.finditer",
}  # fmt: skip
"""Calls whose answer is used up by reading it."""
PURE_MODULES = (
    "abc.", "argparse.Namespace", "array.array", "asyncio.Event", "asyncio.Lock", "asyncio.Queue", "asyncio.Semaphore",
    "base64.", "binascii.", "bisect.", "calendar.", "cmath.", "collections.", "colorsys.", "contextvars.ContextVar",
    "copy.", "cycler.", "dataclasses.", "datetime.", "dateutil.", "decimal.", "difflib.", "enum.", "fnmatch.",
    "fractions.", "functools.", "hashlib.", "heapq.", "html.", "importlib.import_module", "inspect.signature",
    "ipaddress.", "itertools.",
    "json.dumps", "json.loads", "keyword.", "logging.getLogger", "math.", "matplotlib.cm.", "matplotlib.colors.",
    "matplotlib.pyplot.cm.", "matplotlib.pyplot.get_cmap", "numbers.", "numpy.", "operator.", "os.path.basename",
    "os.path.dirname", "os.path.join", "os.path.normpath", "os.path.split", "pandas.CategoricalDtype",
    "pandas.DateOffset", "pandas.Interval", "pandas.Timedelta", "pandas.Timestamp", "pandas.api.types.",
    "pandas.date_range", "pandas.offsets.", "pandas.to_datetime", "pandas.to_timedelta", "pathlib.", "pytz.timezone",
    "queue.", "re.", "scipy.constants.", "scipy.special.", "scipy.stats.", "seaborn.color_palette",
    "sklearn.metrics.make_scorer", "statistics.", "string.", "struct.", "sympy.",
    "textwrap.", "threading.Event", "threading.Lock", "threading.RLock",
    "threading.local", "torch.device", "types.", "typing.", "typing_extensions.", "unicodedata.", "urllib.parse.",
    "uuid.UUID", "uuid.uuid3", "uuid.uuid5", "weakref.", "zlib.", "zoneinfo.ZoneInfo",
)  # fmt: skip
IMPURE = (
    "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow",
    "datetime.datetime.fromtimestamp", "datetime.date.fromtimestamp", "numpy.DataSource",
    "numpy.ctypeslib.", "numpy.empty", "numpy.f2py.", "numpy.fromfile", "numpy.fromregex", "numpy.genfromtxt",
    "numpy.lib.", "numpy.load", "numpy.memmap", "numpy.random.", "numpy.save", "numpy.set_", "numpy.setbufsize",
    "numpy.seterr", "numpy.show_config", "numpy.test", "pathlib.Path.cwd", "pathlib.Path.home",
    "sympy.init_printing", "sympy.init_session", "sympy.plot", "sympy.pprint", "sympy.preview", "weakref.",
    "hashlib.file_digest", "typing.reveal_type", "re.purge", "calendar.set", "decimal.getcontext",
    "decimal.setcontext", "decimal.localcontext", "calendar.pr", "calendar.TextCalendar", "numpy.info",
)  # fmt: skip
ENVIRONMENT = ("os.environ", "os.getcwd", "sys.argv", "sys.path", "sys.stdin", "sys.modules", "os.getenv")
SAFE_METHODS = frozenset(
    # text, bytes
    {"capitalize", "casefold", "center", "count", "decode", "encode", "endswith", "expandtabs", "find", "format"}
    | {"format_map", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower"}
    | {"isnumeric", "isprintable", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "maketrans"}
    | {"partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit"}
    | {"rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "translate", "upper", "zfill"}
    | {"hex"}
    # containers
    | {"copy", "fromkeys", "get", "items", "keys", "values", "most_common", "elements", "union", "intersection"}
    | {"difference", "symmetric_difference", "issubset", "issuperset", "isdisjoint", "_asdict", "_replace", "_make"}
    # paths, patterns, dates
    | {"joinpath", "with_name", "with_suffix", "with_stem", "relative_to", "as_posix", "is_absolute", "match"}
    | {"search", "fullmatch", "findall", "finditer", "sub", "subn", "group", "groups", "groupdict", "isoformat"}
    | {"strftime", "date", "time", "timestamp", "total_seconds", "weekday", "isoweekday", "normalize"}
    # arrays
    | {"all", "any", "argmax", "argmin", "argsort", "astype", "conj", "cumprod", "cumsum", "diagonal", "dot"}
    | {"flatten", "item", "max", "mean", "min", "nonzero", "prod", "ravel", "repeat", "reshape", "round", "squeeze"}
    | {"std", "sum", "swapaxes", "take", "tobytes", "tolist", "trace", "transpose", "var", "view", "quantile"}
    # frames, which are looked at more often than changed
    | {"head", "tail", "describe", "info", "plot", "hist", "sample", "corr", "nunique", "unique", "value_counts"}
    | {"groupby", "pivot_table", "to_csv", "to_dict", "to_numpy", "isna", "isnull", "apply", "predict", "score"}
    | {"predict_proba", "transform"}
    # cached functions
    | {"cache_info", "cache_parameters"}
)
"""Methods that leave their object as it was; `view` and its like are followed as aliases."""

OF_THE_MOMENT = frozenset({"now", "today", "utcnow", "cwd", "home", "localtime", "gmtime"})


DRAWN = frozenset({"rvs", "random_state", "bootstrap", "permutation_test", "monte_carlo_test", "resample"})
"""Functions of libraries that otherwise only compute, which draw random numbers."""


QUIET_CONTEXTS = frozenset(
    {"contextlib.suppress", "contextlib.nullcontext", "decimal.localcontext", "numpy.errstate"}
    | {"warnings.catch_warnings"}
)
"""What a module may enter with ``with`` while it is imported."""


def is_pure_path(path: str) -> bool:
    """Whether calling something built in or imported makes the same value everywhere and does nothing else.

    Example:
        >>> is_pure_path("re.compile"), is_pure_path("numpy.random.rand"), is_pure_path("datetime.date.today")
        (True, False, False)
    """
    if path.rpartition(".")[2] in OF_THE_MOMENT | DRAWN:
        return False
    if "." not in path:
        return path in PURE_BUILTINS or (path[:1].isupper() and path.endswith(("Error", "Exception", "Warning")))
    if path.partition(".")[0] in {"str", "dict", "bytes", "int", "float", "list", "tuple", "set", "object", "type"}:
        return True
    return path.startswith(PURE_MODULES) and not path.startswith(IMPURE)
