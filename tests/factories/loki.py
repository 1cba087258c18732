"""Bodies of Loki's push, for tests."""

from __future__ import annotations

from typing import Any

import cramjam
import orjson

from sources.protocols.loki_entries import message

Entry = tuple[int, int, bytes, dict[str, str]]


def protobuf(*streams: Any) -> bytes:
    """Each stream: labels, then (seconds, nanos, line, metadata) of its entries."""
    push = message("Push")
    for labels, *entries in streams:
        stream = push.streams.add(labels=labels.encode())
        for seconds, nanos, line, metadata in entries:
            entry = message("Entry", line=line)
            entry.timestamp.seconds, entry.timestamp.nanos = seconds, nanos
            for name, value in metadata.items():
                entry.metadata.add(name=name.encode(), value=value.encode())
            stream.entries.append(entry.SerializeToString())
    return push.SerializeToString()


def snappy(body: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(body))


def json(*streams: Any) -> bytes:
    """Each stream: labels, then the values as Loki has them."""
    return orjson.dumps(
        {
            "streams": [
                {"stream": labels, "values": values} for labels, *values in streams
            ]
        }
    )
