"""Batches on their way through the inbox: Arrow IPC with a header of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa


class CorruptBatchError(ValueError):
    """The bytes are not an encoded batch."""


def encode(table: pa.Table | pa.RecordBatch, header: Mapping[str, Any]) -> bytes:
    """Return one batch, compressed with lz4."""
    sink = pa.BufferOutputStream()
    schema = table.schema.with_metadata({"vedette": orjson.dumps(header)})
    # Arrow's own threads cost such small batches more than they save.
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        writer.write(table.replace_schema_metadata(schema.metadata))
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def decode(payload: bytes) -> tuple[pa.Table, Any]:
    """Return the table and the header. Raises CorruptBatchError."""
    try:
        options = pa.ipc.IpcReadOptions(use_threads=False)
        with pa.ipc.open_stream(pa.py_buffer(payload), options=options) as reader:
            table = reader.read_all()
        return table, orjson.loads((table.schema.metadata or {})[b"vedette"])
    except (pa.ArrowInvalid, OSError, KeyError, orjson.JSONDecodeError) as error:
        raise CorruptBatchError(f"not an encoded batch: {error}") from error
