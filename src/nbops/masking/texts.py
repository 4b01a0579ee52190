"""Secrets in any text: what a cell printed, a traceback, a comment, a shell line, a tag.

Three things give one away: its form, an address with a password in it, or what stands before it (``password=``,
``"api_key": "…"``, ``Authorization: Bearer …``, ``--token …``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nbops.masking import words
from nbops.masking.formats import Found, by_form, in_addresses, private_keys
from nbops.masking.library import by_library
from nbops.masking.masker import PIECE, WORDS

_LONGEST_PIECE = 2_000
_CALLED = re.compile(
    r"pass|pwd|secret|token|key|auth|cred|cookie|session|senha|wort|contrase|wachtwoord|conn|jwt|sas|pat|otp|pw|hmac|sig|motdepasse"
)
_NAME_END = re.compile(r"[\w.\-]{0,60}")

_NAME = r"(?P<name>[A-Za-z_][\w.\-]{0,60}+)"
_VALUE = r"(?:(?P<quote>\\?[\"'`])(?P<quoted>(?:(?!(?P=quote))[^\n]){1,4000}?)(?P=quote)|(?P<plain>[^\s\"'`,;&|)\]}>]{4,4000}))"
_ASSIGNED = re.compile(
    # "name": "value", name = value, name=value, name: value, name => value; also f"{name=}" and SQL's PASSWORD 'value'
    _NAME
    + r"(?P<close>[\"'`]?\]?\\?[\"'`]?)(?P<sep>\s{0,4}(?::=|=>|==|=|:)\s{0,4}(?:[(\[]\s{0,4}(?=['\"]))?|\s{1,4}(?=['\"]))[bBrRuU]?"
    + _VALUE,
)
_OPTION = re.compile(r"(?P<name>[A-Za-z][\w\-]{1,40})(?P<sep>[= ]|\s{1,3})" + _VALUE)
_BEARER = re.compile(
    r"\b(?:Bearer|Basic|Token|token|Digest|ApiKey|Negotiate|AWS4-HMAC-SHA256|SSWS|Bot)\s+(?P<value>[A-Za-z0-9+/=_\-.~:]{8,})",
)
_HEADER = re.compile(
    r"authorization[\"']?\s*[:=,]\s*[\"']?(?:[A-Za-z0-9\-]+\s+)?(?P<value>[^\s\"',}{]{6,})", re.IGNORECASE
)
_PROGRAMS = ("docker", "podman", "htpasswd", "mysql", "mariadb", "sshpass", "zip ", "7z ", "redis-cli")
_COOKIE = re.compile(r"(?:set-)?cookie[\"']?\s*[:=]\s*[\"']?(?P<value>[^\n\"']{16,})", re.IGNORECASE)
_HEADERS = (
    ("bearer", _BEARER, "token"),
    ("basic", _BEARER, "token"),
    ("token", _BEARER, "token"),
    ("apikey", _BEARER, "token"),
    ("bot", _BEARER, "token"),
    ("authorization", _HEADER, "authorization"),
    ("cookie", _COOKIE, "cookie"),
)
_LOGIN = re.compile(r"(?:^|\s)(?:-u|--user)[= ]?\s*[\"']?(?P<user>[^\s:\"']+):(?P<value>[^\s\"']{4,})")
_CLI_PASSWORD = re.compile(
    r"\b(?:docker|podman|htpasswd|mysql|mysqldump|mariadb|mysqladmin|sshpass|zip|unzip|7z|redis-cli)\b[^\n|;]*?\s-(?:p|P|a)\s?[\"']?(?P<value>[^\s\"'|;\-][^\s\"'|;]{3,})"
)
_QUERY = re.compile(
    r"[?&;](?P<name>sig|signature|X-Amz-Signature|X-Amz-Security-Token|X-Amz-Credential|X-Goog-Signature|code|key|apikey|appid|access_token|token|auth)=(?P<value>[A-Za-z0-9%+/=_\-.~]{16,})",
    re.IGNORECASE,
)
_TOLD = re.compile(r"\s{1,3}[\"'`]?(?P<value>[^\s\"'`,;()\[\]{}<>]{6,200})")
_SIGNED_IN = re.compile(r"\blogin\s+(?:--\w+\s+)*(?P<value>[A-Za-z0-9_\-.]{20,})")
_VERBS = (" is ", " was ", " is:", "->", "→")
_SAID = re.compile(
    r"(?i:\b(?P<name>password|passphrase|passwd|api[ _-]?key|secret(?:[ _-]key)?|(?:access|auth|api|bot|bearer)?[ _-]?token)\b(?:[ \t]+\w+){0,2}?[ \t]+(?:is|was|->|→)[ \t]*:?)[ \t]+[\"'`]?(?P<value>[^\s\"'`]{4,400})"
)


def find(text: str, *, deep: bool = True) -> list[Found]:
    """Find the secrets of a text.

    Args:
        text: any text.
        deep: whether the detector library is asked as well.

    Returns:
        What was found, in order and without overlaps.

    Example:
        >>> text = "connecting with password=" + "hunter2!"
        >>> [(found.kind, text[found.start : found.end]) for found in find(text)]
        [('password', 'hunter2!')]
    """
    lowered = _lowered(text)
    found: list[Found] = []
    pieces = [match.span() for match in PIECE.finditer(text)]
    for start, end in pieces:
        if end - start <= _LONGEST_PIECE or text.startswith("eyJ", start):
            found += by_form(text, start, end)
    if "PRIVATE KEY" in text or "PuTTY" in text:
        found += private_keys(text)
    if any(word in lowered for word in WORDS):
        found += _named(text, lowered)
        found += _spoken(text, lowered)
    if deep and pieces:
        found += by_library(text)
    return without_overlaps(found)


def _lowered(text: str) -> str:
    lowered = text.lower()
    # A few letters become two: what is found must stand where it stands in the text.
    return lowered if len(lowered) == len(text) else "".join(c.lower() if c.isascii() else c for c in text)


def without_overlaps(found: Iterable[Found]) -> list[Found]:
    """Keep of secrets that overlap what covers most, in the order they stand."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if kept and one.start < kept[-1].end:
            if one.end > kept[-1].end:
                kept[-1] = Found(kept[-1].start, one.end, kept[-1].kind)
            continue
        kept.append(one)
    return kept


def _named(text: str, lowered: str) -> Iterator[Found]:
    if "://" in text and "@" in text:
        yield from in_addresses(text)
    position = 0
    for hit in _CALLED.finditer(lowered):
        if hit.start() < position:
            continue
        start, is_option = _name_start(text, hit.start())
        end = _NAME_END.match(text, hit.end())
        position = end.end() if end is not None else hit.end()
        if words.level(text[start:position].rpartition(".")[2]) is None:
            continue
        match = (_OPTION.match(text, start) if is_option else None) or _ASSIGNED.match(text, start)
        if match is None:
            yield from _told(text, start, position)
            continue
        name = match.group("name")
        group = "quoted" if match.group("quoted") is not None else "plain"
        value = match.group(group)
        if (
            not _is_no_value(text, match, group)
            and not _is_apart(match)
            and words.is_secret(name, value, quoted=group == "quoted")
        ):
            yield Found(match.start(group), match.end(group), words.kind_of(name))
            position = match.end(group)


def _told(text: str, start: int, end: int) -> Iterator[Found]:
    """What follows a name with nothing but a space between, as in ``.netrc``: only what no sentence goes on with."""
    match, name = _TOLD.match(text, end), text[start:end]
    if match is None or words.level(name) != "strong":
        return
    value = match.group("value")
    if words.looks_chosen(value) or (words.is_made(value) and len(value) >= 16):
        yield Found(match.start("value"), match.end("value"), words.kind_of(name))


def _name_start(text: str, at: int) -> tuple[int, bool]:
    """Where the name begins that has a word in it, and whether it is a command's option."""
    start, least = at, max(0, at - 60)
    while start > least and (text[start - 1].isalnum() or text[start - 1] in "_.-"):
        start -= 1
    is_option = text.startswith("-", start)
    while start < at and text[start] in "-.0123456789":
        start += 1
    return start, is_option


def _is_no_value(text: str, match: re.Match[str], group: str) -> bool:
    """Whether the right-hand side is code or prose rather than a value."""
    if group == "quoted":
        return False
    value, after = match.group("plain"), text[match.end("plain") : match.end("plain") + 1]
    if "(" in value or after == "(" or "[" in value or value.startswith(("<", "{", "$", "%", "@", "-", "os.", "self.")):
        return True
    return match.re is _ASSIGNED and match.group("sep").strip() in ("", "==")


def _is_apart(match: re.Match[str]) -> bool:
    """Whether only a space stands before a quoted value: SQL's ``PASSWORD 'value'``, or "pass 'clear=True'" in prose."""
    return (
        match.re is _ASSIGNED and not match.group("sep").strip() and not words.looks_chosen(match.group("quoted") or "")
    )


def _spoken(text: str, lowered: str) -> Iterator[Found]:
    for word, pattern, kind in _HEADERS:
        if word in lowered:
            for match in pattern.finditer(text):
                if _is_credential(match.group("value"), is_header=pattern is not _BEARER):
                    yield Found(match.start("value"), match.end("value"), kind)
    for signs, pattern in ((("-u", "--user"), _LOGIN), (_PROGRAMS, _CLI_PASSWORD)):
        for match in pattern.finditer(text) if any(sign in lowered for sign in signs) else ():
            if not words.stands_in(match.group("value")):
                yield Found(match.start("value"), match.end("value"), "password")
    for match in _SIGNED_IN.finditer(text) if "login" in lowered else ():
        if words.is_made(match.group("value")):
            yield Found(match.start("value"), match.end("value"), "token")
    for match in _QUERY.finditer(text) if "://" in text or "?" in text else ():
        if words.is_made(match.group("value")):
            yield Found(match.start("value"), match.end("value"), "token in an address")
    for match in _SAID.finditer(text) if any(word in lowered for word in _VERBS) else ():
        value = match.group("value").rstrip(".,;:?)")
        if (
            "(" not in value
            and any(not c.isalpha() for c in value)
            and words.is_secret(match.group("name"), value, quoted=False)
        ):
            start = match.start("value")
            yield Found(start, start + len(value), words.kind_of(match.group("name")))


def _is_credential(value: str, *, is_header: bool) -> bool:
    if words.stands_in(value):
        return False
    return words.is_made(value) or (is_header and len(value) >= 8 and any(map(str.isdigit, value)))
