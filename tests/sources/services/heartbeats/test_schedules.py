from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sources.services.heartbeats.schedules import InvalidScheduleError, Schedule

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (Schedule("timeout", 3600), datetime(2026, 3, 28, 13, 0, tzinfo=UTC)),
        (
            Schedule("cron", expression="0 3 * * *"),
            datetime(2026, 3, 29, 3, 0, tzinfo=UTC),
        ),
        # Clocks go forward in the night to the 29th: three o'clock is one hour earlier.
        (
            Schedule("cron", expression="0 3 * * *", zone="Europe/Berlin"),
            datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        ),
        (
            Schedule("oncalendar", expression="Mon *-*-* 06:30"),
            datetime(2026, 3, 30, 6, 30, tzinfo=UTC),
        ),
        (
            Schedule("oncalendar", expression="Mon 06:30\nSat 18:00"),
            datetime(2026, 3, 28, 18, 0, tzinfo=UTC),
        ),
    ],
    ids=["timeout", "cron", "zone", "calendar", "two-calendars"],
)
def test_the_next_ping_is_due_by_the_schedule(schedule, due):
    assert schedule.next_after(NOON) == due


@pytest.mark.parametrize(
    ("schedule", "complaint"),
    [
        (Schedule("timeout", 59), "60 to 31536000 seconds"),
        (Schedule("cron", expression="61 * * * *"), "Not a cron expression"),
        (Schedule("cron", expression="0 0 30 2 *"), "Bad day-of-month"),
        (Schedule("oncalendar", expression="Someday"), "Not a systemd calendar"),
        (Schedule("oncalendar", expression="2020-01-01 00:00"), "never due"),
        (Schedule("cron", expression="* * * * *", zone="Mars/X"), "no time zone"),
        (Schedule("cron", expression="1" * 2000), "at most 1000 characters"),
    ],
    ids=["short", "minute-61", "30-february", "words", "past", "zone", "long"],
)
def test_a_schedule_that_cannot_be_is_refused(schedule, complaint):
    with pytest.raises(InvalidScheduleError, match=complaint):
        schedule.check(NOON)
