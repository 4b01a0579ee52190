"""When a schedule is due, over clock changes and odd calendars."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbops.errors import UsageError
from nbops.schedule import Clock

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: str | ZoneInfo = "UTC") -> float:
    place = ZoneInfo(zone) if isinstance(zone, str) else zone
    return datetime.fromisoformat(text).replace(tzinfo=place).timestamp()


def shown(moment: float, zone: ZoneInfo = BERLIN) -> str:
    return datetime.fromtimestamp(moment, zone).isoformat()


@pytest.mark.parametrize(
    ("cron", "moment", "wanted"),
    [
        ("0 3 * * *", "2026-11-29T02:59:59", "2026-11-29T03:00:00"),
        ("0 3 * * *", "2026-11-29T03:00:00", "2026-11-30T03:00:00"),
        ("*/15 8-17 * * mon-fri", "2026-11-27T17:45:00", "2026-11-30T08:00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 1 * 1", "2026-11-29T00:00:00", "2026-11-30T00:00:00"),  # the first, or a Monday
        ("@monthly", "2026-11-29T00:00:00", "2026-12-01T00:00:00"),
    ],
)
def test_the_next_time_is_crons_own(cron: str, moment: str, wanted: str) -> None:
    assert Clock(cron, "UTC").after(at(moment)) == at(wanted)


def test_a_time_that_the_clock_change_leaves_out_comes_right_after_the_gap() -> None:
    clock = Clock("30 2 * * *", "Europe/Berlin")
    assert shown(clock.after(at("2026-03-29T00:00:00", BERLIN))) == "2026-03-29T03:00:00+02:00"
    assert shown(clock.latest(at("2026-03-29T12:00:00", BERLIN)) or 0) == "2026-03-29T03:00:00+02:00"


def test_a_time_that_comes_twice_is_due_once() -> None:
    clock = Clock("30 2 * * *", "Europe/Berlin")
    first = clock.after(at("2026-10-25T00:00:00", BERLIN))
    assert shown(first) == "2026-10-25T02:30:00+02:00"
    for minutes in range(0, 180, 10):
        assert clock.latest(first + minutes * 60) == first
        assert shown(clock.after(first + minutes * 60)) == "2026-10-26T02:30:00+01:00"


def test_minutes_go_on_through_the_hour_that_comes_twice() -> None:
    clock = Clock("*/30 * * * *", "Europe/Berlin")
    moment, seen = at("2026-10-25T01:45:00", BERLIN), []
    for _ in range(5):
        moment = clock.after(moment)
        seen.append(shown(moment)[11:])
    assert seen == ["02:00:00+02:00", "02:30:00+02:00", "02:00:00+01:00", "02:30:00+01:00", "03:00:00+01:00"]


FIELDS = st.sampled_from(["0 3 * * *", "30 2 * * *", "*/7 * * * *", "5 1-3 * * *", "0 */6 * * *", "15 2 25 10 *"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@settings(max_examples=150, deadline=None)
@given(FIELDS, ZONES, st.integers(int(at("2026-01-01")), int(at("2027-01-01"))))
def test_the_latest_time_and_the_next_enclose_every_moment(cron: str, zone: str, moment: int) -> None:
    clock = Clock(cron, zone)
    before, following = clock.latest(float(moment)), clock.after(float(moment))
    assert before is not None
    assert before <= moment < following
    assert clock.after(before) == following


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("0 3 * *", "UTC", "4 fields"),
        ("61 * * * *", "UTC", "bad minute"),
        ("0 0 30 2 *", "UTC", "bad day"),
        ("0 0 L * *", "UTC", "some crons only"),
        ("0 0 * * 5#2", "UTC", "some crons only"),
        ("0 3 * * *; reboot", "UTC", "fields"),
        ("@reboot", "UTC", "'@reboot' is none of @hourly, @daily"),
        ("0 3 * * *", "Europe/Berlni", "'Europe/Berlni'; did you mean 'Europe/Berlin'"),
        ("0 3 * * *", "../../etc/passwd", "passwd"),
    ],
)
def test_what_cannot_be_understood_is_told(cron: str, zone: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Clock(cron, zone)


def test_times_are_utc_seconds() -> None:
    assert datetime.fromtimestamp(Clock("0 3 * * *", "Asia/Tokyo").after(at("2026-11-29")), UTC).hour == 18


def test_a_word_that_is_nearly_one_of_crons_has_it_as_cure() -> None:
    with pytest.raises(UsageError) as caught:
        Clock("@dayly", "UTC")

    assert caught.value.hint == "--cron @daily"
