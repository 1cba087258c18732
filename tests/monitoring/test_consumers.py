from __future__ import annotations

import asyncio
import json
import time

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from accounts.models import ApiToken
from accounts.scope import Permission, Scope
from config.asgi import application
from monitoring import live
from monitoring.live import publish, publish_many, topics
from monitoring.services.append import append_logs, append_samples
from monitoring.telemetry import Level
from tests.factories.accounts import make_token
from tests.factories.monitoring import mixed_log_batch, sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


class Client:
    """A program on /ws/live."""

    def __init__(self, token: str | None = None, *, org: str | None = None) -> None:
        headers = [(b"host", b"testserver")]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        if org:
            headers.append((b"x-scope-orgid", org.encode()))
        self.socket = WebsocketCommunicator(application, "/ws/live", headers)

    async def open(self) -> Client:
        assert (await self.socket.connect())[0]
        assert (await self.receive())["type"] == "hello"
        return self

    async def receive(self) -> dict:
        return json.loads(await self.socket.receive_from(timeout=5))

    async def say(self, **message) -> None:
        await self.socket.send_to(json.dumps(message))

    async def ask(self, **message) -> dict:
        await self.say(**message)
        return await self.receive()

    async def subscribe(self, topic: str, **options) -> None:
        answer = await self.ask(action="subscribe", topic=topic, **options)
        assert answer["type"] == "subscribed", answer

    async def closing_code(self) -> int:
        assert (await self.socket.connect())[0]
        message = await self.socket.receive_output(timeout=5)
        assert message["type"] == "websocket.close"
        assert type(message["code"]) is int, "Daphne sends no other kind of number."
        return message["code"]

    async def hears_nothing(self) -> bool:
        return await self.socket.receive_nothing(timeout=0.2)

    async def close(self) -> None:
        await self.socket.disconnect()


@pytest.fixture
async def token(cast):
    return await sync_to_async(lambda: make_token(cast.acme))()


@pytest.fixture
async def client(token, redis_client):
    client = await Client(token).open()
    yield client
    await client.close()


async def show(organization, topic, *events, team=None):
    await sync_to_async(publish_many)(
        organization.pk, topic, list(events), team_id=team.pk if team else None
    )


async def test_a_ping_is_answered(client):
    assert await client.ask(action="ping") == {"type": "pong"}


async def test_a_published_event_arrives(client, cast):
    await client.subscribe("logs")

    await show(cast.acme, "logs", {"line": "hello"})

    message = await client.receive()
    assert (message["type"], message["topic"], message["data"]) == (
        "event",
        "logs",
        {"line": "hello"},
    )


async def test_a_burst_says_how_many_of_its_lines_are_not_shown(
    client, cast, monkeypatch
):
    monkeypatch.setattr(live, "BURST_LINES", 2)
    lines = [(n, f"line {n}", Level.INFO, 0) for n in range(5)]
    batch = mixed_log_batch(lines, streams=[{"app": "x"}])
    await client.subscribe("logs", batch=True, filter={"contains": "line 4"})

    await sync_to_async(live.publish_lines)(
        cast.acme.pk, batch, team_id=None, ingested_at=timezone.now()
    )

    assert await client.receive() == {"type": "skipped", "topic": "logs", "count": 3}
    shown = await client.receive()
    assert [event["data"]["line"] for event in shown["events"]] == ["line 4"]


async def test_a_batch_subscription_hears_many_events_in_one_frame(client, cast):
    await client.subscribe("logs", batch=True)

    await show(cast.acme, "logs", {"line": "1"}, {"line": "2"})

    message = await client.receive()
    assert [event["data"]["line"] for event in message["events"]] == ["1", "2"]


async def test_a_filter_keeps_the_rest_away(client, cast):
    await client.subscribe("logs", filter={"contains": "ERROR"})

    await show(cast.acme, "logs", {"line": "fine"}, {"line": "an ERROR"})

    assert (await client.receive())["data"] == {"line": "an ERROR"}


async def test_nothing_comes_after_unsubscribing(client, cast):
    await client.subscribe("logs")
    await client.ask(action="unsubscribe", topic="logs")

    await show(cast.acme, "logs", {"line": "hello"})

    assert await client.hears_nothing()


async def test_a_client_that_comes_back_hears_what_it_missed(client, token, cast):
    await client.subscribe("logs")
    await show(cast.acme, "logs", {"line": "1"}, {"line": "2"})
    seen = (await client.receive())["id"]
    await client.close()
    await show(cast.acme, "logs", {"line": "3"})

    returned = await Client(token).open()
    await returned.subscribe("logs", after=seen)
    lines = [(await returned.receive())["data"]["line"] for _ in range(2)]

    assert lines == ["2", "3"]
    assert await returned.hears_nothing()
    await returned.close()


async def test_events_of_the_replay_and_live_ones_come_once_in_order(
    client, token, cast
):
    await show(cast.acme, "logs", *({"line": n} for n in range(300)))
    returned = await Client(token).open()
    await returned.subscribe("logs", after="0-0", batch=True)
    await show(cast.acme, "logs", *({"line": n} for n in range(300, 600)))

    lines: list[int] = []
    while len(lines) < 600:
        message = await returned.receive()
        lines += [event["data"]["line"] for event in message["events"]]

    assert lines == list(range(600))
    await returned.close()


async def test_another_organizations_events_are_not_heard(client, cast):
    globex = await sync_to_async(lambda: cast.globex)()
    await client.subscribe("logs", after="0-0")

    await show(globex, "logs", {"line": "secret"})

    assert await client.hears_nothing()


async def test_another_teams_events_are_not_heard(cast, redis_client):
    team_token = await sync_to_async(
        lambda: make_token(cast.acme, team=cast.payments)
    )()
    platform = await sync_to_async(lambda: cast.platform)()
    client = await Client(team_token).open()
    await client.subscribe("logs", after="0-0")

    await show(cast.acme, "logs", {"line": "theirs"}, team=platform)
    await show(cast.acme, "logs", {"line": "ours"}, team=cast.payments)

    assert (await client.receive())["data"] == {"line": "ours"}
    await client.close()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param("{", "not_json", id="no_json"),
        pytest.param("[]", "not_an_object", id="no_object"),
        pytest.param('{"action": "dance"}', "unknown_action", id="unknown_action"),
        pytest.param(
            '{"action": "subscribe", "topic": "x"}', "unknown_topic", id="unknown_topic"
        ),
        pytest.param(
            '{"action": "subscribe", "topic": "logs", "filter": 7}',
            "invalid_filter",
            id="filter",
        ),
        pytest.param(
            '{"action": "subscribe", "topic": "logs", "after": "x"}',
            "invalid_after",
            id="after",
        ),
        pytest.param('{"x": "' + "x" * 20_000 + '"}', "too_large", id="oversized"),
    ],
)
async def test_a_bad_message_is_answered_by_an_error(client, frame, code):
    await client.socket.send_to(frame)

    assert (await client.receive())["code"] == code


@pytest.mark.parametrize("topic", ["logs", "metrics", "alerts", "sources", "health"])
@pytest.mark.parametrize("wanted", [[1], "x", {"source": {"a": 1}}, {"contains": 5}])
async def test_a_snapshot_says_what_is_wrong_with_its_filter(client, topic, wanted):
    answer = await client.ask(action="request", topic=topic, filter=wanted)

    assert answer["code"] == "invalid_filter"


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        ("metrics", {"names": 5}),
        ("metrics", {"name": "a\0b"}),
        ("logs", {"labels": {"a": "\0"}}),
        ("logs", {"level": 5}),
        ("alerts", {"status": "gone"}),
    ],
)
async def test_no_filter_ends_the_connection(client, topic, wanted):
    answer = await client.ask(action="request", topic=topic, filter=wanted)

    assert answer["type"] in {"snapshot", "error"}
    assert await client.ask(action="ping") == {"type": "pong"}


def store_metrics_and_lines(organization, *names):
    now = timezone.now()
    scope = Scope.of_system(organization.pk, organization.slug)
    samples = [({"__name__": name}, int(now.timestamp() * 1000), 1.0) for name in names]
    append_samples(scope, sample_batch(samples), team_id=None, now=now)
    lines = [(time.time_ns(), name, Level.INFO, n) for n, name in enumerate(names)]
    streams = [{"source": name} for name in names]
    batch = mixed_log_batch(lines, streams=streams)
    append_logs(scope, batch, team_id=None, now=now)


@pytest.mark.parametrize(
    ("topic", "wanted", "key"),
    [
        ("metrics", {"names": ["a", "b"]}, "name"),
        ("metrics", {"name": ["a", "b"]}, "name"),
        ("logs", {"source": ["a", "b"]}, "line"),
        ("logs", {"labels": {"source": ["a", "b"]}}, "line"),
    ],
)
async def test_a_snapshot_holds_what_its_filter_lets_pass(
    client, cast, topic, wanted, key
):
    await sync_to_async(store_metrics_and_lines)(cast.acme, "a", "b", "c")

    answer = await client.ask(action="request", topic=topic, filter=wanted)

    assert sorted(one[key] for one in answer["data"]) == ["a", "b"]


async def test_a_flood_of_messages_ends_the_connection(client):
    for _ in range(80):
        await client.say(action="ping")

    closed = None
    while closed is None:
        output = await client.socket.receive_output(timeout=5)
        closed = output.get("code")
    assert (closed, type(closed)) == (4429, int)


async def test_without_a_token_or_session_it_closes_with_4401(db):
    assert await Client().closing_code() == 4401


async def test_a_wrong_token_closes_with_4401(db):
    assert await Client("vdt_wrong").closing_code() == 4401


async def test_a_token_that_may_not_read_closes_with_4403(cast):
    ingest_only = await sync_to_async(
        lambda: make_token(cast.acme, Permission.INGEST)
    )()

    assert await Client(ingest_only).closing_code() == 4403


async def test_another_organization_closes_with_4404(token, cast):
    await sync_to_async(lambda: cast.globex)()

    assert await Client(token, org="globex").closing_code() == 4404


async def test_a_platform_token_must_say_which_organization(cast):
    platform = await sync_to_async(lambda: make_token(None))()

    assert await Client(platform).closing_code() == 4400


async def test_a_revoked_token_ends_a_connection_that_is_open(
    client, token, monkeypatch
):
    monkeypatch.setattr("accounts.consumers.REAUTHORISE_SECONDS", 0.05)
    second = await Client(token).open()
    await sync_to_async(ApiToken.objects.all().delete)()

    output = await second.socket.receive_output(timeout=5)

    assert output == {"type": "websocket.close", "code": 4401}


async def test_a_personal_topic_shows_each_client_what_it_may_see(cast, redis_client):
    topics.register(
        "weather", lambda scope, _: sorted(scope.visible_teams), personal=True
    )
    secrets = [
        await sync_to_async(make_token)(cast.acme, team=team)
        for team in await sync_to_async(lambda: [cast.payments, cast.platform])()
    ]
    clients = [await Client(secret).open() for secret in secrets]
    for client in clients:
        await client.subscribe("weather")

    await show(cast.acme, "weather", {})

    heard = [(await client.receive())["data"] for client in clients]
    assert heard == [[cast.payments.pk], [cast.platform.pk]]
    for client in clients:
        await client.close()


async def test_publishing_without_redis_does_not_raise(settings):
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"

    await asyncio.to_thread(publish, 1, "logs", {"line": "lost"})
