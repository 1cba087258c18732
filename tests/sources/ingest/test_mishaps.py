"""What happens when something breaks in the middle of a push."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections

from accounts.services.believed import Believed
from sources.ingest import IngestEdge, writer
from sources.models import InboxBatch, Source
from sources.services.backlog import backlog
from tests.factories.accounts import make_token
from tests.factories.sources import SourceFactory
from tests.sources.ingest.conftest import Client, inner

pytestmark = pytest.mark.integration

LOGS = "/api/v1/logs"
LINE = b'{"line":"hello"}'


@pytest.fixture
def sender(client, cast):
    return client.as_token(make_token(cast.acme, "ingest"))


@contextlib.contextmanager
def database_away():
    """Throw everyone out of the test's database and let nobody in."""
    given = connection.settings_dict
    name = given["NAME"]
    with psycopg.connect(
        host=given["HOST"], user=given["USER"], dbname="postgres", autocommit=True
    ) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
        try:
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            connection.close()
            # Views that are not async have a thread of their own, with a connection.
            asyncio.run(sync_to_async(connections.close_all)())


def test_without_the_database_nothing_is_taken(sender, cast):
    sender.post(LOGS, LINE)

    with database_away():
        answer = sender.post(LOGS, LINE)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "database_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert InboxBatch.objects.count() == 1


def test_when_the_database_is_back_pushes_are_taken_again(sender, cast):
    sender.post(LOGS, LINE)
    with database_away():
        sender.post(LOGS, LINE)

    answer = sender.post(LOGS, LINE)

    assert answer.status_code == 202
    assert InboxBatch.objects.count() == 2


def test_without_redis_pushes_are_taken(sender, cast, settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"

    answer = sender.post(LOGS, LINE)

    assert answer.status_code == 202
    assert InboxBatch.objects.count() == 1


def test_one_bad_push_fails_alone(sender, cast):
    SourceFactory(organization=cast.acme, name="gone")
    sender.post(f"{LOGS}?source=gone", LINE)
    Source.unscoped.all().delete()

    async def both():
        paths = [f"{LOGS}?source=gone", LOGS, LOGS]
        sends = [sender._send("POST", path, [LINE], {}) for path in paths]
        return [answers[0] for answers in await asyncio.gather(*sends)]

    gone, *others = asyncio.run(both())

    assert (gone.status_code, gone.json()["error"]["code"]) == (409, "source_gone")
    assert [answer.status_code for answer in others] == [202, 202]
    assert InboxBatch.objects.count() == 2


def asgi_scope(client: Client) -> dict:
    headers = [(k.lower().encode(), v.encode()) for k, v in client.headers.items()]
    return {
        "type": "http",
        "method": "POST",
        "path": LOGS,
        "query_string": b"",
        "headers": headers,
    }


def talk(edge: IngestEdge, client: Client, receive) -> list[dict]:
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(edge(asgi_scope(client), receive, send))
    return sent


def test_a_client_that_goes_away_leaves_nothing(sender, edge):
    messages = [
        {"type": "http.request", "body": LINE, "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive():
        return messages.pop(0)

    assert talk(edge, sender, receive) == []
    assert not InboxBatch.objects.exists()


def test_a_client_that_stalls_is_let_go(sender, edge):
    edge._read_seconds = 0.01

    async def receive():
        await asyncio.sleep(60)

    start, body = talk(edge, sender, receive)

    assert start["status"] == 408
    assert b"body_timeout" in body["body"]


def test_a_body_may_come_in_pieces(sender, edge):
    messages = [
        {"type": "http.request", "body": LINE[:5], "more_body": True},
        {"type": "http.request", "body": LINE[5:]},
    ]

    async def receive():
        return messages.pop(0)

    start, _ = talk(edge, sender, receive)

    assert start["status"] == 202


def test_closing_commits_what_waits(transactional_db, redis_client, cast):
    backlog.forget()
    edge = IngestEdge(inner)
    client = Client(edge).as_token(make_token(cast.acme, "ingest"))
    client.post_at_once(LOGS, [LINE] * 5)

    edge.close()

    assert InboxBatch.objects.count() == 5


def test_what_is_known_is_bounded():
    known: Believed[int] = Believed(most=2)
    for number in range(3):
        known.look_up(number, lambda number=number: number)

    assert [known.get(number) for number in range(3)] == [None, 1, 2]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_has_fallen_over_is_replaced(sender, monkeypatch):
    def fall_over():
        raise RuntimeError("on purpose")

    before = set(threading.enumerate())
    with monkeypatch.context() as broken:
        broken.setattr(writer, "nudge", fall_over)
        first = sender.post(LOGS, LINE)
        while "ingest-writer" in {t.name for t in set(threading.enumerate()) - before}:
            time.sleep(0.01)
    second = sender.post(LOGS, LINE)

    assert (first.status_code, second.status_code) == (202, 202)
    assert InboxBatch.objects.count() == 2
