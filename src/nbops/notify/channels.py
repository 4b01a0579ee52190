"""Channels: what ``[tool.nbops.notify]`` says, and the notifier that each means::

[tool.nbops.notify]
panel = "https://jupyter.example.org/user/ada/lab/tree/churn"  # this project in JupyterLab, for links

[tool.nbops.notify.team]
kind = "slack"
url_env = "TEAM_SLACK_URL"                       # the environment variable that holds the address
on = ["failed"]                                  # finished and failed when not given
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, get_args
from urllib.parse import urlsplit

import msgspec

from nbops.errors import SettingsError, UsageError
from nbops.extending import look_up
from nbops.notify.notice import Notice, NoticeStatus

NOTIFIERS = {
    "email": "nbops.notify.mail:Email",
    "slack": "nbops.notify.webhook:Slack",
    "webhook": "nbops.notify.webhook:Webhook",
}
"""Notifiers that come with nbops; others join by the entry point group ``nbops.notifiers``."""

TIMEOUT_S = 10.0
_ON: tuple[NoticeStatus, ...] = ("finished", "failed")
O = TypeVar("O", bound=msgspec.Struct)  # noqa: E741 - the options of one notifier


class Notifier(Protocol):
    """How notices reach one kind of place. Made for one channel; ``send`` may be called from any thread.

    ``NotifierClass(options, environment)`` reads the channel's own options and takes its secrets from the environment;
    it raises SettingsError for what it cannot understand and MissingError for a variable that is not set, and connects
    to nothing.
    """

    def __init__(self, options: Mapping[str, Any], environment: Mapping[str, str]) -> None: ...

    def send(self, notice: Notice) -> None:
        """Deliver a notice, or raise NotifyError: ``notice_unreachable`` may be tried again, others not.

        It returns or raises within ``TIMEOUT_S`` or so. No message may hold a secret.
        """
        ...


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One named place that notices go to."""

    name: str
    kind: str
    on: tuple[NoticeStatus, ...]
    options: dict[str, Any]
    where: str
    """File and table, for messages."""

    def notifier(self, environment: Mapping[str, str] | None = None) -> Notifier:
        """Make the notifier of this channel.

        Raises:
            SettingsError: an option that cannot be understood.
            MissingError: an environment variable that is not set.
        """
        made = look_up("notifiers", self.kind, built_in=NOTIFIERS)
        try:
            notifier: Notifier = made(self.options, os.environ if environment is None else environment)
        except (msgspec.ValidationError, SettingsError) as error:
            said = error.message if isinstance(error, SettingsError) else str(error)
            raise SettingsError(f"{self.where} cannot be understood: {said}", hint="docs/notices.md") from error
        return notifier


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    """``[tool.nbops.notify]`` of a project."""

    panel: str | None = None
    """Address that opens this project in JupyterLab: the server's, and ``/lab/tree/FOLDER`` where it is in a folder."""
    channels: dict[str, Channel] = {}

    def link(self, noun: Literal["run", "sweep"], id: str) -> str | None:
        """Address that opens a run or a sweep in the side panel; None where the project does not say where that is.

        Example:
            >>> Notifications(panel="https://hub.example.org/user/ada/").link("run", "0198")
            'https://hub.example.org/user/ada/lab?nbops-run=0198'
            >>> Notifications(panel="https://hub.example.org/user/ada/lab/tree/churn").link("sweep", "0198")
            'https://hub.example.org/user/ada/lab/tree/churn?nbops-sweep=0198'
        """
        if self.panel is None:
            return None
        place = self.panel.rstrip("/")
        if "lab" not in urlsplit(place).path.split("/"):
            place += "/lab"
        return f"{place}?nbops-{noun}={id}"

    def named(self, names: Iterable[str]) -> list[Channel]:
        """Return the channels of these names, each once.

        Raises:
            UsageError: there is no channel of a name; near names are shown.
        """
        return [self._named(name) for name in dict.fromkeys(names)]

    def _named(self, name: str) -> Channel:
        if name in self.channels:
            return self.channels[name]
        near = difflib.get_close_matches(name, self.channels, n=1)
        advice = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(self.channels) or 'none'}"
        raise UsageError(
            f"[tool.nbops.notify] has no channel {name!r}{advice}",
            code="channel_unknown",
            hint=f'[tool.nbops.notify.{name}] kind = "slack", url_env = "…" in pyproject.toml',
        )


def channels(root: str | Path) -> Notifications:
    """Read ``[tool.nbops.notify]`` of a project.

    Args:
        root: the project's folder.

    Returns:
        Its channels and the panel's address; none of both where the project says nothing.

    Raises:
        SettingsError: the file or a table cannot be understood.
    """
    path = Path(root) / "pyproject.toml"
    if not path.is_file():
        return Notifications()
    try:
        table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("nbops", {}).get("notify", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}", hint=f"edit {path}") from error
    panel = table.pop("panel", None)
    if panel is not None and not (isinstance(panel, str) and panel.startswith(("http://", "https://"))):
        raise SettingsError(f"{path}: [tool.nbops.notify] panel = {panel!r} is not an address", hint=f"edit {path}")
    return Notifications(panel=panel, channels={name: _channel(name, part, path) for name, part in table.items()})


def _channel(name: str, table: object, path: Path) -> Channel:
    where = f"{path}: [tool.nbops.notify.{name}]"
    if not isinstance(table, dict) or not isinstance(table.get("kind"), str):
        raise SettingsError(f"{where} needs a kind: {', '.join(NOTIFIERS)}", hint="docs/notices.md")
    options = {key: value for key, value in table.items() if key not in ("kind", "on")}
    on = table.get("on", list(_ON))
    known = get_args(NoticeStatus)
    if not isinstance(on, list) or not on or not set(on) <= set(known):
        raise SettingsError(f"{where} on = {on!r} takes a list of: {', '.join(known)}", hint=f"edit {path}")
    return Channel(name=name, kind=table["kind"], on=tuple(on), options=options, where=where)


def understood(kind: type[O], options: Mapping[str, Any]) -> O:
    """Read a channel's options as a struct that forbids unknown fields, for notifiers.

    Raises:
        msgspec.ValidationError: a field that is wrong, missing or unknown.
    """
    return msgspec.convert(dict(options), kind)
