"""Splunk's HTTP Event Collector: JSON events one after another, or raw lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from monitoring.telemetry import LogBatch
from sources.protocols import Decoded, MalformedBodyError, Terms
from sources.protocols.json_documents import (
    MESSAGE_NAMES,
    TooDeepError,
    concatenated,
    flattened,
    take_level,
    take_text,
)
from sources.protocols.log_rows import LogRows
from sources.protocols.timestamps import InvalidTimeError

_LABELS = ("host", "sourcetype", "index")
# Docker's driver keeps the line in `line`, and the stream in `source`.
_LINES = ("line", *MESSAGE_NAMES)


class Code(Enum):
    """Splunk's answers: the number, the text, the HTTP status."""

    SUCCESS = (0, "Success", 200)
    TOKEN_REQUIRED = (2, "Token is required", 401)
    INVALID_TOKEN = (4, "Invalid token", 403)
    NO_DATA = (5, "No data", 400)
    INVALID_FORMAT = (6, "Invalid data format", 400)
    INTERNAL_ERROR = (8, "Internal server error", 500)
    BUSY = (9, "Server is busy", 503)
    EVENT_REQUIRED = (12, "Event field is required", 400)
    EVENT_BLANK = (13, "Event field cannot be blank", 400)
    ACK_DISABLED = (14, "ACK is disabled", 400)
    INVALID_FIELDS = (15, "Error in handling indexed fields", 400)
    HEALTHY = (17, "HEC is healthy", 200)

    @property
    def number(self) -> int:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[1]

    @property
    def status(self) -> int:
        return self.value[2]


class EventError(ValueError):
    """One event is not taken; the text says more than Splunk's code does."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Events:
    """The events that are taken; `fault` is the first of the others, at `place`."""

    decoded: Decoded[LogBatch]
    fault: EventError | None = None
    place: int = 0


def decode_events(body: bytes, terms: Terms) -> Events:
    """Take what can be taken. Raises EventError when there is nothing at all."""
    rows = LogRows(terms)
    faults: dict[int, EventError] = {}
    place = 0
    try:
        for place, event in enumerate(concatenated(body)):
            _add(rows, faults, place, event)
            place += 1  # noqa: PLW2901 - where the next one stands, were it broken
    except MalformedBodyError as error:
        faults[place] = EventError(Code.INVALID_FORMAT, str(error))
        rows.reject(place, str(error))
    decoded = rows.decoded()
    if not decoded.batch.count and not decoded.rejected:
        raise EventError(Code.NO_DATA, "The body holds no event.")
    for rejection in decoded.rejected:
        faults.setdefault(
            rejection.index, EventError(Code.INVALID_FORMAT, rejection.error)
        )
    first = min(faults, default=0)
    return Events(decoded, faults.get(first), first)


def _add(rows: LogRows, faults: dict[int, EventError], place: int, event: Any) -> None:
    try:
        _add_event(rows, place, event)
    except EventError as error:
        faults[place] = error
        rows.reject(place, str(error))
    except TooDeepError as error:
        rows.reject(place, str(error))


def _add_event(rows: LogRows, place: int, event: Any) -> None:
    """Raises EventError and TooDeepError."""
    if not isinstance(event, dict):
        raise EventError(Code.INVALID_FORMAT, 'an event is an object: {"event": "…"}')
    if event.get("event") is None:
        raise EventError(Code.EVENT_REQUIRED, "event is missing")
    if event["event"] in ("", {}):
        raise EventError(Code.EVENT_BLANK, "event is empty")
    fields = _fields(event)
    if event["event"] == "metric" and any(n.startswith("metric_name") for n in fields):
        raise EventError(
            Code.INVALID_FORMAT,
            "metric events are not taken: send metrics by remote write or OTLP",
        )
    line, more = _line(event["event"])
    fields = {**more, **fields}
    level = take_level(fields)
    if isinstance(event.get("source"), str):
        fields["splunk_source"] = event["source"]
    labels = _labels(event)
    time = event.get("time")
    rows.add(place, line, time=time, level=level, labels=labels, fields=fields)


def _fields(event: Mapping[str, Any]) -> dict[str, Any]:
    fields = event.get("fields") or {}
    if not isinstance(fields, dict):
        raise EventError(Code.INVALID_FIELDS, "fields must be an object")
    if any(isinstance(value, dict) for value in fields.values()):
        raise EventError(Code.INVALID_FIELDS, "fields must be flat")
    return flattened(fields)


def _line(event: Any) -> tuple[str, dict[str, Any]]:
    """Return the text, and what else an event that is an object says."""
    if isinstance(event, str):
        return event, {}
    flat = flattened(event if isinstance(event, dict) else {"": event})
    line = take_text(flat, _LINES) if isinstance(event, dict) else None
    if line is None:
        return orjson.dumps(event).decode(), {}
    if "source" in flat:
        flat["stream"] = flat.pop("source")
    return line, flat


def _labels(said: Mapping[str, Any]) -> dict[str, str]:
    return {n: said[n] for n in _LABELS if isinstance(said.get(n), str) and said[n]}


def decode_raw(body: bytes, terms: Terms, said: Mapping[str, str]) -> Decoded[LogBatch]:
    """Read one event a line; `said` is the query string. Raises EventError."""
    rows = LogRows(terms)
    fields = {"splunk_source": said["source"]} if said.get("source") else {}
    labels = _labels(said)
    try:
        time_ns = rows.time(said.get("time") or None)
    except InvalidTimeError as error:
        raise EventError(Code.INVALID_FORMAT, str(error)) from None
    lines = body.decode("utf-8", "replace").split("\n")
    for place, line in enumerate(line.removesuffix("\r") for line in lines):
        if line and not line.isspace():
            rows.add(place, line, time_ns=time_ns, labels=labels, fields=fields)
    decoded = rows.decoded()
    if not decoded.batch.count and not decoded.rejected:
        raise EventError(Code.NO_DATA, "The body holds no line.")
    return decoded
