"""What machines say about a source: what is wrong with it, and that it is no more."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from sources.models import SourceState

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
        cursor.execute(_NOTE, [_stored(message), now, source_id])


def clear_error(source_id: int, message: str) -> None:
    """Take the message back; another one that was noted meanwhile stays."""
    SourceState.objects.filter(source_id=source_id, last_error=_stored(message)).update(
        last_error="", last_error_at=None
    )


def _stored(message: str) -> str:
    return message[:_MAX_ERROR].replace("\x00", "")
