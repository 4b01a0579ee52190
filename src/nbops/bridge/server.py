"""An MLflow server or store, opened without a trace in the process that asks: no telemetry, no log lines, no settings.

Everything of MLflow that can fail goes through ``connected``: its errors become ours here and nowhere else.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from nbops.errors import BridgeError, NotFoundError, UsageError
from nbops.optional import need
from nbops.quiet import quiet
from nbops.store.blobs import without_password

_SCHEMES = ("http", "https", "sqlite", "file", "postgresql", "mysql", "mssql", "databricks")
# MLflow counts its own use over the network unless it is told not to, and calls plain folders out of date.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_REFUSED = ("INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS", "BAD_REQUEST")


@dataclass(frozen=True)
class Server:
    """An opened MLflow."""

    client: Any
    """``mlflow.MlflowClient``, for runs and for registered models alike."""
    uri: str
    """As MLflow is given it."""
    name: str
    """As people are shown it: without any password."""


@contextlib.contextmanager
def connected(uri: str, *, timeout_s: float, makes: bool) -> Iterator[Server]:
    """Open an MLflow for the time of a ``with`` block.

    Args:
        uri: ``http://…`` of a server, ``sqlite:///…`` of a database, or a folder of MLflow's files.
        timeout_s: how long a server may take to say that it is there, in seconds.
        makes: whether a database or folder that is not there is made; else it is an error.

    Raises:
        UsageError: the address is of no kind that MLflow has.
        NotFoundError: there is no such database or folder.
        BridgeError: the server does not answer, or refuses what it is asked; ``mlflow_refused`` where it would refuse
            the same again.
        MissingError: the MLflow client is not installed.
    """
    address = address_of(uri)
    name = without_password(address)
    if not makes:
        _must_exist(address, name)
    with quiet(), _environment(address):
        mlflow = need("mlflow", to="move runs to or from MLflow")
        if address.startswith("http"):
            _must_answer(address, name, timeout_s)
        with _silent(), mapped(name):
            yield Server(mlflow.MlflowClient(tracking_uri=address, registry_uri=address), address, name)


def paged(ask: Callable[..., Any], **arguments: Any) -> Iterator[Any]:
    """Give everything that one of the client's searches finds, a page at a time."""
    token = None
    while True:
        page = ask(**arguments, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def address_of(uri: str) -> str:
    """Understand what was typed as an address of MLflow's.

    Raises:
        UsageError: it is of no kind that MLflow has.

    Example:
        >>> address_of("http://127.0.0.1:5000/"), address_of("/srv/mlruns")
        ('http://127.0.0.1:5000', 'file:///srv/mlruns')
    """
    uri = uri.strip()
    scheme, sign, rest = uri.partition("://")
    if uri == "databricks" or (sign and scheme.partition("+")[0] in _SCHEMES and rest.strip("/")):
        return uri.rstrip("/") if scheme.startswith("http") else uri
    if sign or not uri:
        raise UsageError(
            f"{without_password(uri)!r} is no address of MLflow: {', '.join(_SCHEMES[:4])} or a folder are",
            code="bad_uri",
            hint="http://127.0.0.1:5000, sqlite:///mlflow.db, or mlruns",
        )
    path = Path(uri.removeprefix("file:")).expanduser().absolute()
    port = uri.rpartition(":")[2].partition("/")[0]
    if port.isdecimal() and not path.exists():
        raise UsageError(f"{uri!r} is a folder to MLflow, and there is none", code="bad_uri", hint=f"http://{uri}")
    return path.as_uri()


def local_path(address: str) -> Path | None:
    """Where the file or folder of a local store is; None for servers.

    Example:
        >>> local_path("sqlite:////srv/mlflow.db")
        PosixPath('/srv/mlflow.db')
    """
    if address.startswith("sqlite"):
        # Three slashes begin a relative path, four an absolute one.
        return Path(unquote(address.partition("://")[2].removeprefix("/")).partition("?")[0]).absolute()
    return Path(unquote(urlsplit(address).path)) if address.startswith("file:") else None


def _must_exist(address: str, name: str) -> None:
    # MLflow would make an empty one, and there would be nothing to read in it.
    path = local_path(address)
    if path is not None and not path.exists():
        raise NotFoundError(f"there is no MLflow store at {name}", code="mlflow_not_found", hint=f"ls {path.parent}")


def _must_answer(address: str, name: str, timeout_s: float) -> None:
    """Ask once, quickly: MLflow itself would try for minutes."""
    import requests

    try:
        requests.get(f"{address}/health", timeout=timeout_s)
    except requests.exceptions.SSLError:
        return  # it is there; whether its certificate is believed is for MLflow's own settings
    except requests.exceptions.RequestException as error:
        raise BridgeError(
            f"no MLflow answers at {name}: {type(error).__name__}",
            code="mlflow_unreachable",
            hint=f"curl {name}/health; mlflow server --port 5000",
        ) from error


@contextlib.contextmanager
def mapped(name: str) -> Iterator[None]:
    """Turn MLflow's errors into ours."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        raise _of_mlflow(error, name) from error
    except (SQLAlchemyError, OSError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BridgeError(f"{name}: {text[:500]}", code="mlflow_failed", hint="df -h") from error


def _of_mlflow(error: Any, name: str) -> BridgeError:
    text, word = str(error), str(getattr(error, "error_code", ""))
    said = (text.splitlines()[0] if text else word)[:500]
    if " 401" in said or " 403" in said or word in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
        return BridgeError(
            f"{name} does not let us in: {said}",
            code="mlflow_denied",
            hint="MLFLOW_TRACKING_USERNAME=… MLFLOW_TRACKING_PASSWORD=…, or MLFLOW_TRACKING_TOKEN=…",
        )
    if word in _REFUSED:
        return BridgeError(f"{name} refuses: {said}", code="mlflow_refused", hint="nbops mlflow export --help")
    return BridgeError(
        f"{name} failed: {said}", code="mlflow_failed", hint="run the same command again: it goes on where it stopped"
    )


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """MLflow and Alembic tell on standard error what is of no use to somebody who only moves runs."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _environment(address: str) -> Iterator[None]:
    # In places MLflow asks the process's own store about another's model, and would make one where there is none.
    wanted = {**_ENVIRONMENT, "MLFLOW_TRACKING_URI": address, "MLFLOW_REGISTRY_URI": address}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
