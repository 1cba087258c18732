"""OTLP's log records in JSON as SDKs write them, read without protobuf's own reader.

That reader takes 50 microseconds a record, as it allows for much that nobody sends:
other spellings of names, nulls, enumerations by name. What is not plainly as usual is
left to it: this way answers only when it is sure to answer the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple, TypeVar

import orjson

from sources.protocols.otlp import text_of_plain

T = TypeVar("T")

_DEPTH = 16
_UINT32, _INT64 = 2**32, 2**63
# Digits that are surely in the range of 64 bits.
_SAFE_DIGITS = 18
_LAST_SEVERITY = 24


class OtherShapeError(ValueError):
    """The body wants protobuf's own reader."""


class Attribute(NamedTuple):
    """A name and the text of its value."""

    key: str
    text: str


class Record(NamedTuple):
    """A record with its values as texts, ids being hexadecimal."""

    time_ns: int
    observed_ns: int
    severity: int
    severity_text: str
    body: str
    attributes: Sequence[Attribute]
    trace_id: str
    span_id: str
    event_name: str


class Scope(NamedTuple):
    """What the records of one scope have in common."""

    resource: Sequence[Attribute]
    name: str
    version: str
    attributes: Sequence[Attribute]
    records: Sequence[Record]


def read(body: bytes) -> list[Scope]:
    """Raises OtherShapeError, where it is not JSON at all, too."""
    try:
        return list(_scopes(orjson.loads(body)))
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise OtherShapeError(str(error)) from None


def _scopes(document: Any) -> Iterator[Scope]:
    _only(document, _REQUEST)
    for of_resource in _list(document.get("resourceLogs", ())):
        _only(of_resource, _RESOURCE_LOGS)
        _text(of_resource.get("schemaUrl", ""))
        resource = of_resource.get("resource", {})
        _only(resource, _RESOURCE)
        _number(resource.get("droppedAttributesCount", 0), _UINT32)
        attributes = _attributes(resource.get("attributes", ()))
        for of_scope in _list(of_resource.get("scopeLogs", ())):
            yield _scope(of_scope, attributes)


def _scope(of_scope: Any, resource: Sequence[Attribute]) -> Scope:
    _only(of_scope, _SCOPE_LOGS)
    _text(of_scope.get("schemaUrl", ""))
    scope = of_scope.get("scope", {})
    _only(scope, _SCOPE)
    _number(scope.get("droppedAttributesCount", 0), _UINT32)
    return Scope(
        resource,
        _text(scope.get("name", "")),
        _text(scope.get("version", "")),
        _attributes(scope.get("attributes", ())),
        [_record(record) for record in _list(of_scope.get("logRecords", ()))],
    )


def _record(said: Any) -> Record:
    _only(said, _RECORD)
    if "droppedAttributesCount" in said:
        _number(said["droppedAttributesCount"], _UINT32)
    if "flags" in said:
        _number(said["flags"], _UINT32)
    return Record(
        _nanoseconds(said.get("timeUnixNano", 0)),
        _nanoseconds(said.get("observedTimeUnixNano", 0)),
        _number(said.get("severityNumber", 0), _LAST_SEVERITY + 1),
        _text(said.get("severityText", "")),
        _value(said["body"]) if "body" in said else "",
        _attributes(said.get("attributes", ())),
        _id(said.get("traceId", "")),
        _id(said.get("spanId", "")),
        _text(said.get("eventName", "")),
    )


_DROPPED = "droppedAttributesCount"
_REQUEST = {"resourceLogs"}
_RESOURCE_LOGS = {"resource", "scopeLogs", "schemaUrl"}
_RESOURCE = {"attributes", _DROPPED}
_SCOPE_LOGS = {"scope", "logRecords", "schemaUrl"}
_SCOPE = {"name", "version", "attributes", _DROPPED}
_RECORD = {
    *("timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText"),
    *("body", "attributes", _DROPPED, "flags", "traceId", "spanId", "eventName"),
}


def _only(said: Any, names: set[str]) -> None:
    if type(said) is not dict or not said.keys() <= names:
        raise OtherShapeError("other members")


def _list(said: Any) -> Sequence[Any]:
    if type(said) is not list and said != ():
        raise OtherShapeError("no array")
    found: Sequence[Any] = said
    return found


def _text(said: Any) -> str:
    if type(said) is not str:
        raise OtherShapeError("no text")
    return said


def _number(said: Any, below: int) -> int:
    if type(said) is not int or not 0 <= said < below:
        raise OtherShapeError("no such number")
    return said


def _nanoseconds(said: Any) -> int:
    if type(said) is str and _are_digits(said):
        return int(said)
    # What does not fit protobuf's 64 bits, or ours, is told by the other reader.
    return _number(said, _INT64)


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _SAFE_DIGITS + 1


def _id(said: Any) -> str:
    """Raises ValueError for what is not hexadecimal."""
    return bytes.fromhex(_text(said)).hex() if said != "" else ""


def _attributes(said: Any) -> list[Attribute]:
    return [Attribute(*_pair(pair, _value)) for pair in _list(said)]


def _pair(pair: Any, read: Callable[[Any], T]) -> tuple[str, T]:
    if type(pair) is not dict or len(pair) != 2:  # noqa: PLR2004 - key and value
        raise OtherShapeError("no pair")
    return _text(pair["key"]), read(pair["value"])


def _value(said: Mapping[str, Any]) -> str:
    text = said.get("stringValue")
    if type(text) is str and len(said) == 1:
        return text
    return text_of_plain(_plain(said, 0))


def _plain(said: Any, depth: int) -> Any:
    if type(said) is not dict or len(said) > 1 or depth > _DEPTH:
        raise OtherShapeError("no value, or one that is nested deeply")
    for kind, value in said.items():
        read = _KINDS.get(kind)
        if read is None:
            raise OtherShapeError(kind)
        return read(value, depth)
    return None


def _int(said: Any, _depth: int) -> int:
    if type(said) is str:
        digits = said.removeprefix("-")
        if not _are_digits(digits) or len(digits) > _SAFE_DIGITS:
            raise OtherShapeError("no such integer")
        return int(said)
    if type(said) is not int or not -_INT64 <= said < _INT64:
        raise OtherShapeError("no such integer")
    return said


def _bool(said: Any, _depth: int) -> bool:
    if type(said) is not bool:
        raise OtherShapeError("no boolean")
    return said


def _double(said: Any, _depth: int) -> float:
    if type(said) is not float or not isfinite(said):
        raise OtherShapeError("no plain number")
    return said


def _array(said: Any, depth: int) -> list[Any]:
    _only(said, {"values"})
    return [_plain(item, depth + 1) for item in _list(said.get("values", ()))]


def _map(said: Any, depth: int) -> dict[str, Any]:
    _only(said, {"values"})
    pairs = _list(said.get("values", ()))
    return dict(_pair(pair, lambda value: _plain(value, depth + 1)) for pair in pairs)


_KINDS = {
    "stringValue": lambda said, _depth: _text(said),
    "intValue": _int,
    "boolValue": _bool,
    "doubleValue": _double,
    "arrayValue": _array,
    "kvlistValue": _map,
}
