"""When the next ping is due: every so often, by cron, or by systemd's calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

from sources.models import Heartbeat

# Bounds of a timeout and a grace, in seconds.
LEAST_SECONDS, MOST_SECONDS = 60, 31_536_000
MAX_EXPRESSION = 1000


class InvalidScheduleError(ValueError):
    """The text says what is wrong with the expression."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """`expression` is cron's or systemd's, several of the latter one a line."""

    kind: str
    seconds: int = 0
    expression: str = ""
    zone: str = "UTC"

    @classmethod
    def of(cls, heartbeat: Heartbeat) -> Schedule:
        return cls(
            heartbeat.kind,
            heartbeat.timeout_seconds,
            heartbeat.schedule,
            heartbeat.zone,
        )

    def next_after(self, moment: datetime) -> datetime | None:
        """Return when a ping is due after one at `moment`; None for never again."""
        if self.kind == Heartbeat.Kind.TIMEOUT:
            return moment + timedelta(seconds=self.seconds)
        local = moment.astimezone(ZoneInfo(self.zone))
        kind = CronSim if self.kind == Heartbeat.Kind.CRON else OnCalendar
        try:
            return next(kind(self.expression, local)).astimezone(moment.tzinfo)
        except StopIteration:
            return None

    def check(self, now: datetime) -> None:
        """Raises InvalidScheduleError."""
        if self.kind == Heartbeat.Kind.TIMEOUT:
            check_seconds(self.seconds)
            return
        if self.zone not in available_timezones():
            raise InvalidScheduleError(f"There is no time zone {self.zone[:60]!r}.")
        if len(self.expression) > MAX_EXPRESSION:
            raise InvalidScheduleError(
                f"An expression has at most {MAX_EXPRESSION} characters."
            )
        try:
            due = self.next_after(now)
        except (CronSimError, OnCalendarError) as error:
            is_cron = self.kind == Heartbeat.Kind.CRON
            what = "cron expression" if is_cron else "systemd calendar event"
            told = f": {error}" if str(error) else ""
            raise InvalidScheduleError(
                f"Not a {what}{told}. Write it as "
                f"“{'0 3 * * *' if is_cron else 'Mon 03:00'}”."
            ) from None
        if due is None:
            raise InvalidScheduleError("It is never due: choose another schedule.")


def check_seconds(seconds: int) -> None:
    """Raises InvalidScheduleError."""
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise InvalidScheduleError(
            f"This must be {LEAST_SECONDS} to {MOST_SECONDS} seconds."
        )
