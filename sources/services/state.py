"""What machines say about a source: errors, and what is shown live."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

_MAX_ERROR = 2000
_NOTE = """
INSERT INTO sources_sourcestate AS state (
    source_id, lines_total, bytes_total, samples_total, rejected_total,
    last_error, last_error_at, detected_format)
SELECT id, 0, 0, 0, 0, %s, %s, '' FROM sources_source WHERE id = %s
ON CONFLICT (source_id) DO UPDATE SET
    last_error = excluded.last_error, last_error_at = excluded.last_error_at
"""


def note_error(source_id: int, message: str, now: datetime) -> None:
    """Show the message at the source, until data that come in later make it healthy."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE, [message[:_MAX_ERROR].replace("\x00", ""), now, source_id]
        )
