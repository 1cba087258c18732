from __future__ import annotations

from datetime import datetime, timedelta

from sources.models import IngestReceipt, PipelineMinute, SourceMinute

RECEIPTS_LIVE = timedelta(days=1)
MINUTES_LIVE = timedelta(days=7)


def delete_old_records(now: datetime) -> None:
    """Delete receipts that no repetition can follow any more, and old figures."""
    IngestReceipt.objects.filter(created_at__lt=now - RECEIPTS_LIVE).delete()
    for minutes in (PipelineMinute.objects, SourceMinute.objects):
        minutes.filter(minute__lt=now - MINUTES_LIVE).delete()
