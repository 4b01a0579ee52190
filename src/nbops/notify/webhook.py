"""Notices over HTTP: the notice itself as JSON, or a message as Slack and those who took over its form expect it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, Literal
from urllib.parse import urlsplit

import msgspec

from nbops.errors import MissingError, NotifyError, SettingsError
from nbops.notify.channels import TIMEOUT_S, understood
from nbops.notify.notice import Notice, one_line

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_TEXT = 3000  # what Slack shows of one text


class _WebhookOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str | None = None
    """An address without any secret in it."""
    url_env: str | None = None
    """The environment variable that holds an address with one."""
    token_env: str | None = None
    """The environment variable that holds a bearer token."""


class _SlackOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url_env: str
    """The environment variable that holds the address: who knows a Slack address may write there."""


class Webhook:
    """Posts the notice as a JSON object, with its id as ``Idempotency-Key``."""

    def __init__(self, options: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        said = understood(_WebhookOptions, options)
        if (said.url is None) == (said.url_env is None):
            raise SettingsError("a webhook has a url, or a url_env that names the variable with its address")
        self._url = _harmless(said.url) if said.url is not None else _from(environment, said.url_env or "")
        self._headers = {}
        if said.token_env is not None:
            self._headers["Authorization"] = f"Bearer {variable(environment, said.token_env)}"

    def send(self, notice: Notice) -> None:
        """Post it; any answer of the two hundreds is a success."""
        headers = {**self._headers, "Idempotency-Key": notice.id}
        _post(self._url, msgspec.json.encode(notice), headers)


class Slack:
    """Posts a message to an incoming webhook of Slack, or of Mattermost, Rocket.Chat or Discord in Slack's form."""

    def __init__(self, options: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._url = _from(environment, understood(_SlackOptions, options).url_env)

    def send(self, notice: Notice) -> None:
        """Post it as one text, the form that all of them know."""
        _post(self._url, msgspec.json.encode({"text": slack_text(notice)}), {})


_MARKS: dict[str, Literal["✅", "❌", "⏹️", "⏭️"]] = {
    "finished": "✅",
    "failed": "❌",
    "cancelled": "⏹️",
    "skipped": "⏭️",
}


def slack_text(notice: Notice) -> str:
    """Write a notice in Slack's own markup, in which nothing of the user's text can be a link or a mention.

    Example:
        >>> slack_text(Notice(id="1", status="failed", title="a<b failed", project="p", at=0))
        '❌ *a&lt;b failed*\\nproject: p'
    """
    lines = [f"{_MARKS[notice.status]} *{_escaped(one_line(notice.title))}*"]
    if notice.text:
        lines.append(_escaped(notice.text))
    facts = {**notice.facts, "project": notice.project, "host": notice.host}
    lines += [f"{_escaped(name)}: {_escaped(one_line(value))}" for name, value in facts.items() if value]
    text = "\n".join(lines)[:_MOST_TEXT]
    return f"{text}\n<{notice.link}|Open in JupyterLab>" if notice.link else text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def variable(environment: Mapping[str, str], name: str) -> str:
    """Take a secret from the environment.

    Raises:
        MissingError: it is not set.
    """
    value = environment.get(name, "")
    if not value:
        raise MissingError(
            f"the environment variable {name}, which a notice needs, is not set",
            code="variable_missing",
            hint=f"export {name}=…",
        )
    return value


def _from(environment: Mapping[str, str], name: str) -> str:
    return _checked(variable(environment, name).strip(), f"the address in {name}")


def _harmless(url: str) -> str:
    parts = urlsplit(_checked(url, "url"))
    if parts.username or parts.password or parts.query:
        raise SettingsError(
            "url holds a user name, a password or a query: put the whole address into an environment variable and "
            "name it as url_env"
        )
    return url


def _checked(url: str, what: str) -> str:
    if not url.startswith(("http://", "https://")) or not urlsplit(url).hostname:
        raise SettingsError(f"{what} is not an http:// or https:// address")
    return url


class _Refused(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET somewhere else, with our token."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    every = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "nbops", **headers}
    request = urllib.request.Request(url, body, every, method="POST")  # noqa: S310 - the scheme was checked
    place = urlsplit(url).hostname  # the rest of the address may be the secret
    try:
        with urllib.request.build_opener(_Refused).open(request, timeout=TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        with error:
            said = one_line(error.read(500).decode("utf-8", "replace"))
        code = "notice_unreachable" if error.code in _PASSING else "notice_refused"
        raise NotifyError(f"{place} answered {error.code} {one_line(said or error.reason)}", code=code) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise NotifyError(f"{place} cannot be reached: {reason}", code="notice_unreachable") from None
