"""Which field of a structured line is its time, and which its level."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sources.formats import levels, timestamps
from sources.formats.base import Fields

# Where writers put the time, the surest first: ECS, Logstash and GELF, zap and
# zerolog, bunyan and pino, docker, MongoDB, journald, Serilog, CloudWatch.
TIME_KEYS = (
    "@timestamp", "timestamp", "time", "ts", "t.$date", "datetime", "date", "@t",
    "asctime", "created", "eventTime", "event_time", "timeMillis", "instant.epochSecond",
    "__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "Timestamp", "log_time",
    "t", "Time", "start_time", "record.time.timestamp",
)  # fmt: skip
LEVEL_KEYS = (
    "level", "log.level", "severity", "lvl", "levelname", "loglevel", "log_level",
    "Level", "LogLevel", "@l", "severity_text", "SeverityText", "level_name",
    "severityText", "record.level.name",
)  # fmt: skip


def _syslog_number(column: Any) -> pa.Array:
    return levels.of_numbers(column, levels.SYSLOG)


# Levels as numbers, with their scales.
NUMBER_KEYS: dict[str, Callable[[Any], pa.Array]] = {
    "level": lambda column: levels.of_numbers(column, levels.BUNYAN, step=10),
    "levelno": lambda column: levels.of_numbers(column, levels.PYTHON, step=10),
    "PRIORITY": _syslog_number,
    "syslog_severity": _syslog_number,
}
# Graylog's `level` is syslog's; its messages say so.
GELF_MARK = "short_message"
# One letter means a level only where it is MongoDB's.
MONGO_MARK, MONGO_LEVEL = "t.$date", "s"
KEYS = (*TIME_KEYS, *LEVEL_KEYS, *NUMBER_KEYS, GELF_MARK, MONGO_LEVEL)


def take_time(
    fields: Fields, count: int, received_ns: int, tz: tzinfo | None
) -> pa.Array:
    """Return the times, and take out of the fields what was one."""
    found = pa.nulls(count, pa.int64())
    for key in _known(TIME_KEYS, fields):
        found = _take(
            fields, key, found, lambda part: timestamps.parse(part, received_ns, tz=tz)
        )
    return found


def take_level(fields: Fields, count: int) -> pa.Array:
    """Return the levels, and take out of the fields what was one."""
    found = pa.nulls(count, pa.int8())
    if GELF_MARK in fields and "level" in fields:
        gelf = fields[GELF_MARK].is_valid()
        found = _take(fields, "level", found, _syslog_number, only=gelf)
    for key in _known(LEVEL_KEYS, fields):
        found = _take(fields, key, found, levels.of_words)
    if MONGO_MARK in fields and MONGO_LEVEL in fields:
        found = _take(fields, MONGO_LEVEL, found, levels.of_words)
    for key in _known(NUMBER_KEYS, fields):
        found = _take(fields, key, found, NUMBER_KEYS[key])
    return found


def _take(
    fields: Fields,
    key: str,
    found: pa.Array,
    read: Callable[[pa.Array], pa.Array],
    *,
    only: pa.Array | None = None,
) -> pa.Array:
    """Return what is found, completed from a field, which loses what was read."""
    column = fields[key]
    wanted = pc.and_(column.is_valid(), found.is_null())
    if only is not None:
        wanted = pc.and_(wanted, only)
    values = read(column.filter(wanted))
    if values.null_count == len(values):
        return found
    if values.null_count == 0 and len(values) == len(column) - column.null_count:
        fields[key] = pa.nulls(len(column), pa.large_string())
    else:
        used = pc.replace_with_mask(pc.is_null(wanted), wanted, values.is_valid())
        fields[key] = pc.if_else(used, None, column).cast(pa.large_string())
    return pc.replace_with_mask(found, wanted, values)


def _known(keys: Iterable[str], fields: Fields) -> list[str]:
    return [key for key in keys if key in fields]


def present(fields: Fields) -> Fields:
    """Return the fields that at least one line has."""
    return {name: c for name, c in fields.items() if c.null_count < len(c)}
