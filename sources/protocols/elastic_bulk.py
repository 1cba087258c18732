"""Elasticsearch's `_bulk`: pairs of an action and a document, one JSON object a line.

Every action has its answer, in the order of the request: a document that cannot be
taken does not hold up the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from monitoring.telemetry import LogBatch
from sources.protocols import Decoded, MalformedBodyError, Terms, shown
from sources.protocols.json_documents import (
    SERVICE_NAMES,
    TooDeepError,
    flattened,
    take_labels,
    take_level,
    take_line,
)
from sources.protocols.log_rows import LogRows
from sources.protocols.timestamps import InvalidTimeError

_WRITES = frozenset({"create", "index"})
_OTHERS = frozenset({"update", "delete"})
_LABELS = {
    "host": ("host.name", "host.hostname", "host", "agent.hostname", "hostname"),
    "service_name": SERVICE_NAMES,
}
_TIMES = ("timestamp", "time")
_ZONED = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)\Z")
# A date at the end would make every day a stream of its own.
_DATE = re.compile(r"[-_.]\d{4}[.-]\d\d([.-]\d\d)?\Z")

_TIME_ERROR = "failed to parse field [@timestamp] of type [date]: "
DOCUMENT = "document_parsing_exception"
ARGUMENT = "illegal_argument_exception"


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done with a document; `index` is as the sender names it."""

    name: str
    index: str
    id: str | None = None


@dataclass(slots=True)
class Bulk:
    """The records that are taken, and the actions with what is wrong with them."""

    decoded: Decoded[LogBatch]
    actions: list[Action]
    errors: dict[int, tuple[str, str]] = field(default_factory=dict)


def decode(body: bytes, terms: Terms, *, index: str = "") -> Bulk:
    """`index` is meant where an action names none. Raises MalformedBodyError."""
    rows = LogRows(terms, time_error=_TIME_ERROR)
    actions: list[Action] = []
    kinds: dict[int, str] = {}
    for place, (action, text) in enumerate(_pairs(body, index)):
        actions.append(action)
        if action.name in _OTHERS:
            kinds[place] = ARGUMENT
            rows.reject(place, f"{action.name} is not possible: lines are only added")
        else:
            _add(rows, place, action, text)
    if not actions:
        raise MalformedBodyError("request body is required")
    decoded = rows.decoded()
    errors = {
        r.index: (kinds.get(r.index, DOCUMENT), r.error) for r in decoded.rejected
    }
    return Bulk(decoded, actions, errors)


# --- Actions --------------------------------------------------------------------------


def _pairs(body: bytes, index: str) -> Iterator[tuple[Action, bytes | None]]:
    lines = iter([line for line in body.split(b"\n") if line and not line.isspace()])
    known: dict[bytes, Action] = {}
    for number, line in enumerate(lines, 1):
        action = known.get(line)
        if action is None:
            action = known[line] = _action(line, number, index)
        yield action, None if action.name == "delete" else next(lines, None)


def _action(line: bytes, number: int, index: str) -> Action:
    """Raises MalformedBodyError."""
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or len(said) != 1:
        raise MalformedBodyError(
            f"Malformed action/metadata line [{number}], expected an object with one "
            f"action, as {{'create':{{}}}}, but found {shown(line.decode(errors='replace'))}"
        )
    name, metadata = next(iter(said.items()))
    if name not in _WRITES | _OTHERS or not isinstance(metadata, dict):
        raise MalformedBodyError(
            f"Malformed action/metadata line [{number}], expected one of [create, "
            f"delete, index, update] but found [{shown(name)}]"
        )
    named, given_id = metadata.get("_index") or index, metadata.get("_id")
    return Action(name, str(named)[:255], None if given_id is None else str(given_id))


# --- Documents ------------------------------------------------------------------------


def _add(rows: LogRows, place: int, action: Action, text: bytes | None) -> None:
    try:
        document = orjson.loads(_mended(text or b""))
        if not isinstance(document, dict):
            rows.reject(place, "failed to parse: the document is not an object")
            return
        add_document(rows, place, document, index=action.index)
    except orjson.JSONDecodeError as error:
        rows.reject(place, f"failed to parse: {error}")
    except TooDeepError as error:
        rows.reject(place, f"failed to parse: the document {error}")


def _mended(text: bytes) -> bytes:
    """What is not UTF-8 is marked with U+FFFD, not refused."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace").encode()
    return text


def add_document(
    rows: LogRows, place: int, document: dict[str, Any], *, index: str
) -> None:
    """Raises TooDeepError."""
    flat = flattened(document)
    # The document's own time has to be one; others may be anything else.
    time = _with_zone(flat.pop("@timestamp", None))
    time_ns = lenient_time(rows, flat, _TIMES) if time is None else None
    level = take_level(flat)
    labels = take_labels(flat, _LABELS)
    name = _DATE.sub("", index)
    if name:
        labels["index"] = name
    line = take_line(flat, document)
    rows.add(
        place,
        line,
        time_ns=time_ns,
        time=time,
        level=level,
        labels=labels,
        fields=flat,
    )


def _with_zone(said: Any) -> Any:
    """Elasticsearch takes a time without a zone for UTC."""
    if not isinstance(said, str) or _ZONED.search(said) or said[10:11] != "T":
        return said
    return f"{said}Z"


def lenient_time(
    rows: LogRows, flat: dict[str, Any], names: Sequence[str]
) -> int | None:
    """Remove the first of these members that is a time, and return that."""
    for name in names:
        if name in flat:
            try:
                found = rows.time(flat[name])
            except InvalidTimeError:
                continue
            del flat[name]
            return found
    return None
