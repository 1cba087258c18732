"""Datadog's log intake: an array of JSON objects, one object, or plain lines."""

from __future__ import annotations

from typing import Any

from monitoring.telemetry import LogBatch
from sources.protocols import Decoded, MalformedBodyError, Terms
from sources.protocols.elastic_bulk import lenient_time
from sources.protocols.json_documents import (
    LEVEL_NAMES,
    SERVICE_NAMES,
    TooDeepError,
    flattened,
    parsed,
    take_labels,
    take_level,
    take_line,
)
from sources.protocols.log_rows import LogRows

_LABELS = {
    "host": ("hostname", "host"),
    "service": SERVICE_NAMES,
    "ddsource": ("ddsource",),
}
_TIMES = ("timestamp", "@timestamp", "date", "time")
# Tags that say where a line is from; the others are fields.
_TAG_LABELS = ("env", "version")


def decode(body: bytes, terms: Terms) -> Decoded[LogBatch]:
    """The agent's empty object is a test of the connection: it brings no record.

    Raises MalformedBodyError.
    """
    rows = LogRows(terms)
    for place, record in enumerate(_records(body)):
        if isinstance(record, str):
            record = {"message": record}  # noqa: PLW2901 - a bare text is a message
        if not isinstance(record, dict):
            rows.reject(place, 'is not an object, as {"message": "…"}')
        elif record:
            _add(rows, place, record)
    return rows.decoded()


def _records(body: bytes) -> list[Any]:
    document = parsed(body)
    return document if isinstance(document, list) else [document]


def decode_text(body: bytes, terms: Terms) -> Decoded[LogBatch]:
    """Read one record a line. Raises MalformedBodyError."""
    rows = LogRows(terms)
    for place, line in enumerate(body.decode("utf-8", "replace").split("\n")):
        if line and not line.isspace():
            rows.add(place, line.removesuffix("\r"))
    decoded = rows.decoded()
    if not decoded.batch.count and not decoded.rejected:
        raise MalformedBodyError("The body is empty: send a log.")
    return decoded


def _add(rows: LogRows, place: int, record: dict[str, Any]) -> None:
    try:
        flat = flattened(record)
    except TooDeepError as error:
        rows.reject(place, str(error))
        return
    tags = _tags(flat.pop("ddtags", None))
    level = take_level(flat, ("status", *LEVEL_NAMES))
    time_ns = lenient_time(rows, flat, _TIMES)
    labels = take_labels(flat, _LABELS)
    labels |= {name: tags.pop(name) for name in _TAG_LABELS if tags.get(name)}
    line = take_line(flat, record)
    rows.add(
        place,
        line,
        time_ns=time_ns,
        level=level,
        labels=labels,
        fields={**tags, **flat},
    )


def _tags(said: Any) -> dict[str, str]:
    """Read "env:prod,team:shop"; a tag without a value is "true"."""
    if not isinstance(said, str):
        return {}
    pairs = (tag.strip().partition(":") for tag in said.split(",") if tag.strip())
    return {name: value or "true" for name, _, value in pairs if name}
