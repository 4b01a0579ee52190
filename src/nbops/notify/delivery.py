"""Delivering one notice to several channels, with patience; what could not be delivered is said, never raised."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from nbops.errors import NbopsError, NotifyError
from nbops.notify.channels import Channel
from nbops.notify.notice import Notice

_LOG = logging.getLogger("nbops")
PAUSES_S: tuple[float, ...] = (1.0, 5.0)
"""How long to wait before the second and the third attempt, in seconds."""


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that a notice did not reach."""

    channel: str
    reason: str


def deliver(
    notice: Notice,
    channels: Iterable[Channel],
    *,
    environment: Mapping[str, str] | None = None,
    pauses_s: Sequence[float] = PAUSES_S,
) -> list[Undelivered]:
    """Send a notice to every channel that wants to hear of its status.

    What it is about has ended already, and its result stands whatever becomes of the notice: nothing is raised.

    Args:
        notice: what to tell.
        channels: where to.
        environment: holds the secrets; this process's own when not given.
        pauses_s: how long to wait before each further attempt, in seconds.

    Returns:
        The channels that were not reached, with the reason; also logged as warnings.
    """
    lost = []
    for channel in channels:
        if notice.status not in channel.on:
            continue
        reason = _sent(notice, channel, environment, pauses_s)
        if reason is not None:
            _LOG.warning("nbops: the notice %r did not reach %s: %s", notice.title, channel.name, reason)
            lost.append(Undelivered(channel=channel.name, reason=reason))
    return lost


def _sent(
    notice: Notice, channel: Channel, environment: Mapping[str, str] | None, pauses_s: Sequence[float]
) -> str | None:
    """Try until it is delivered; the reason when it is not."""
    for pause_s in (*pauses_s, None):
        try:
            channel.notifier(environment).send(notice)
        except NbopsError as error:
            if pause_s is None or not isinstance(error, NotifyError) or error.code != "notice_unreachable":
                return error.message
            time.sleep(pause_s)
        except Exception as error:  # noqa: BLE001 - somebody else's notifier: it must not fail the run it tells of
            return f"{type(error).__name__} in the notifier {channel.kind!r}"
        else:
            return None
    raise AssertionError("the last attempt returns")
