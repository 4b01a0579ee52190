"""``new-data:data/*.parquet``: files have come or changed, here, in an object store, or behind an address.

A local file is known by size and time of change; one of an object store by what its listing tells (ETag, else time of
change); an ``http://`` address by its ETag, else by its ``Last-Modified``.
"""

from __future__ import annotations

import email.utils
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import Any

import xxhash

from nbops.errors import MissingError, ScheduleError, UsageError
from nbops.schedule.triggers import Look, Sight

_TIMEOUT_S = 20.0
_NAMED = 3
_WEB = ("http://", "https://")
# What listings of object stores call the time of change, most telling first.
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")

Seen = tuple[str, str, float | None]
"""(name, what tells one content from another, when it changed)"""


class NewData:
    """Holds when there are files that were not there, or not like that, when it last fired."""

    starts_from_now = True

    def check(self, what: str) -> None:
        """Refuse an address that nothing here can read."""
        if what.startswith(_WEB) and any(sign in what for sign in "*["):
            raise UsageError(
                f"new-data:{what}: a web server does not list its files, so no pattern can be looked for",
                code="condition_wrong",
                hint="--when new-data:https://data.example.org/daily.csv",
            )
        if "://" in what and not what.startswith(_WEB):
            _file_system(what)

    def look(self, look: Look) -> Sight:
        """Look at all files; the same files with the same contents have the same token."""
        files = sorted(_files(look.what, look.root))
        times = [changed for _, _, changed in files if changed is not None]
        token = {
            "digest": xxhash.xxh3_64_hexdigest("\n".join(f"{name}\t{content}" for name, content, _ in files).encode()),
            "files": str(len(files)),
            "newest": repr(max(times, default=0.0)),
        }
        changed_at = max(times) if times and len(times) == len(files) else None
        return Sight(reason=_news(files, token, look), token=token, changed_at=changed_at)


def _news(files: list[Seen], token: dict[str, str], look: Look) -> str:
    if not files or token["digest"] == look.seen.get("digest"):
        return ""
    before, had = float(look.seen.get("newest", "0")), int(look.seen.get("files", "0"))
    newer = [name for name, _, changed in files if changed is not None and changed > before]
    if not newer and len(files) < had:
        return ""  # some are gone and none has come: that is no new data
    if not newer:
        return f"{look.what} has changed: {len(files)} files instead of {had}"
    more = f" and {len(newer) - _NAMED} more" if len(newer) > _NAMED else ""
    return f"new data: {', '.join(newer[-_NAMED:])}{more}"


def _files(what: str, root: Path) -> Iterator[Seen]:
    if what.startswith(_WEB):
        yield _page(what)
    elif "://" in what:
        yield from _remote(what)
    else:
        yield from _local(what, root)


def _local(pattern: str, root: Path) -> Iterator[Seen]:
    given = Path(pattern).expanduser()
    # The project's own folder may have brackets in its name; only what was typed is a pattern.
    base, rest = (Path(given.anchor), given.relative_to(given.anchor)) if given.is_absolute() else (root, given)
    places = (base / rest).rglob("*") if (base / rest).is_dir() else base.glob(str(rest))
    for path in places:
        # Half-written files of rsync and browsers begin with a dot.
        if path.name.startswith("."):
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # gone between listing and look
        except OSError as error:
            raise ScheduleError(f"{path} cannot be looked at: {error.strerror}", code="data_unreadable") from error
        if path.is_file():
            name = os.path.relpath(path, root) if path.is_relative_to(root) else str(path)
            yield name, f"{status.st_size}:{status.st_mtime_ns}", status.st_mtime


def _file_system(address: str) -> tuple[Any, str]:
    import fsspec

    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(address, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        protocol = address.partition("://")[0]
        raise MissingError(
            f"{address} cannot be looked at: {error}", hint=f"pip install 'fsspec[{protocol}]'"
        ) from error
    return found


def _remote(address: str) -> Iterator[Seen]:
    system, pattern = _file_system(address)
    system.invalidate_cache()  # some keep listings whatever they are told
    try:
        found = system.glob(pattern, detail=True)
        if not any(sign in pattern for sign in "*?[") and system.isdir(pattern):
            found = system.find(pattern, detail=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ScheduleError(f"{address} cannot be looked at: {error}", code="data_unreadable") from error
    for name, info in found.items():
        if info.get("type") == "file" and not name.rpartition("/")[2].startswith("."):
            changed = next((info[key] for key in _TIMES if info.get(key) is not None), None)
            content = info.get("ETag") or info.get("etag") or info.get("md5Hash") or changed
            yield name, f"{info.get('size')}:{content}", _seconds(changed)


def _seconds(moment: object) -> float | None:
    if isinstance(moment, datetime):
        return moment.timestamp()
    if isinstance(moment, str):
        try:
            return datetime.fromisoformat(moment).timestamp()
        except ValueError:
            return None
    return float(moment) if isinstance(moment, int | float) else None


def _page(address: str) -> Seen:
    request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "nbops"})  # noqa: S310 - http(s) only
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - the same
            headers: HTTPMessage = response.headers
    except urllib.error.HTTPError as error:
        error.close()
        raise ScheduleError(f"{address} answered {error.code} {error.reason}", code="data_unreadable") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ScheduleError(f"{address} cannot be reached: {reason}", code="data_unreadable") from error
    modified = headers.get("Last-Modified")
    content = headers.get("ETag") or modified
    if content is None:
        raise ScheduleError(
            f"{address} tells neither an ETag nor when it was changed, so a change cannot be seen",
            code="data_unreadable",
            hint="--cron '0 3 * * *' without --when runs it at every time",
        )
    changed = email.utils.parsedate_to_datetime(modified).timestamp() if modified else None
    return address, f"{headers.get('Content-Length')}:{content}", changed
