"""How a process learns its secrets: from its environment, ``.env`` files, what people type, and variables by name.

Nothing here keeps a value anywhere but in this process's memory.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbops.masking.known import VALUES
from nbops.masking.masker import is_suspicious

_ASKS_FOR = re.compile(
    r"pass(?:word|phrase|code|wd|wort)?\b|secret|token|api[ _-]?key|credential|\bpin\b|contrase|senha|mot de passe",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
# Settings of ours and of the system whose names sound like secrets.
_HARMLESS = re.compile(
    r"_(?:FILE|PATH|DIR|SOCK|SOCKET|ENABLED|TTL|TIMEOUT|LENGTH|COUNT|NAME|TYPE|ALGORITHM|EXPIRY|EXPIRES)$"
    r"|^(?:(?:OLD)?PWD$|SSH_AUTH_SOCK|XDG_|NBOPS_(?!SECRET_))"
)
_SOUNDS = re.compile(
    r"pass|pwd|pw\b|secret|token|key|auth|cred|bearer|jwt|sas|cookie|pat\b|otp|NBOPS_SECRET", re.IGNORECASE
)
# A password in an address, or a piece in which capitals, small letters and digits are mixed.
_LOOKS = re.compile(r"@|-----BEGIN|eyJ|(?=[^\s/:]*[A-Z][a-z0-9])(?=[^\s/:]*[a-z][A-Z0-9])(?=[^\s/:]*[0-9])[^\s/:]{16}")
_MOST_ENTRIES = 50


class Environment:
    """The process's environment, looked at again only for what has changed."""

    def __init__(self) -> None:
        self._seen: dict[Any, Any] = {}

    def learn(self) -> None:
        """Take in what looks like a secret and was not there, or not the same, the last time."""
        # What stands behind os.environ is compared as one dict: a microsecond, where nothing has changed.
        now = getattr(os.environ, "_data", None)
        if not isinstance(now, dict):
            now = dict(os.environ)
        if now == self._seen:
            return
        seen, self._seen = self._seen, dict(now)
        for raw, value in self._seen.items():
            if seen.get(raw) != value:
                learn_setting(os.fsdecode(raw), os.fsdecode(value))


class Learner:
    """Learns the secrets of one shell, before each cell and after it.

    Args:
        shell: the ``InteractiveShell``.
        root: the project's folder.
    """

    def __init__(self, shell: Any, root: Path) -> None:
        self._shell = shell
        self._root = root
        self._environment = Environment()
        # Our driver names the run; under any other front end nobody listens.
        self._is_driven = "NBOPS_RUN" in os.environ
        self._told = -1
        self._leave: list[Callable[[], None]] = []
        self._hears_getpass = hasattr(shell, "kernel")

    def attach(self) -> None:
        """Learn what is here already, and listen to what is typed from now on."""
        if self._leave:
            return
        self._leave = [watch_prompts(self._shell)]
        self._environment.learn()
        for folder in dict.fromkeys((self._root, Path.cwd())):
            learn_file(folder / ".env")

    def detach(self) -> None:
        """Listen no more; what is known stays known."""
        for leave in self._leave:
            leave()
        self._leave = []

    def before(self, source: str) -> None:
        """A cell is about to run."""
        self._environment.learn()
        if "dotenv" in source:
            watch_dotenv()
        if "getpass" in source and not self._hears_getpass:
            self._hears_getpass = True
            self._leave.append(watch_getpass())

    def after(self, source: str) -> None:
        """A cell has run: it may have set variables of the process and of the notebook."""
        self._environment.learn()
        if is_suspicious(source):
            learn_names(source, self._shell.user_ns)
        if self._is_driven and VALUES.version != self._told:
            self._tell()

    def _tell(self) -> None:
        """Tell the driver that keeps the executed notebook; the message goes the way of the outputs and is not kept."""
        self._told = VALUES.version
        kernel = getattr(self._shell, "kernel", None)
        if kernel is not None:
            values = [[known.value, known.kind, known.variable] for known in VALUES.all()]
            kernel.session.send(
                kernel.iopub_socket, VALUES.MESSAGE, {"values": values}, parent=kernel.get_parent("shell")
            )


def learn_setting(name: str, value: str, *, is_private: bool = False) -> None:
    """Take in a setting if its name or its value says that it is a secret.

    Args:
        name: of the environment variable or the line of an ``.env`` file.
        value: what it holds.
        is_private: whether it stood in an ``.env`` file, where a value that a machine has made needs no telling name.
    """
    # The rest is loaded only where there may be something: most settings are paths and numbers.
    if not value or _HARMLESS.search(name) or not (is_private or _SOUNDS.search(name) or _LOOKS.search(value)):
        return
    from nbops.masking import texts, words

    said = words.level(name)
    is_doubtful = said == "weak" or is_private
    if said == "strong" or name.startswith("NBOPS_SECRET_") or (is_doubtful and words.is_made(value)):
        VALUES.learn(value, words.kind_of(name), variable=name)
        return
    for found in texts.find(value, deep=False) if _LOOKS.search(value) else ():
        VALUES.learn(value[found.start : found.end], found.kind, variable=name)


def learn_file(path: Path) -> None:
    """Take in the secrets of an ``.env`` file; one that cannot be read has none."""
    try:
        if path.stat().st_size > 1_000_000:
            return
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.strip().isidentifier():
            quoted = re.fullmatch(r"(['\"])(.*)\1\s*(?:#.*)?", value.strip())
            found = quoted.group(2) if quoted else value.split(" #")[0].strip()
            learn_setting(name.strip(), found, is_private=True)


def learn_names(source: str, namespace: Mapping[str, Any]) -> None:
    """Take in what variables hold whose names say that it is a secret.

    Args:
        source: a cell that has run; only variables that it names are looked at.
        namespace: the user's variables.
    """
    from nbops.masking import words

    for name in set(_IDENTIFIER.findall(source)):
        if name in namespace and (words.level(name) is not None or type(namespace[name]) is dict):
            _learn_value(name, namespace[name])


def _learn_value(name: str, value: Any) -> None:
    from nbops.masking import words

    # Only plain texts, and dicts of them: no method of a user's object is called.
    if type(value) is str or type(value) is bytes:
        text = value if isinstance(value, str) else value.decode("latin-1")
        if len(text) <= 10_000 and words.is_secret(name, text):
            VALUES.learn(text, words.kind_of(name))
    elif type(value) is dict and len(value) <= _MOST_ENTRIES:
        for key, item in list(value.items()):
            if type(key) is str and type(item) in (str, bytes):
                _learn_value(key, item)


def watch_prompts(shell: Any) -> Callable[[], None]:
    """Take in what is typed into ``getpass`` and into prompts that ask for a secret, from now on.

    Args:
        shell: the ``InteractiveShell``.

    Returns:
        A call that leaves everything as it was.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is not None and hasattr(kernel, "_input_request"):
        # Behind both getpass() and input() of a kernel, also for those who imported them long ago.
        return _wrapped(kernel, "_input_request", _asked)
    import builtins

    return _wrapped(builtins, "input", _prompted)


def watch_getpass() -> Callable[[], None]:
    """Take in what is typed into ``getpass`` of a terminal, where no kernel stands behind it, from now on.

    Returns:
        A call that leaves everything as it was.
    """
    import getpass

    return _wrapped(getpass, "getpass", _always)


def watch_dotenv() -> None:
    """Take in what ``python-dotenv`` reads, from now on; it is imported here, just before a cell that uses it."""
    try:
        import dotenv.main
    except ImportError:
        return  # the user's cell will say so
    reader = dotenv.main.DotEnv.dict
    if hasattr(reader, "__wrapped__"):
        return

    @functools.wraps(reader)
    def reading(self: Any) -> Any:
        found = reader(self)
        for name, value in found.items():
            if value:
                learn_setting(name, value, is_private=True)
        return found

    dotenv.main.DotEnv.dict = reading  # type: ignore[method-assign]  # python-dotenv has no hook


def _wrapped(owner: Any, name: str, learn: Callable[..., None]) -> Callable[[], None]:
    original = getattr(owner, name)
    had_own = name in vars(owner)

    @functools.wraps(original)
    def asking(*args: Any, **options: Any) -> Any:
        answer = original(*args, **options)
        if isinstance(answer, str):
            learn(answer, *args, **options)
        return answer

    setattr(owner, name, asking)

    def undo() -> None:
        if vars(owner).get(name) is asking:
            if had_own:
                setattr(owner, name, original)
            else:
                delattr(owner, name)

    return undo


def _asked(answer: str, prompt: object = "", *_: object, password: bool = False, **__: object) -> None:
    if password:
        _always(answer)
    else:
        _prompted(answer, prompt)


def _always(answer: str, *_: object, **__: object) -> None:
    VALUES.learn(answer, "password", is_sure=True)


def _prompted(answer: str, prompt: object = "", *_: object, **__: object) -> None:
    if isinstance(prompt, str) and _ASKS_FOR.search(prompt):
        VALUES.learn(answer, "password", is_sure=True)
