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
# Levels as numbers, with their scales.
NUMBER_KEYS: dict[str, Callable[[Any], pa.Array]] = {
    "level": lambda column: levels.of_numbers(column, levels.BUNYAN, step=10),
    "levelno": lambda column: levels.of_numbers(column, levels.PYTHON, step=10),
    "PRIORITY": lambda column: levels.of_numbers(column, levels.SYSLOG),
    "syslog_severity": lambda column: levels.of_numbers(column, levels.SYSLOG),
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
        times = timestamps.parse(fields[key], received_ns, tz=tz)
        _take_out(fields, key, pc.and_(times.is_valid(), found.is_null()))
        found = pc.coalesce(found, times)
        if not found.null_count:
            break
    return found


def take_level(fields: Fields, count: int) -> pa.Array:
    found = pa.nulls(count, pa.int8())
    if GELF_MARK in fields and "level" in fields:
        gelf = pc.if_else(fields[GELF_MARK].is_valid(), fields["level"], None)
        found = _take(fields, "level", levels.of_numbers(gelf, levels.SYSLOG), found)
    for key in _known(LEVEL_KEYS, fields):
        found = _take(fields, key, levels.of_words(fields[key]), found)
    if MONGO_MARK in fields and MONGO_LEVEL in fields:
        words = levels.of_words(fields[MONGO_LEVEL])
        found = _take(fields, MONGO_LEVEL, words, found)
    for key in _known(NUMBER_KEYS, fields):
        found = _take(fields, key, NUMBER_KEYS[key](fields[key]), found)
    return found


def _take(fields: Fields, key: str, codes: pa.Array, found: pa.Array) -> pa.Array:
    _take_out(fields, key, pc.and_(codes.is_valid(), found.is_null()))
    return pc.coalesce(found, codes)


def _take_out(fields: Fields, key: str, used: pa.Array) -> None:
    column = pc.if_else(used, None, fields[key])
    fields[key] = column.cast(pa.large_string())


def _known(keys: Iterable[str], fields: Fields) -> list[str]:
    return [key for key in keys if key in fields]


def present(fields: Fields) -> Fields:
    """Return the fields that at least one line has."""
    return {name: c for name, c in fields.items() if c.null_count < len(c)}
