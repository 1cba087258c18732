"""What the event loop may ask of the count: it must wait for nobody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from sources.services.backlog import Backlog, BacklogFullError
from sources.services.inbox import deposit
from tests.factories.sources import arrival, log_batch

pytestmark = pytest.mark.integration

LONG_SECONDS = 20


@pytest.mark.django_db
def test_what_was_not_counted_is_not_believed(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert not Backlog().check_believed({1: 1})


@pytest.mark.django_db
def test_what_was_counted_is_believed_for_a_moment(
    cast, django_assert_num_queries, monkeypatch
):
    own = Backlog()
    monkeypatch.setattr("sources.services.backlog._BELIEVED_SECONDS", 3600)
    own.check({cast.acme.pk: 1})

    with django_assert_num_queries(0):
        assert own.check_believed({cast.acme.pk: 1})
        monkeypatch.setattr("sources.services.backlog._BELIEVED_SECONDS", 0)
        assert not own.check_believed({cast.acme.pk: 1})


@pytest.mark.django_db
def test_what_is_believed_is_refused_at_the_limit(cast, settings, monkeypatch):
    monkeypatch.setattr("sources.services.backlog._BELIEVED_SECONDS", 3600)
    settings.INGEST_BACKLOG_LIMIT = 10
    own = Backlog()
    own.check({cast.acme.pk: 1})
    own.add({cast.acme.pk: 10})

    with pytest.raises(BacklogFullError):
        own.check_believed({cast.acme.pk: 1})
    assert own.check_believed({cast.globex.pk: 1})


@pytest.mark.django_db(transaction=True)
class TestWhileItIsCounted:
    """The count waits for a lock on the inbox: another thread has asked for it."""

    @pytest.fixture
    def own(self, redis_client, monkeypatch):
        monkeypatch.setattr("sources.services.backlog._BELIEVED_SECONDS", 3600)
        return Backlog()

    @pytest.fixture
    def counting(self, own, cast):
        """Begins a count that does not end; called, ends it."""
        deposit([arrival(cast.acme, log_batch("waits"))])
        begun = threading.Event()

        def count():
            begun.set()
            try:
                own.check({cast.acme.pk: 1})
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(
                        "LOCK TABLE sources_inboxbatch IN ACCESS EXCLUSIVE MODE"
                    )
                counted = pool.submit(count)
                begun.wait(LONG_SECONDS)
                self._until_it_waits()
                yield pool
            counted.result(LONG_SECONDS)

    def _until_it_waits(self):
        with connection.cursor() as cursor:
            for _ in range(1000):
                cursor.execute(
                    "SELECT pg_sleep(0.01), count(*) FROM pg_locks WHERE NOT granted"
                    " AND relation = 'sources_inboxbatch'::regclass"
                )
                if cursor.fetchone()[1]:
                    return
        raise AssertionError("nobody waits for the inbox")

    def test_additions_do_not_wait(self, own, cast, counting):
        counting.submit(own.add, {cast.acme.pk: 10}).result(LONG_SECONDS)

    def test_it_is_not_believed(self, own, cast, counting):
        asked = counting.submit(own.check_believed, {cast.acme.pk: 1})

        assert asked.result(LONG_SECONDS) is False
