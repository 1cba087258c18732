"""Commits from the event loop, against the server: who waits, and what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, connections

from sources.ingest import pipelined as module
from sources.ingest.pipelined import PipelinedWriter
from sources.ingest.writer import Parcel, Writer
from sources.models import InboxBatch, IngestReceipt, Source, SourceState
from sources.services.backlog import BacklogFullError, backlog
from sources.services.inbox import Receipt
from tests.factories.sources import NOW, SourceFactory, arrival, log_batch, sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

QUEUE = "django_q:ingest:q"
# Looks at what happens elsewhere, and the pause between two of them.
LOOKS, PAUSE_SECONDS = 500, 0.02


class CountingWriter(Writer):
    """The writer's thread, and how many parcels came to it."""

    def __init__(self) -> None:
        super().__init__()
        self.parcels = 0

    def put(self, parcel: Parcel) -> Future[None]:
        self.parcels += 1
        return super().put(parcel)


@pytest.fixture
def writer() -> Iterator[CountingWriter]:
    writer = CountingWriter()
    yield writer
    writer.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(connections.close_all)


@pytest.fixture(autouse=True)
def counted(redis_client, cast, monkeypatch):
    """The backlog was counted, and that is believed: it takes no look by the thread."""
    monkeypatch.setattr("sources.services.backlog._BELIEVED_SECONDS", 3600)
    backlog.forget()
    backlog.check({cast.acme.pk: 0})
    yield
    backlog.forget()


@pytest.fixture
def pipelined(writer, pool, monkeypatch) -> PipelinedWriter:
    """One that connects at the first push, and again at once."""
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0)
    return PipelinedWriter(writer, pool, worth=1)


@pytest.fixture
def parcel(cast) -> Callable[..., Parcel]:
    def make(line: str = "hello", **given) -> Parcel:
        return Parcel([arrival(cast.acme, log_batch(line), **given)])

    return make


@pytest.fixture
def story(pipelined, writer, parcel):
    """Run a story in one event loop, begun when its pushes no longer take the thread."""

    def run(told):
        async def whole():
            await opened(pipelined, writer, parcel)
            try:
                return await told()
            finally:
                pipelined.close()

        return asyncio.run(whole())

    return run


async def opened(pipelined, writer, parcel) -> None:
    """Push until one does without the thread; then empty the inbox."""
    for _ in range(LOOKS):
        before = writer.parcels
        await pipelined.commit(parcel("warm up"))
        if writer.parcels == before:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    else:
        raise AssertionError("every push took the thread")
    writer.parcels = 0
    with another_session() as session:
        session.execute("DELETE FROM sources_inboxbatch")


async def happens(condition: Callable[[], bool]) -> bool:
    for _ in range(LOOKS):
        if condition():
            return True
        await asyncio.sleep(PAUSE_SECONDS)
    return False


@contextlib.contextmanager
def another_session() -> Iterator[psycopg.Connection]:
    given = connection.get_connection_params() | {"autocommit": True}
    with psycopg.connect(**given) as session:
        yield session


@contextlib.contextmanager
def inbox_locked() -> Iterator[None]:
    """Whoever writes into the inbox waits."""
    with another_session() as session, session.transaction():
        session.execute("LOCK TABLE sources_inboxbatch IN ACCESS EXCLUSIVE MODE")
        yield


def waiting_sessions() -> list[int]:
    """The server's processes that wait for the inbox."""
    with another_session() as session:
        found = session.execute(
            "SELECT pid FROM pg_locks WHERE NOT granted"
            " AND relation = 'sources_inboxbatch'::regclass"
        )
        return [pid for (pid,) in found]


def idle_sessions() -> set[int]:
    with another_session() as session:
        found = session.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state = 'idle'"
        )
        return {pid for (pid,) in found}


def terminate(*pids: int) -> None:
    with another_session() as session:
        for pid in pids:
            session.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def stored() -> list[str]:
    lines = []
    for batch in InboxBatch.objects.order_by("id"):
        table = type(log_batch("x")).decode(bytes(batch.payload)).table
        lines += table.column("line").to_pylist()
    return lines


# --- What is committed -------------------------------------------------------------------


def test_a_push_is_committed_without_the_thread(story, pipelined, writer, parcel):
    async def told():
        await pipelined.commit(parcel("one"))
        await pipelined.commit(parcel("two"))

    story(told)

    assert writer.parcels == 0
    assert stored() == ["one", "two"]


def test_a_row_is_what_the_thread_would_have_written(story, pipelined, writer, cast):
    source = SourceFactory(organization=cast.acme)
    given = {"source": source, "team": cast.payments, "priority": 3}
    same = [arrival(cast.acme, sample_batch("up", 1.0), **given)]

    async def told():
        await pipelined.commit(Parcel(same))
        await asyncio.wrap_future(writer.put(Parcel(same)))

    story(told)

    of_loop, of_thread = InboxBatch.objects.order_by("id").values()
    assert {**of_loop, "id": 0} == {**of_thread, "id": 0}
    assert of_loop["received_at"] == NOW


def test_batches_of_one_push_are_stored_together(story, pipelined, cast):
    arrivals = [
        arrival(cast.acme, log_batch("a")),
        arrival(cast.acme, sample_batch("up", 1.0), team=cast.payments),
    ]

    story(lambda: pipelined.commit(Parcel(arrivals)))

    assert list(InboxBatch.objects.order_by("id").values_list("kind", "team")) == [
        ("logs", None),
        ("samples", cast.payments.pk),
    ]


def test_pushes_that_come_together_share_a_transaction(story, pipelined, parcel):
    async def told():
        await asyncio.gather(*(pipelined.commit(parcel(str(n))) for n in range(5)))

    story(told)

    with another_session() as session:
        rows = session.execute("SELECT xmin::text FROM sources_inboxbatch ORDER BY id")
        first, *others = [xmin for (xmin,) in rows]
    assert len(others) == 4
    assert len({first, *others}) == 2
    assert len(set(others)) == 1


def test_what_is_larger_than_the_sockets_buffer_is_sent_piece_by_piece(
    story, pipelined, writer, cast
):
    large = [
        replace(arrival(cast.acme, log_batch("x")), payload=os.urandom(7 * 2**20))
        for _ in range(3)
    ]

    async def told():
        await asyncio.gather(*(pipelined.commit(Parcel([one])) for one in large))

    story(told)

    assert writer.parcels == 0
    payloads = InboxBatch.objects.order_by("id").values_list("payload", flat=True)
    assert [bytes(payload) for payload in payloads] == [one.payload for one in large]


def test_the_workers_are_woken(story, pipelined, parcel, redis_client):
    async def told():
        redis_client.flushdb()
        await pipelined.commit(parcel())
        return await happens(lambda: redis_client.llen(QUEUE) == 1)

    assert story(told)


# --- What takes the thread ---------------------------------------------------------------


def test_few_pushes_take_the_thread(writer, pool, parcel):
    rare = PipelinedWriter(writer, pool, worth=1000)

    async def told():
        for n in range(5):
            await rare.commit(parcel(str(n)))

    asyncio.run(told())

    assert writer.parcels == 5
    assert len(stored()) == 5


def test_a_push_with_a_receipt_takes_the_thread(story, pipelined, writer, cast, parcel):
    receipt = Receipt(cast.acme.pk, "k1", {"accepted": 1}, NOW)

    story(lambda: pipelined.commit(replace(parcel(), receipt=receipt)))

    assert writer.parcels == 1
    assert IngestReceipt.objects.get().key == "k1"


def test_a_push_of_which_some_was_rejected_takes_the_thread(
    story, pipelined, writer, cast
):
    source = SourceFactory(organization=cast.acme)
    refused = replace(arrival(cast.acme, log_batch("a"), source=source), rejected=3)

    story(lambda: pipelined.commit(Parcel([refused])))

    assert writer.parcels == 1
    assert SourceState.objects.get(source=source).rejected_total == 3


def test_while_the_backlog_is_not_counted_a_push_takes_the_thread(
    story, pipelined, writer, parcel
):
    async def told():
        backlog.forget()
        await pipelined.commit(parcel("one"))
        await pipelined.commit(parcel("two"))

    story(told)

    assert writer.parcels == 1
    assert stored() == ["one", "two"]


def test_in_another_loop_it_begins_anew(story, pipelined, writer, parcel):
    for line in ("one", "two"):
        story(lambda line=line: pipelined.commit(parcel(line)))

        assert stored() == [line]


def test_a_loop_that_ends_too_soon_keeps_no_other_from_it(
    story, pipelined, writer, parcel
):
    """It had asked for a connection."""
    asyncio.run(pipelined.commit(parcel("early")))

    story(lambda: pipelined.commit(parcel("late")))

    assert stored() == ["late"]
    assert writer.parcels == 0


# --- What goes wrong ---------------------------------------------------------------------


def test_a_full_backlog_is_said_at_once(story, pipelined, cast, parcel, settings):
    async def told():
        settings.INGEST_BACKLOG_LIMIT = 2
        backlog.add({cast.acme.pk: 2})
        with pytest.raises(BacklogFullError):
            await pipelined.commit(parcel())

    story(told)

    assert stored() == []


def test_what_was_committed_counts_as_waiting(story, pipelined, parcel, settings):
    async def told():
        backlog.forget()
        await pipelined.commit(parcel("by the thread, which counts"))
        settings.INGEST_BACKLOG_LIMIT = 2
        await pipelined.commit(parcel("two"))
        with pytest.raises(BacklogFullError):
            await pipelined.commit(parcel("three"))

    story(told)


def test_what_the_server_refuses_fails_alone(story, pipelined, cast, parcel):
    source = SourceFactory(organization=cast.acme)
    gone = parcel("gone", source=source)
    Source.unscoped.all().delete()

    async def told():
        pushes = [parcel("one"), parcel("two"), gone, parcel("three")]
        commits = [pipelined.commit(push) for push in pushes]
        return await asyncio.gather(*commits, return_exceptions=True)

    one, two, refused, three = story(told)

    assert (one, two, three) == (None, None, None)
    assert isinstance(refused, IntegrityError)
    assert sorted(stored()) == ["one", "three", "two"]


def test_a_refusal_leaves_the_connection_well(story, pipelined, writer, cast, parcel):
    source = SourceFactory(organization=cast.acme)
    gone = parcel("gone", source=source)
    Source.unscoped.all().delete()

    async def told():
        with pytest.raises(IntegrityError):
            await pipelined.commit(gone)
        taken = writer.parcels
        await pipelined.commit(parcel("next"))
        return writer.parcels - taken

    assert story(told) == 0
    assert stored() == ["next"]


def test_a_session_without_the_statement_is_given_up(
    story, pipelined, writer, parcel, monkeypatch
):
    """As behind a pooler, which gives a connection any of its sessions."""

    async def told():
        with monkeypatch.context() as pooled:
            pooled.setattr(module, "_STATEMENT", b"unknown")
            await pipelined.commit(parcel("one"))
        await pipelined.commit(parcel("two"))
        return writer.parcels

    assert story(told) == 2
    assert stored() == ["one", "two"]


def test_a_connection_that_ended_in_between_harms_nobody(
    story, pipelined, writer, parcel
):
    async def told():
        await asyncio.wrap_future(writer.put(parcel("of the thread")))
        before = idle_sessions()
        pipelined.close()
        await opened(pipelined, writer, parcel)
        terminate(*(idle_sessions() - before))
        await asyncio.sleep(PAUSE_SECONDS)
        await pipelined.commit(parcel("after"))
        found = await in_thread(stored)
        await opened(pipelined, writer, parcel)
        return found

    assert story(told) == ["after"]


async def in_thread(work):
    def connected():
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(connected)


def test_of_what_was_under_way_when_the_connection_ended_nobody_knows(
    story, pipelined, writer, parcel
):
    """What had only waited is stored; and so is what comes afterwards."""

    async def told():
        with inbox_locked():
            under_way = asyncio.create_task(pipelined.commit(parcel("under way")))
            assert await happens(lambda: len(waiting_sessions()) == 1)
            waited = asyncio.create_task(pipelined.commit(parcel("waited")))
            await asyncio.sleep(0)
            terminate(*waiting_sessions())
            with pytest.raises(OperationalError):
                await under_way
        await waited
        await pipelined.commit(parcel("after"))
        found = await in_thread(stored)
        await opened(pipelined, writer, parcel)
        return found

    assert story(told) == ["waited", "after"]


def test_what_is_given_up_while_it_waits_is_left_out(story, pipelined, parcel):
    async def told():
        with inbox_locked():
            under_way = asyncio.create_task(pipelined.commit(parcel("under way")))
            assert await happens(lambda: len(waiting_sessions()) == 1)
            others = [
                asyncio.create_task(pipelined.commit(parcel(line)))
                for line in ("given up", "patient")
            ]
            await asyncio.sleep(0)
            others[0].cancel()
        await asyncio.gather(under_way, *others, return_exceptions=True)

    story(told)

    assert stored() == ["under way", "patient"]


def test_what_is_given_up_under_way_is_drained_all_the_same(
    story, pipelined, parcel, redis_client
):
    async def told():
        with inbox_locked():
            under_way = asyncio.create_task(pipelined.commit(parcel("under way")))
            assert await happens(lambda: len(waiting_sessions()) == 1)
            redis_client.flushdb()
            under_way.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await under_way
        return await happens(lambda: redis_client.llen(QUEUE) == 1)

    assert story(told)
    assert stored() == ["under way"]


def test_a_connection_that_comes_after_closing_is_not_kept(
    pipelined, writer, pool, parcel
):
    async def told():
        loop = asyncio.get_running_loop()
        await asyncio.wrap_future(writer.put(parcel()))
        before = idle_sessions()
        closed = threading.Event()
        pool.submit(closed.wait)
        await pipelined.commit(parcel())  # Asks for a connection.
        pipelined.close()
        closed.set()
        await loop.run_in_executor(pool, lambda: None)
        return await happens(lambda: idle_sessions() == before)

    assert asyncio.run(told())


def test_closing_tells_who_waits(story, pipelined, parcel):
    async def told():
        with inbox_locked():
            under_way = asyncio.create_task(pipelined.commit(parcel("under way")))
            assert await happens(lambda: len(waiting_sessions()) == 1)
            pipelined.close()
            with pytest.raises(OperationalError):
                await under_way

    story(told)
