"""How the tests of decoders look at what has been read."""

from __future__ import annotations

from typing import Any

from monitoring.telemetry import Level
from sources.protocols import Decoded, Terms

NOW_NS = 1_795_266_000 * 10**9
TERMS = Terms(NOW_NS, {"source": "api"}, max_line_bytes=1000)


def rows_of(decoded: Decoded[Any]) -> list[dict[str, Any]]:
    """Return each line with what is known of it; what is not, is left out."""
    batch = decoded.batch
    rows = []
    for row in batch.table.to_pylist():
        labels = dict(batch.streams[row.pop("stream")])
        assert labels.pop("source") == "api"
        level = row.pop("level")
        known = {name: value for name, value in row.items() if value is not None}
        if level is not None:
            known["level"] = Level(level).word
        rows.append({**known, "labels": labels})
    return rows


def errors_of(decoded: Decoded[Any]) -> list[tuple[int, str]]:
    return [(rejection.index, rejection.error) for rejection in decoded.rejected]
