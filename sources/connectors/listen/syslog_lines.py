"""What messages of syslog say: RFC 5424, RFC 3164, and what devices make of that.

The line is the message; what stands before it become time, level, labels and fields.
They are named as VictoriaLogs names them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from monitoring.telemetry import FIELD_PREFIX, LogBatch
from sources.formats import levels
from sources.formats.base import Fields
from sources.formats.known.syslog import FACILITIES, ISO_STAMP, PRIORITY, STAMP
from sources.formats.patterns import Groups, PatternFormat
from sources.formats.spans import as_strings
from sources.protocols.label_sets import MAX_VALUE_BYTES, LabelSets, index_columns
from sources.protocols.log_rows import field_columns, texts_of_bytes
from sources.protocols.syslog_frames import of_datagram

# The streams of a source are told apart by these.
LABELS = ("hostname", "app_name")

_DATA = r"(?P<data>-|(?:\[(?:[^\]\\\"]|\\.|\"(?:[^\"\\]|\\.)*\")*\])+)"
_OPTIONAL = f"^(?:{PRIORITY})?"
_STAMPS = f"(?:{STAMP}|{ISO_STAMP.replace('<ts>', '<ts_>')})"
_HOST = r" (?P<hostname>\S*[^\s:])"
_TAG = r" (?P<app_name>[^\s:\[]+)(?:\[(?P<proc_id>[^\]\s]*)\])?:"
_MESSAGE = r"(?s:(?P<message>.*))$"

_LEVELS = 7
_PARAMETER = re.compile(r'([^\s=\]"\[]+)="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_ELEMENT = re.compile(
    r'\[([^\s=\]"]+)((?:[^\]\\"]|\\.|"(?:[^"\\]|\\.)*")*)\]', re.DOTALL
)
_ESCAPED = re.compile(r'\\(["\\\]])')


def _numbers(groups: Groups) -> pa.Array:
    """Return priorities from 0 to 191; another one says nothing."""
    numbers = groups["pri"].cast(pa.int64())
    return pc.if_else(pc.less(numbers, 8 * len(FACILITIES)), numbers, None)


def _level(groups: Groups) -> pa.Array | None:
    if "pri" not in groups:
        return None
    severity = pc.bit_wise_and(_numbers(groups), _LEVELS)
    return levels.of_numbers(severity.cast(pa.large_string()), levels.SYSLOG)


@dataclass(frozen=True, kw_only=True)
class _Wire(PatternFormat):
    @override
    def fields_of(self, groups: Groups) -> Fields:
        fields = super().fields_of(groups)
        if "pri" in groups:
            numbers = _numbers(groups)
            facility = pc.shift_right(numbers, 3)
            fields |= {
                "priority": numbers.cast(pa.large_string()),
                "severity": pc.bit_wise_and(numbers, _LEVELS).cast(pa.large_string()),
                "facility": facility.cast(pa.large_string()),
                "facility_keyword": pa.array(FACILITIES, pa.large_string()).take(
                    facility
                ),
            }
        return fields


_NEW = (
    rf"^{PRIORITY}(?P<version>[1-9]\d?) (?P<ts>\S+) (?P<hostname>\S+) "
    r"(?P<app_name>\S+) (?P<proc_id>\S+) (?P<msg_id>\S+) "
    rf"{_DATA}(?: {_MESSAGE}|$)"
)
_WIRE = _Wire(
    name="syslog_wire",
    title="Syslog",
    description="Syslog as it is sent.",
    example="<13>1 2026-10-10T13:55:36Z web1 orders 812 - - accepted",
    patterns=(
        _NEW,
        _OPTIONAL + _STAMPS + _HOST + _TAG + " ?" + _MESSAGE,
        _OPTIONAL + _STAMPS + _TAG + " ?" + _MESSAGE,
        _OPTIONAL + _STAMPS + _HOST + " " + _MESSAGE,
        f"^{PRIORITY} ?" + _MESSAGE,
    ),
    level_of=_level,
    absent=frozenset({"-"}),
    dropped=frozenset({"ts", "pri"}),
)


def texts_of_datagrams(
    datagrams: Sequence[bytes], senders: Sequence[str]
) -> tuple[pa.Array, pa.Array]:
    """Return the messages of datagrams, and the sender of each message."""
    names = pa.array(senders, pa.large_string())
    found = pc.utf8_rtrim(texts(datagrams), "\r\n\0")
    if pc.any(pc.match_substring(found, "\n")).as_py():
        cut = [of_datagram(datagram) for datagram in datagrams]
        rows = np.repeat(np.arange(len(cut)), [len(messages) for messages in cut])
        return texts([m for messages in cut for m in messages]), names.take(rows)
    kept = pc.greater(pc.binary_length(pc.utf8_trim_whitespace(found)), 0)
    if pc.all(kept).as_py():
        return found, names
    return found.filter(kept), names.filter(kept)


def texts(messages: Sequence[bytes]) -> pa.Array:
    """Return messages as texts, without the mark that says UTF-8."""
    found = texts_of_bytes(pa.array(messages, pa.large_binary()))
    if pc.any(pc.match_substring(found, "\ufeff")).as_py():
        found = pc.replace_substring(found, "\ufeff", "", max_replacements=1)
    return found


def batch_of(
    lines: pa.Array,
    senders: pa.Array,
    received_ns: int,
    tz: tzinfo,
    labels: Mapping[str, str],
) -> LogBatch:
    """Return the messages as log lines; what is no syslog is kept as it is.

    A message that names no host is its sender's, as RFC 3164 has it. `tz` is the zone
    of times without one.
    """
    lines = as_strings(lines)
    parsed = _WIRE.parse(lines, received_ns, tz=tz)
    fields = dict(parsed.fields)
    message = fields.pop("message", None)
    hostname = fields.pop("hostname", None)
    named = {
        "hostname": senders if hostname is None else pc.coalesce(hostname, senders),
        "app_name": fields.pop("app_name", pa.nulls(len(lines), pa.large_string())),
    }
    data, version = fields.pop("data", None), fields.pop("version", None)
    said = {n: _as_label(column) for n, column in named.items()}
    sets = LabelSets(labels)
    columns = {
        "stream": pa.array(index_columns(said, len(lines), sets)),
        "ts_ns": parsed.ts_ns,
        "line": lines if message is None else pc.coalesce(message, lines),
        "level": parsed.level,
        **{FIELD_PREFIX + name: column for name, column in fields.items()},
        **(_structured(data) if data is not None else {}),
        f"{FIELD_PREFIX}format": _format(parsed.matched, version),
        f"{FIELD_PREFIX}sender": senders,
    }
    return LogBatch(sets.sets, pa.table(columns))


def _as_label(column: pa.Array) -> pa.Array:
    """Return the column with null for what no label can be."""
    good = pc.and_(
        pc.less_equal(pc.binary_length(column), MAX_VALUE_BYTES),
        pc.invert(pc.match_substring(column, "\0")),
    )
    return pc.if_else(pc.fill_null(good, fill_value=False), column, None)


def _format(matched: np.ndarray, version: pa.Array | None) -> pa.Array:
    is_new = (
        np.zeros(len(matched), np.bool_)
        if version is None
        else version.is_valid().to_numpy(zero_copy_only=False)
    )
    names = np.where(is_new, 0, np.where(matched, 1, -1))
    index = pa.array(names, mask=names < 0)
    return pa.array(["rfc5424", "rfc3164"], pa.large_string()).take(index)


def _structured(data: pa.Array) -> dict[str, pa.Array]:
    """Return the fields `<id>.<parameter>`; many messages share what they say there."""
    encoded = data.dictionary_encode()
    rows = [_parameters(text) for text in encoded.dictionary.to_pylist()]
    fields = field_columns(rows)
    return {name: column.take(encoded.indices) for name, column in fields.items()}


def _parameters(text: str) -> dict[str, str]:
    return {
        f"{element}.{name}": _ESCAPED.sub(r"\1", value)
        for element, inner in _ELEMENT.findall(text)
        for name, value in _PARAMETER.findall(inner)
    }
