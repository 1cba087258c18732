from __future__ import annotations

import pytest

from sources.models import Cursor, InboxBatch, IngestReceipt
from sources.services.backlog import Backlog, BacklogFullError, backlog
from sources.services.inbox import (
    CursorAdvance,
    CursorConflictError,
    DuplicateReceiptError,
    Receipt,
    deposit,
    find_receipt,
)
from tests.factories.sources import NOW, SourceFactory, arrival, log_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def fresh(redis_client):
    backlog.forget()


@pytest.fixture
def cursor(cast):
    source = SourceFactory(organization=cast.acme, kind="file")
    return Cursor.objects.create(
        source=source,
        path="/a.log",
        device=1,
        inode=2,
        head_length=0,
        head_hash="",
        offset=10,
    )


def receipt(organization, key="k1") -> Receipt:
    return Receipt(organization.pk, key, {"accepted": 1}, NOW)


def test_lines_and_their_cursor_are_stored_together(cast, cursor):
    advance = CursorAdvance(cursor.pk, 10, 20, "/b.log")

    deposit([arrival(cast.acme, log_batch("a"))], advances=[advance])

    cursor.refresh_from_db()
    assert (cursor.offset, cursor.path) == (20, "/b.log")
    assert InboxBatch.objects.count() == 1


def test_a_cursor_that_another_has_moved_stops_everything(cast, cursor):
    advance = CursorAdvance(cursor.pk, 5, 20, "/a.log")

    with pytest.raises(CursorConflictError):
        deposit(
            [arrival(cast.acme, log_batch("a"))],
            advances=[advance],
            receipts=[receipt(cast.acme)],
        )

    cursor.refresh_from_db()
    assert cursor.offset == 10
    assert not InboxBatch.objects.exists()
    assert not IngestReceipt.objects.exists()


def test_a_cursor_may_advance_twice_in_one_deposit(cast, cursor):
    advances = [
        CursorAdvance(cursor.pk, 20, 30, "/a.log"),
        CursorAdvance(cursor.pk, 10, 20, "/a.log"),
    ]

    deposit([], advances=advances)

    cursor.refresh_from_db()
    assert cursor.offset == 30


def test_a_receipt_is_kept_with_its_lines(cast):
    deposit([arrival(cast.acme, log_batch("a"))], receipts=[receipt(cast.acme)])

    assert find_receipt(cast.acme.pk, "k1") == {"accepted": 1}
    assert find_receipt(cast.globex.pk, "k1") is None


def test_a_receipt_that_exists_stops_everything(cast):
    deposit([arrival(cast.acme, log_batch("a"))], receipts=[receipt(cast.acme)])

    with pytest.raises(DuplicateReceiptError):
        deposit([arrival(cast.acme, log_batch("b"))], receipts=[receipt(cast.acme)])

    assert InboxBatch.objects.count() == 1


def test_over_the_limit_nothing_is_taken(cast, settings, cursor):
    settings.INGEST_BACKLOG_LIMIT = 2
    deposit([arrival(cast.acme, log_batch("a", "b"))])

    with pytest.raises(BacklogFullError) as refused:
        deposit(
            [arrival(cast.acme, log_batch("c"))],
            advances=[CursorAdvance(cursor.pk, 10, 20, "/a.log")],
        )

    assert refused.value.retry_after_seconds == 1
    cursor.refresh_from_db()
    assert (cursor.offset, InboxBatch.objects.count()) == (10, 1)


def test_a_cursor_advances_without_lines_over_the_limit(cast, settings, cursor):
    """A file of which nothing is left to read does not have to wait."""
    settings.INGEST_BACKLOG_LIMIT = 0

    deposit([], advances=[CursorAdvance(cursor.pk, 10, 20, "/a.log")])

    cursor.refresh_from_db()
    assert cursor.offset == 20


def test_the_limit_counts_what_this_process_adds_between_two_counts(cast, settings):
    settings.INGEST_BACKLOG_LIMIT = 10
    own = Backlog()
    own.check({cast.acme.pk: 0})

    own.add({cast.acme.pk: 10})

    with pytest.raises(BacklogFullError):
        own.check({cast.acme.pk: 1})
    own.check({cast.globex.pk: 1})


def test_the_wait_grows_with_the_backlog(cast, settings):
    settings.INGEST_BACKLOG_LIMIT = 1
    own = Backlog()
    own.check({cast.acme.pk: 0})
    own.add({cast.acme.pk: 500_000})

    with pytest.raises(BacklogFullError) as refused:
        own.check({cast.acme.pk: 1})

    assert refused.value.retry_after_seconds == 10
