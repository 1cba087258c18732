"""What JSON strings mean."""

from __future__ import annotations

import orjson
import pyarrow as pa


def unescape(raw: str) -> str:
    """Return what a JSON string without its quotes means; itself when it is not one."""
    if "\\" not in raw:
        return raw
    try:
        return str(orjson.loads(f'"{raw}"'))
    except orjson.JSONDecodeError:
        return raw


def unescape_all(raw: pa.Array) -> pa.Array:
    """Return the meaning of many JSON strings, parsed as one document."""
    texts = raw.to_pylist()
    try:
        values = orjson.loads('["' + '","'.join(texts) + '"]')
    except orjson.JSONDecodeError:
        values = []
    if len(values) != len(texts):
        values = [unescape(text) for text in texts]
    return pa.array(values, pa.large_string())
