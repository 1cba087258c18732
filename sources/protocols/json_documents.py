"""Bodies of JSON documents, and what is inside a document by dotted names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from monitoring.telemetry import Level
from sources.protocols import MalformedBodyError
from sources.protocols.log_rows import level_or_none

BOM = b"\xef\xbb\xbf"
# Objects deeper than this stay JSON texts.
_DEPTH = 12
_DECODER = json.JSONDecoder()


class TooDeepError(ValueError):
    """A value is nested beyond what can be written as JSON again."""


def parsed(text: bytes) -> Any:
    """Return a JSON document; bytes that are not UTF-8 are marked with U+FFFD.

    Raises MalformedBodyError.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        mended = text.decode("utf-8", "replace")
        try:
            return orjson.loads(mended)
        except orjson.JSONDecodeError:
            raise MalformedBodyError(f"The body is not JSON: {error}.") from None


def concatenated(body: bytes) -> Iterator[Any]:
    """Yield documents that follow one another, with or without space between them.

    Raises MalformedBodyError at the place where none begins.
    """
    lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    try:
        # The usual way to write many: one a line.
        documents = orjson.loads(b"[" + b",".join(lines) + b"]")
    except orjson.JSONDecodeError:
        yield from _one_by_one(body.decode("utf-8", "replace"))
    else:
        yield from documents


def _one_by_one(text: str) -> Iterator[Any]:
    place, end = 0, len(text)
    while True:
        while place < end and text[place] in " \t\r\n":
            place += 1
        if place == end:
            return
        try:
            _, after = _DECODER.raw_decode(text, place)
            # Python's reader takes NaN and lone surrogates, which JSON has not.
            document = orjson.loads(text[place:after])
        except (ValueError, RecursionError) as error:
            raise MalformedBodyError(f"The body is not JSON: {error}.") from None
        yield document
        place = after


def flattened(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members by dotted names; arrays become JSON texts, nulls go.

    Raises TooDeepError.
    """
    flat: dict[str, Any] = {}
    _flatten(document, "", 0, flat)
    return flat


def _flatten(
    members: Mapping[str, Any], prefix: str, depth: int, flat: dict[str, Any]
) -> None:
    for name, value in members.items():
        if type(value) is dict and value and depth < _DEPTH:
            _flatten(value, f"{prefix}{name}.", depth + 1, flat)
        elif type(value) in {list, dict}:
            flat[prefix + name] = _json(value)
        elif value is not None:
            flat[prefix + name] = value


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise TooDeepError(f"is nested too deeply: {error}") from None


# Where senders keep the text of a line, the level of it and its time.
MESSAGE_NAMES = ("message", "msg", "log", "line")
LEVEL_NAMES = ("log.level", "level", "severity", "loglevel", "status")
SERVICE_NAMES = ("service.name", "service")


def take_text(flat: dict[str, Any], names: Sequence[str]) -> str | None:
    """Remove the first of these members that is a text, and return it."""
    for name in names:
        if type(flat.get(name)) is str:
            text: str = flat.pop(name)
            return text
    return None


def take_line(flat: dict[str, Any], document: Mapping[str, Any]) -> str:
    """Remove the text of the line and return it; all of the document, without one."""
    line = take_text(flat, MESSAGE_NAMES)
    return orjson.dumps(document).decode() if line is None else line


def take_level(
    flat: dict[str, Any], names: Sequence[str] = LEVEL_NAMES
) -> Level | None:
    """Remove the first of these members that names a level, and return that."""
    for name in names:
        level = level_or_none(flat[name]) if name in flat else None
        if level is not None:
            del flat[name]
            return level
    return None


def take_labels(
    flat: dict[str, Any], sought: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Remove the texts that become labels; `sought` has their members by label."""
    found = {label: take_text(flat, names) for label, names in sought.items()}
    return {label: text for label, text in found.items() if text}
