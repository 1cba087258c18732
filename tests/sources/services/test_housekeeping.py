from __future__ import annotations

from datetime import timedelta

import pytest

from sources.models import IngestReceipt, PipelineMinute, SourceMinute
from sources.services.housekeeping import (
    MINUTES_LIVE,
    RECEIPTS_LIVE,
    delete_old_records,
)
from tests.factories.sources import NOW, SourceFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

SECOND = timedelta(seconds=1)


def test_old_receipts_are_deleted(cast):
    for key, age in (("old", RECEIPTS_LIVE + SECOND), ("young", RECEIPTS_LIVE)):
        IngestReceipt.objects.create(
            organization=cast.acme, key=key, answer={}, created_at=NOW - age
        )

    delete_old_records(NOW)

    assert IngestReceipt.objects.get().key == "young"


def test_old_figures_are_deleted(cast):
    source = SourceFactory(organization=cast.acme)
    for age in (MINUTES_LIVE + SECOND, MINUTES_LIVE):
        PipelineMinute.objects.create(organization=cast.acme, minute=NOW - age)
        SourceMinute.objects.create(source=source, minute=NOW - age)

    delete_old_records(NOW)

    assert PipelineMinute.objects.get().minute == NOW - MINUTES_LIVE
    assert SourceMinute.objects.get().minute == NOW - MINUTES_LIVE
