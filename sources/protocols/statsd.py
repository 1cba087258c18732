"""statsd's lines, with DogStatsD's tags: `name:value|type|@rate|#tag:value,tag`.

Also `name,tag=value:1|c` as Telegraf writes tags, and several values of one name,
`name:1:2:3|ms`. What DogStatsD sends beside metrics (events, service checks) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.labels import METRIC_NAME
from sources.protocols.label_sets import MAX_LABELS, MAX_NAME_BYTES, MAX_VALUE_BYTES
from sources.protocols.log_rows import label_name, texts_of_bytes

_LINE = (
    r"^(?P<name>[^:|\s][^:|]{0,499}):(?P<values>[^|]+)\|"
    r"(?P<type>c|g|ms|h|d|s)(?P<rest>(?:\|.*)?)$"
)
_RATE = r"\|@(?P<rate>0?\.\d+|1(?:\.0*)?|\d(?:\.\d+)?[eE]-\d+)(?:\||$)"
_TAGS = r"\|#(?P<tags>[^|]*)"
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$"
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_:]")
# Labels of our own making.
_RESERVED = frozenset({"le", "quantile", METRIC_NAME})
_MAX_TAGS = MAX_LABELS // 2
# In characters; what a sender writes beyond that is cut.
_LONGEST_TAGS = 4000
_LONGEST_VALUE = 200
_NUL = pa.scalar("\x00", pa.large_string())


class Key(NamedTuple):
    """What one series of a sender is told apart by, as it was sent."""

    name: str
    type: str
    tags: str


@dataclass(frozen=True, slots=True)
class Events:
    """Values in the order of their lines; `texts` are the values of sets.

    `keys[key_index[i]]` is what value `i` belongs to. `weights` say how many events a
    value stands for; `signed` marks values that were written with a sign.
    """

    keys: Sequence[Key]
    key_index: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    signed: npt.NDArray[np.bool_]
    texts: pa.Array
    ignored: int
    last_ignored: str


def read(messages: Sequence[bytes]) -> Events:
    """Read messages of one or more lines each, in bulk."""
    lines = _lines(messages)
    groups = pc.extract_regex(lines, _LINE)
    hit = groups.is_valid()
    bad = lines.filter(pc.invert(hit))
    found = pa.RecordBatch.from_struct_array(groups.drop_null())
    values = pc.split_pattern(found["values"], ":")
    parents = pc.list_parent_indices(values).to_numpy()
    kind = found["type"].take(pa.array(parents))
    texts = pc.list_flatten(values)
    numbers = _numbers(texts)
    good = _good(numbers, kind)
    wrong = texts.filter(pa.array(~good))
    parents, texts = parents[good], texts.filter(pa.array(good))
    keys, index = _keys(found)
    last = bad if len(bad) else wrong
    return Events(
        keys=keys,
        key_index=index[parents],
        values=numbers[good],
        weights=_weights(found["rest"])[parents],
        signed=pc.match_substring_regex(texts, "^[+-]").to_numpy(zero_copy_only=False),
        texts=pc.utf8_slice_codeunits(texts, 0, _LONGEST_VALUE),
        ignored=len(bad) + len(wrong),
        last_ignored=last[-1].as_py() if len(last) else "",
    )


def _lines(messages: Sequence[bytes]) -> pa.Array:
    texts = texts_of_bytes(pa.array(messages, pa.large_binary()))
    lines = pc.list_flatten(pc.split_pattern(texts, "\n"))
    lines = pc.utf8_trim_whitespace(pc.utf8_trim(lines, "\0"))
    return lines.filter(pc.greater(pc.binary_length(lines), 0))


def _keys(found: pa.RecordBatch) -> tuple[list[Key], npt.NDArray[np.int64]]:
    tags = pc.fill_null(pc.extract_regex(found["rest"], _TAGS).flatten()[0], "")
    short = pc.utf8_slice_codeunits(tags, 0, _LONGEST_TAGS)
    joined = pc.binary_join_element_wise(
        found["name"], found["type"], short, _NUL
    ).dictionary_encode()
    keys = [_key(text) for text in joined.dictionary.to_pylist()]
    return keys, joined.indices.to_numpy().astype(np.int64)


def _key(text: str) -> Key:
    """A NUL in a tag is part of it: names and types have none."""
    name, kind, tags = text.split("\x00", 2)
    return Key(name, "h" if kind == "d" else kind, tags)


def _weights(rest: pa.Array) -> npt.NDArray[np.float64]:
    rate = pc.extract_regex(rest, _RATE).flatten()[0].cast(pa.float64())
    rates = pc.fill_null(rate, 1.0).to_numpy(zero_copy_only=False)
    weights: npt.NDArray[np.float64] = 1 / np.clip(rates, 1e-9, 1.0)
    return weights


def _good(numbers: npt.NDArray[np.float64], kind: pa.Array) -> npt.NDArray[np.bool_]:
    """Anything can be in a set; a counter does not fall, and nothing is infinite."""
    is_set, is_counter = (
        pc.equal(kind, letter).to_numpy(zero_copy_only=False) for letter in "sc"
    )
    good: npt.NDArray[np.bool_] = np.isfinite(numbers)
    good &= ~(is_counter & (numbers < 0))
    good |= is_set
    return good


def _numbers(texts: pa.Array) -> npt.NDArray[np.float64]:
    """Return the numbers; NaN for the values of sets that are none."""
    good = pc.match_substring_regex(texts, _NUMBER)
    plain = pc.utf8_ltrim(pc.if_else(good, texts, None), "+")
    numbers = pc.fill_null(plain.cast(pa.float64()), float("nan"))
    found: npt.NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    return found


# --- Names -----------------------------------------------------------------------------


def metric_name(key: Key) -> str:
    """Return what Prometheus calls it: counters end in _total, timers in _seconds."""
    base = _NOT_IN_NAME.sub("_", key.name.partition(",")[0])[:MAX_NAME_BYTES]
    name = f"_{base}" if base[:1].isdigit() else base
    ending = {"c": "_total", "ms": "_seconds"}.get(key.type, "")
    return name if name.endswith(ending) else f"{name}{ending}"


def tags_of(key: Key) -> Mapping[str, str]:
    """Return the tags as labels; one without a value is "true"."""
    _, _, behind_name = key.name.partition(",")
    pairs = [
        *(tag.partition("=") for tag in behind_name.split(",") if tag),
        *(tag.partition(":") for tag in key.tags.split(",") if tag),
    ]
    labels: dict[str, str] = {}
    for name, separator, value in pairs[:_MAX_TAGS]:
        clean = label_name(name.strip())[:MAX_NAME_BYTES]
        clean = f"tag_{clean}" if clean in _RESERVED else clean
        if clean:
            text = value.replace("\0", "")[: MAX_VALUE_BYTES // 4]
            labels[clean] = text if separator else "true"
    return labels
