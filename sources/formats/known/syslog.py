"""Syslog in files and on the wire: RFC 5424, RFC 3164, and rsyslog's file format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from sources.formats import levels
from sources.formats.base import Fields
from sources.formats.patterns import Groups, PatternFormat

FACILITIES = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "audit",
    "alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]

PRIORITY = r"<(?P<pri>\d{1,3})>"
STAMP = r"(?P<ts>[A-Z][a-z]{2} (?:[ \d]\d|\d)(?: \d{4})? \d\d:\d\d:\d\d(?:\.\d{1,9})?)"
ISO_STAMP = r"(?P<ts>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d))"
SENDER = r" (?P<host>[^\s:]+) (?P<app>[^\s:\[]+)(?:\[(?P<pid>[^\]]*)\])?(?: \([^)]*\))?:(?:\s|$)"
HOST_ONLY = r" (?P<host>[^\s:]+) "


def _level(groups: Groups) -> pa.Array | None:
    if "pri" not in groups:
        return None
    return levels.of_numbers(_part(groups["pri"], low=True), levels.SYSLOG)


def _part(priority: pa.Array, *, low: bool) -> pa.Array:
    """Return the severity (low three bits) or the facility of priorities, as text."""
    numbers = priority.cast(pa.int64())
    part = pc.bit_wise_and(numbers, 7) if low else pc.shift_right(numbers, 3)
    return part.cast(pa.large_string())


@dataclass(frozen=True, kw_only=True)
class SyslogFormat(PatternFormat):
    """A priority gives the level and the field `facility`."""

    dropped: frozenset[str] = frozenset({"ts", "level", "pri"})

    @override
    def fields_of(self, groups: Groups) -> Fields:
        fields = super().fields_of(groups)
        if "pri" in groups:
            number = pc.fill_null(_part(groups["pri"], low=False).cast(pa.int64()), -1)
            code = number.to_numpy(zero_copy_only=False)
            known = (code >= 0) & (code < len(FACILITIES))
            index = pa.array(np.where(known, code, 0), pa.int64(), mask=~known)
            fields["facility"] = pa.array(FACILITIES, pa.large_string()).take(index)
        return fields


RFC5424 = SyslogFormat(
    name="syslog_rfc5424",
    title="Syslog, RFC 5424",
    description="Priority, version, ISO time, host, application, process and message "
    "ids, structured data. The level is the severity.",
    example="<165>1 2026-10-10T13:55:36.003Z web1 orders 812 ID47 "
    '[meta@32473 seq="3"] accepted',
    patterns=(
        "^" + PRIORITY + r"[1-9] (?P<ts>\S+) (?P<host>\S+) (?P<app>\S+) (?P<pid>\S+) "
        r"(?P<msgid>\S+) (?P<structured_data>-|(?:\[(?:[^\]\\\"]|\\.|\"(?:[^\"\\]|\\.)*\")*\])+)",
    ),
    absent=frozenset({"-"}),
    level_of=_level,
)

RFC3164 = SyslogFormat(
    name="syslog_rfc3164",
    title="Syslog, RFC 3164",
    description="The BSD format of /var/log/syslog, auth.log, cron and most devices, "
    "with or without a priority. It has no year: the latest possible one is taken.",
    example="<38>Oct 10 13:55:36 web1 sshd[812]: Accepted publickey for alice",
    patterns=(
        "^(?:" + PRIORITY + ")?" + STAMP + SENDER,
        "^(?:" + PRIORITY + ")?" + STAMP + HOST_ONLY,
    ),
    level_of=_level,
)

ISO_SYSLOG = SyslogFormat(
    name="syslog_iso",
    title="Syslog with ISO time",
    description="rsyslog's own file format and `journalctl -o short-iso`.",
    example="2026-10-10T13:55:36.120345+02:00 web1 cron[99]: (root) CMD (run-parts)",
    patterns=("^(?:" + PRIORITY + ")?" + ISO_STAMP + SENDER,),
    level_of=_level,
)

FORMATS = (RFC5424, RFC3164, ISO_SYSLOG)
