"""Where this project's store and blobs are, and every other setting: environment > pyproject.toml > default."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from nbops.errors import SettingsError

STORE_FOLDER = ".nbops"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set, already resolved.

    Each field is read from ``NBOPS_<FIELD>`` in the environment, else from ``<field>`` under ``[tool.nbops]`` of the
    project's ``pyproject.toml``, else the default stands.
    """

    root: str
    """The project's folder: the nearest one upwards that has ``.nbops``, else the current one."""
    store: str
    """A path to the SQLite file (``sqlite:///path`` means the same), or ``postgresql://…`` of the team's store."""
    blobs: str
    """Folder or fsspec address under which bytes are kept by their hash."""
    record: bool = True
    """Whether cells are recorded at all."""
    lineage: bool = True
    """Whether what each cell reads and writes is recorded with it."""
    autolog: bool = True
    """Whether fits of scikit-learn-style estimators are logged, with their scores, data and models."""
    autolog_model_bytes: int = 200_000_000
    """How many bytes of fitted models are kept of one run by autologging; 0 keeps none."""
    masking: bool = True
    """Whether secrets are taken out of what is kept."""
    not_secrets: list[str] = []
    """What is no secret although it looks like one: the values themselves, or the ids that ``nbops secrets`` shows."""
    output_bytes: int = 10_000
    """How much of a cell's text output is kept in its record, in bytes."""
    display_bytes: int = 5_000_000
    """How much of what one execution displays (figures, tables, charts) is kept, in bytes; 0: nothing."""
    display_versions: int = 10
    """Of how many executions of a cell the displays are kept."""
    widgets: bool = True
    """Whether lists and forms answer to clicks and keys while a notebook is live."""
    engine: str = ""
    """The engine that deploys when none is named; empty: docker where it answers, else process."""
    flavour: str = ""
    """How models are stored; empty: in the safest flavour that holds them."""
    rung: str = ""
    """How models are computed where they are served; empty: by the fastest rung with the same answers."""
    signing_key: str = ""
    """The PEM file, outside of the project, with the Ed25519 key that signs bundles at a deploy; empty: none does."""
    trusted_keys: list[str] = []
    """Public keys, one of which must have signed a bundle that a server starts; empty: no signature is asked for."""
    base_image: str = "nbops-base:bookworm"
    """The image that containers are built on."""
    platform: str = ""
    """What images are made for, such as ``linux/amd64``; empty: for what their base is made for."""
    isolated: bool = False
    """Whether the process engine gives each deployment a venv of its own."""
    ship_bytes: int = 200_000_000
    """How many bytes of files travel with a notebook to a cluster's workers, and back with its result."""
    connect_timeout_s: float = 5.0
    """How long to wait for another process or a server that holds the store, in seconds."""

    @property
    def folder(self) -> Path:
        """The ``.nbops`` folder of this project."""
        return Path(self.root) / STORE_FOLDER

    @property
    def outbox(self) -> Path:
        """Where bytes wait on their way to a remote place of blobs."""
        return self.folder / "outbox"

    @property
    def journal(self) -> Path:
        """The local SQLite file every process of this project writes to."""
        return self.folder / "store.db" if is_server(self.store) else Path(self.store)


def is_server(store: str) -> bool:
    """Tell an address of a shared store from a path to a local one."""
    return "://" in store


def find_root(start: Path) -> Path:
    """Find the project's folder as git does: the nearest one upwards that has ``.nbops``, else ``start``."""
    for folder in (start, *start.parents):
        if (folder / STORE_FOLDER).is_dir():
            return folder
    return start


def overshadowed(root: Path, start: Path) -> Path | None:
    """Find the folder that looks like the project of ``start`` where a ``.nbops`` further up has taken its place.

    Args:
        root: the project's folder as it was found.
        start: where it was looked for from.

    Returns:
        The nearest repository below ``root``, or a Python project where ``root`` is none; ``start`` itself where
        ``root`` is no project but the home folder, that of temporary files or the root of all; else None.

    Example:
        >>> overshadowed(Path("/"), Path("/srv/churn"))
        PosixPath('/srv/churn')
    """
    if root == start or not start.is_relative_to(root):
        return None
    is_project = (root / ".git").exists() or (root / "pyproject.toml").is_file()
    for folder in (start, *start.parents):
        if folder == root:
            break
        if (folder / ".git").is_dir() or (not is_project and (folder / "pyproject.toml").is_file()):
            return folder
    import tempfile  # for whoever asks, not for every start of a kernel

    gathering = (Path.home(), Path(tempfile.gettempdir()), Path(root.anchor))
    return start if root in gathering and not is_project else None


def load_settings(start: str | os.PathLike[str] | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Resolve all settings for a folder.

    Args:
        start: where to look upwards from; the current folder when not given.
        env: the environment to read; the process's own when not given.

    Returns:
        The settings, every path absolute.

    Raises:
        SettingsError: a value cannot be understood, or pyproject.toml has an unknown key.

    Example:
        >>> load_settings("/tmp", env={"NBOPS_STORE": "/tmp/other.db"}).store
        '/tmp/other.db'
    """
    env = os.environ if env is None else env
    root = find_root(Path(start or Path.cwd()).absolute())
    values: dict[str, Any] = {**_pyproject(root), **_environment(env)}
    values["root"] = str(root)
    folder = root / STORE_FOLDER
    store = str(values.get("store") or folder / "store.db")
    # As database libraries write the address of a file; the path is what everything else here is made of.
    values["store"] = _absolute(store.removeprefix("sqlite:///"), root)
    values["blobs"] = _absolute(values.get("blobs") or folder / "blobs", root)
    return msgspec.convert(values, Settings)


@functools.cache
def _fields() -> dict[str, Any]:
    return {name: kind for name, kind in get_type_hints(Settings).items() if name != "root"}


def _pyproject(root: Path) -> dict[str, Any]:
    path = root / "pyproject.toml"
    if not path.is_file():
        return {}
    import tomllib  # only where there is something to read: every start of a kernel passes here

    try:
        table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("nbops", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}", hint=f"edit {path}") from error
    fields = _fields()
    values: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            continue  # [tool.nbops.checks] and its like belong to their rooms
        if name not in fields:
            raise SettingsError(
                f"{path}: [tool.nbops] has no setting {name!r}; there are: {', '.join(sorted(fields))}",
                hint=f"edit {path}",
            )
        values[name] = _understood(name, value, fields[name], str(path))
    return values


def _environment(env: Mapping[str, str]) -> dict[str, Any]:
    fields = _fields()
    return {
        name: _understood(name, env[key], kind, f"the environment's {key}")
        for name, kind in fields.items()
        if (key := f"NBOPS_{name.upper()}") in env and env[key] != ""
    }


def _understood(name: str, value: object, kind: Any, where: str) -> Any:
    if kind is bool and isinstance(value, str):
        value = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(
            value.lower(), value
        )
    if kind == list[str] and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        wanted = " or ".join(getattr(part, "__name__", str(part)) for part in (get_args(kind) or (kind,)))
        raise SettingsError(
            f"{where}: {name} = {value!r} is not a {wanted}", hint=f"set {name} to a {wanted}"
        ) from error


def _absolute(location: str | Path, root: Path) -> str:
    text = str(location)
    if "://" in text:
        return text
    return str((root / Path(text).expanduser()).absolute())
