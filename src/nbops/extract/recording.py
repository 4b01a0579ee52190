"""Tests from what really happened: calls of chosen functions, recorded in the session for ``replaying``.

Opt-in and bounded: the first calls with different arguments, up to a size. A call's own result and errors pass through
untouched; whatever goes wrong in recording costs the recording, never the call.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import io
import operator
import pickle
import random
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from nbops.errors import ExtractError
from nbops.extract.files import write
from nbops.extract.replaying import RecordedCall, recorded_calls, tests_folder, write_tests
from nbops.masking import masker_of
from nbops.optional import loaded
from nbops.records import new_id
from nbops.settings import load_settings


class Recording:
    """Records calls of functions of a namespace, from its start until ``stop``.

    Args:
        names: the functions.
        namespace: the live user namespace, in which each is replaced by a wrapper that looks like it.
        module: the module whose tests these calls become.
        root: the project's folder.
        limit: how many calls with different arguments are kept for each function.
        limit_bytes: how large a call's arguments or result may be.
        run_id: the run these calls belong to.
        keep: called with the bytes of each artifact, to keep them elsewhere too.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        namespace: MutableMapping[str, Any],
        module: str,
        root: Path,
        limit: int = 10,
        limit_bytes: int = 1_000_000,
        run_id: str | None = None,
        keep: Callable[[bytes], object] | None = None,
    ) -> None:
        self.names = list(names)
        self.namespace = namespace
        self.module = module
        self.root = root
        self.limit = limit
        self.limit_bytes = limit_bytes
        self.run_id = run_id
        self.keep = keep
        self.notes: list[str] = []
        """Why calls were not recorded."""
        self._masker = masker_of(load_settings(root))
        self._busy = threading.local()
        self._seen: set[tuple[str, str]] = {(c.function, c.arguments) for c in recorded_calls(root, module)}
        self.renew()

    def renew(self) -> None:
        """Wrap the functions, again for those whose cell was run again; happens by itself after each IPython cell."""
        for name in self.names:
            function = self.namespace.get(name)
            if isinstance(function, types.FunctionType) and not hasattr(function, "_nbops_recording"):
                if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
                    self._note(f"{name} is a generator or a coroutine: its calls are not recorded")
                else:
                    self.namespace[name] = self._wrapped(name, function)

    def stop(self) -> None:
        """Put the functions themselves back."""
        shell = self._shell()
        if shell is not None:
            shell.events.unregister("post_run_cell", self._cell_ran)
        for name in self.names:
            function: Any = self.namespace.get(name)
            if getattr(function, "_nbops_recording", None) is self:
                self.namespace[name] = function.__wrapped__

    def follow_cells(self) -> None:
        """Renew after each cell of the IPython session that the namespace belongs to, if it belongs to one."""
        shell = self._shell()
        if shell is not None:
            shell.events.register("post_run_cell", self._cell_ran)

    def _shell(self) -> Any:
        ipython = loaded("IPython")
        shell = None if ipython is None else ipython.get_ipython()
        return shell if shell is not None and shell.user_ns is self.namespace else None

    def _cell_ran(self, result: object) -> None:
        self.renew()

    def _wrapped(self, name: str, function: types.FunctionType) -> Callable[..., Any]:
        @functools.wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            before = self._before(name, args, kwargs)
            if before is None:
                return function(*args, **kwargs)
            result, error = None, None
            self._busy.is_on = True
            with _watched() as effects:
                try:
                    result = (function(*args, **kwargs),)
                except Exception as raised:
                    error = raised
                    raise
                finally:
                    self._busy.is_on = False
                    _watching.seen = None  # what recording itself writes is not the call's doing
                    self._after(name, before, effects, result, error, (args, kwargs))
            return result[0]

        vars(recorded)["_nbops_recording"] = self
        return recorded

    def _before(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Before | None:
        """Keep the arguments as they are now; None when this call shall not be recorded."""
        if getattr(self._busy, "is_on", False):
            return None  # recursion, and functions of the module that call each other
        try:
            if sum(function == name for function, _ in self._seen) >= self.limit:
                return None
            arguments = self._dumped((args, kwargs))
            state = _random_state()
        except Exception as error:  # noqa: BLE001 # our own hook in a user's call must never break it
            self._note(f"{name}: arguments that cannot be kept: {error}")
            return None
        digest = hashlib.sha256(arguments).hexdigest()
        if (name, digest) in self._seen:
            return None
        return _Before(arguments, digest, state)

    def _after(
        self,
        name: str,
        before: _Before,
        effects: list[str],
        result: tuple[Any] | None,
        error: Exception | None,
        given: tuple[Any, Any],
    ) -> None:
        if result is None and error is None:
            return  # interrupted: there is nothing to replay
        try:
            call = self._described(name, before, effects, result, error, given)
            calls = [*recorded_calls(self.root, self.module), call]
            write(tests_folder(self.root, self.module) / "calls.json", msgspec.json.format(msgspec.json.encode(calls)))
            self._seen.add((name, before.digest))
        except Exception as problem:  # noqa: BLE001 # our own hook in a user's call must never break it
            self._note(f"{name}: a result that cannot be kept: {problem}")

    def _described(
        self,
        name: str,
        before: _Before,
        effects: list[str],
        result: tuple[Any] | None,
        error: Exception | None,
        given: tuple[Any, Any],
    ) -> RecordedCall:
        drew = _random_state() != before.state
        return RecordedCall(
            id=f"{name}-{new_id()[-8:]}",
            function=name,
            arguments=self._kept(before.arguments),
            result=None if result is None else self._kept(self._dumped(result[0])),
            raises=None if error is None else type(error).__name__,
            random_state=self._kept(before.state) if drew else None,
            changes_arguments=self._dumped(given) != before.arguments,
            effects=sorted(set(effects))[:5],
            run_id=self.run_id,
            at=time.time(),
        )

    def _kept(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = tests_folder(self.root, self.module) / f"{digest}.joblib"
        if not path.is_file():
            write(path, data)
        if self.keep is not None:
            self.keep(data)
        return digest

    def _dumped(self, value: object) -> bytes:
        """Pickle a value so that the module's own classes are found in the module, not in ``__main__``."""
        buffer = _Bounded(self.limit_bytes)
        _ModulePickler(buffer, self.module).dump(value)
        data = buffer.getvalue()
        if self._masker.holds(data.decode("latin-1")):
            # What is recorded is meant for the repository.
            raise ExtractError("they hold a secret", code="secret", hint="record calls with made-up credentials")
        return data

    def _note(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < 20:
            self.notes.append(text)


class _Before(msgspec.Struct, frozen=True):
    arguments: bytes
    digest: str
    state: bytes


class _Bounded(io.BytesIO):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        written = super().write(data)
        if self.tell() > self._limit:
            raise ExtractError(f"more than {self._limit:,} bytes", code="too_large")
        return written


class _ModuleName(str):
    """Stands in a pickle for the module itself."""

    __slots__ = ()


class _ModulePickler(pickle.Pickler):
    """Looks the notebook's own classes up in the module, with nothing but the standard library."""

    def __init__(self, file: io.BytesIO, module: str) -> None:
        super().__init__(file, protocol=4)
        self.module = module

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, _ModuleName):
            return (importlib.import_module, (str(obj),))
        if isinstance(obj, (type, types.FunctionType)) and obj.__module__ == "__main__":
            return (operator.attrgetter(obj.__qualname__), (_ModuleName(self.module),))
        return NotImplemented


def _random_state() -> bytes:
    numpy = loaded("numpy")
    state = {"random": random.getstate(), "numpy": None if numpy is None else numpy.random.get_state()}
    return pickle.dumps(state, protocol=4)


# Effects: one audit hook for the whole process, because hooks cannot be taken away again.

_watching = threading.local()
_is_hooked = False
_EFFECTS = ("subprocess.Popen", "socket.connect", "os.system", "os.remove", "os.rename", "os.mkdir", "shutil.")


@contextmanager
def _watched() -> Iterator[list[str]]:
    global _is_hooked
    if not _is_hooked:
        _is_hooked = True
        sys.addaudithook(_audit)
    seen: list[str] = []
    before = getattr(_watching, "seen", None)
    _watching.seen = seen
    try:
        yield seen
    finally:
        _watching.seen = before


def _audit(event: str, args: tuple[Any, ...]) -> None:
    seen = getattr(_watching, "seen", None)
    if seen is None or len(seen) > 20:
        return
    if event == "open":
        mode = args[1] if len(args) > 1 else None
        if isinstance(mode, str) and any(letter in mode for letter in "wax+") and not isinstance(args[0], int):
            seen.append(f"writes {args[0]!s:.80}")
    elif event.startswith(_EFFECTS):
        seen.append(event)


def record(
    names: Sequence[str],
    *,
    namespace: MutableMapping[str, Any],
    module: str,
    root: Path,
    limit: int = 10,
    limit_bytes: int = 1_000_000,
    run_id: str | None = None,
    keep: Callable[[bytes], object] | None = None,
) -> Recording:
    """Record calls of functions from now on, and write the pytest file that replays them.

    Args:
        names, namespace, module, root, limit, limit_bytes, run_id, keep: as for ``Recording``.

    Returns:
        The recording; it goes on, through cells that are run again, until its ``stop()``.
    """
    write_tests(root, module)
    recording = Recording(
        names, namespace=namespace, module=module, root=root, limit=limit, limit_bytes=limit_bytes, run_id=run_id,
        keep=keep,
    )  # fmt: skip
    recording.follow_cells()
    return recording
