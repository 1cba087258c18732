"""json and unpack: orjson reads all lines in one loop, labels are made when asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.logql.columns import (
    TEXT,
    Bools,
    Column,
    Ints,
    bools,
    coalesced,
    column,
    where,
    without_empty,
)
from monitoring.logql.lines import (
    Columns,
    Lines,
    key_of,
    label_name,
    parsed_name,
)

JSON_ERROR = "JSONParserErr"
_DETAILS = "Malformed JSON error"

# Objects are followed so far; what is deeper is not extracted.
MAX_DEPTH = 16

# Numbers that a double or an int64 would not write as they were read: with an
# exponent, with zeros at the end, with many digits, and minus zero.
_INEXACT = (
    r"[:,\[]\s*(?:-0\b|-?[0-9]+(?:\.[0-9]+)?[eE][-+0-9]"
    r"|-?[0-9]+\.[0-9]*0[\s,}\]]|-?[0-9][0-9.]{15,}[\s,}\]])"
)

PACKED_ENTRY = "_entry"

Object = dict[str, Any]
_NOTHING: Object = {}


def load_objects(lines: Column) -> tuple[list[Object], Bools]:
    """Return every line's object, an empty one for those that hold none, and which."""
    raw = lines.cast(pa.large_binary()).to_numpy(zero_copy_only=False).tolist()
    try:
        loaded = list(map(orjson.loads, raw))
    except orjson.JSONDecodeError:
        loaded = [_load(text) for text in raw]
    for row in np.flatnonzero(
        bools(pc.match_substring_regex(lines, _INEXACT))
    ).tolist():
        if isinstance(loaded[row], dict):
            loaded[row] = _load_exactly(raw[row], loaded[row])
    if set(map(type, loaded)) <= {dict}:
        return loaded, np.zeros(len(loaded), np.bool_)
    bad = np.array([not isinstance(each, dict) for each in loaded], np.bool_)
    return [each if isinstance(each, dict) else _NOTHING for each in loaded], bad


def _load(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _load_exactly(text: bytes, loaded: Object) -> Object:
    """Keep the digits of numbers as they stand in the line."""
    try:
        exact: Object = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return loaded
    return exact


def column_of(values: Sequence[Any]) -> Column:
    """Return texts and numbers as texts; objects, arrays and null are no label."""
    kinds = set(map(type, values)) - {NoneType}
    if kinds <= {str}:
        return without_empty(column(values))
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64()).cast(TEXT)
        except OverflowError:
            pass
    return without_empty(column([_text(value) for value in values]))


def _text(value: object) -> str | None:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
    return None


@dataclass(frozen=True, slots=True)
class Objects:
    """The labels of objects, nested ones under names joined by `_`."""

    objects: list[Object]
    own: frozenset[str]
    final: bool = False
    _made: dict[str, Column | None] = field(default_factory=dict)

    def get(self, name: str) -> Column | None:
        if name not in self._made:
            key = key_of(name, self.own)
            found = None if key is None else _find(self.objects, key, 0)
            self._made[name] = found
        return self._made[name]

    def names(self) -> Iterable[str]:
        return {parsed_name(name, self.own) for name in _names(self.objects, 0)}

    def take(self, rows: Ints) -> Objects:
        objects = self.objects
        index = pa.array(rows)
        made = {n: c if c is None else c.take(index) for n, c in self._made.items()}
        taken = [objects[row] for row in rows.tolist()]
        return Objects(taken, self.own, self.final, made)


def _keys(objects: list[Object]) -> list[str]:
    keys: set[str] = set()
    return sorted(keys.union(*objects))


def _name(key: str, depth: int) -> str:
    # What stands behind a prefix may begin with a digit.
    return label_name(key) if depth == 0 else label_name(f"x{key}")[1:]


def _find(objects: list[Object], name: str, depth: int) -> Column | None:
    """Return the label of that name from all keys and nested keys that come to it."""
    found: list[Column] = []
    keys = [name] if "_" not in name else _keys(objects)
    for key in keys:
        own_name = _name(key, depth)
        if own_name == name:
            found.append(column_of([each.get(key) for each in objects]))
        elif own_name and name.startswith(f"{own_name}_") and depth < MAX_DEPTH:
            inner = _nested(objects, key)
            rest = name[len(own_name) + 1 :]
            below = None if inner is None else _find(inner, rest, depth + 1)
            if below is not None:
                found.append(below)
    found = [each for each in found if each.null_count < len(each)]
    return coalesced(found) if found else None


def _nested(objects: list[Object], key: str) -> list[Object] | None:
    values = [each.get(key) for each in objects]
    if dict not in set(map(type, values)):
        return None
    return [value if isinstance(value, dict) else _NOTHING for value in values]


def _names(objects: list[Object], depth: int) -> Iterable[str]:
    for key in _keys(objects):
        name = _name(key, depth)
        if not name:
            continue
        yield name
        inner = _nested(objects, key) if depth < MAX_DEPTH else None
        if inner is not None:
            yield from (f"{name}_{below}" for below in _names(inner, depth + 1))


def parse_json(lines: Lines) -> Lines:
    objects, bad = load_objects(lines.text)
    found = lines.with_layer(Objects(objects, lines.own))
    return found.with_error(bad, JSON_ERROR, _DETAILS)


Path = tuple[str | int, ...]
_STEP = re.compile(
    r'\.?([a-zA-Z_][\w-]*)|\[(\d{1,9})\]|\["((?:[^"\\]|\\.)*)"\]', re.ASCII
)


def parse_path(text: str) -> Path:
    """Read `a.b[0]["c d"]`. Raises ValueError."""
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None or (found[0].startswith(".") and not steps):
            break
        if found[2] is not None:
            steps.append(int(found[2]))
        else:
            steps.append(found[1] or re.sub(r"\\(.)", r"\1", found[3]))
        position = found.end()
    if not steps or position < len(text):
        raise ValueError(f"cannot parse expression [{text}]")
    return tuple(steps)


def extract_json(lines: Lines, paths: Sequence[tuple[str, Path]]) -> Lines:
    objects, bad = load_objects(lines.text)
    columns = {
        parsed_name(name, lines.own): without_empty(
            column([_rendered(_walk(each, path)) for each in objects])
        )
        for name, path in paths
    }
    return lines.with_layer(Columns(columns)).with_error(bad, JSON_ERROR, _DETAILS)


def _walk(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        elif isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _rendered(value: Any) -> str | None:
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return _text(value)


def unpack(lines: Lines) -> Lines:
    """Undo Promtail's pack stage: labels and line from an object with `_entry`."""
    objects, bad = load_objects(lines.text)
    packed = [
        each if isinstance(each.get(PACKED_ENTRY), str) else {} for each in objects
    ]
    columns = {}
    for key in _keys(packed):
        values = [each.get(key) for each in packed]
        texts = column([value if isinstance(value, str) else None for value in values])
        columns[key] = texts
    entry = columns.pop(PACKED_ENTRY, None)
    labels = {
        parsed_name(label_name(key), lines.own): without_empty(texts)
        for key, texts in columns.items()
        if label_name(key)
    }
    found = lines.with_layer(Columns(labels)).with_error(bad, JSON_ERROR, _DETAILS)
    if entry is None:
        return found
    valid = entry.is_valid().to_numpy(zero_copy_only=False)
    return replace(found, text=where(valid, entry, found.text))
