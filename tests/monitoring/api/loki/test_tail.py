from __future__ import annotations

import base64
import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from config.asgi import application
from monitoring.api.loki import tail
from monitoring.live import publish_lines
from monitoring.services.append import append_logs
from monitoring.telemetry import nanoseconds
from tests.factories.accounts import make_token
from tests.factories.monitoring import log_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


class Tail:
    """A client of /loki/api/v1/tail."""

    def __init__(self, secret, *, flags="", **parameters) -> None:
        pair = base64.b64encode(f"logcli:{secret}".encode())
        headers = [(b"host", b"testserver"), (b"authorization", b"Basic " + pair)]
        if flags:
            headers.append((b"x-loki-response-encoding-flags", flags.encode()))
        usual = {"query": '{app="shop"}'}
        address = f"/loki/api/v1/tail?{urlencode({**usual, **parameters})}"
        self.socket = WebsocketCommunicator(application, address, headers)

    async def open(self) -> Tail:
        assert (await self.socket.connect())[0]
        return self

    async def frame(self) -> dict:
        return json.loads(await self.socket.receive_from(timeout=5))

    async def lines(self) -> list[str]:
        streams = (await self.frame())["streams"]
        return [line for one in streams for _, line, *_ in one["values"]]

    async def refusal(self) -> tuple[int, str]:
        assert (await self.socket.connect())[0]
        message = await self.socket.receive_output(timeout=5)
        assert message["type"] == "websocket.close"
        return message["code"], message.get("reason", "")


@pytest.fixture
def secret(cast, redis_client):
    return make_token(cast.acme, "read")


def _batch(lines, **more):
    now = nanoseconds(timezone.now())
    labels = more.pop("labels", {"app": "shop"})
    timed = [(now - len(lines) + place, line) for place, line in enumerate(lines)]
    return log_batch(timed, labels=labels, **more)


@sync_to_async
def say(organization, *lines, team=None, **more) -> None:
    """Show lines live, as the pipeline does after a commit."""
    team_id = team.pk if team else None
    batch = _batch(lines, **more)
    publish_lines(organization.pk, batch, team_id=team_id, ingested_at=timezone.now())


@sync_to_async
def keep(organization, *lines) -> None:
    now = timezone.now()
    append_logs(system_scope(organization), _batch(lines), team_id=None, now=now)


async def test_history_comes_first_and_then_what_arrives(cast, secret):
    await keep(cast.acme, "one", "two", "three")
    client = await Tail(secret, limit="2").open()

    assert await client.lines() == ["two", "three"]
    await say(cast.acme, "four", "five")

    assert await client.lines() == ["four", "five"]
    await client.socket.disconnect()


async def test_lines_are_filtered_and_parsed_as_they_arrive(cast, secret):
    await keep(cast.acme, "took=9s")
    client = await Tail(
        secret, query='{app="shop"} |= "took" | logfmt | took > 2s', limit="1"
    ).open()
    assert await client.lines() == ["took=9s"]

    await say(
        cast.acme, "took=1s", "nothing", "took=3s", fields={"user": ["a", "b", "c"]}
    )

    [stream] = (await client.frame())["streams"]
    assert stream["stream"] == {
        "app": "shop",
        "detected_level": "info",
        "took": "3s",
        "user": "c",
    }
    await client.socket.disconnect()


async def test_grafana_is_told_apart_what_labels_come_from(cast, secret):
    await keep(cast.acme, "took=3s")
    client = await Tail(
        secret, query='{app="shop"} | logfmt', flags="categorize-labels"
    ).open()

    frame = await client.frame()

    assert frame["encodingFlags"] == ["categorize-labels"]
    [stream] = frame["streams"]
    assert stream["stream"] == {"app": "shop"}
    assert stream["values"][0][2] == {
        "structuredMetadata": {"detected_level": "info"},
        "parsed": {"took": "3s"},
    }
    await client.socket.disconnect()


async def test_what_a_slow_client_misses_is_named(cast, secret, monkeypatch):
    monkeypatch.setattr(tail, "MAX_WAITING", 2)
    await keep(cast.acme, "old")
    client = await Tail(secret, delay_for="1").open()
    await client.lines()

    await say(cast.acme, "one", "two", "three")

    frame = await client.frame()
    assert [one["labels"] for one in frame["dropped_entries"]] == [{"app": "shop"}]
    assert len(frame["streams"][0]["values"]) == 2
    await client.socket.disconnect()


async def test_others_lines_are_not_heard(cast, redis_client):
    acme, globex, payments, platform = await sync_to_async(
        lambda: (cast.acme, cast.globex, cast.payments, cast.platform)
    )()
    secret = await sync_to_async(make_token)(acme, "read", team=platform)
    await keep(acme, "mine")
    client = await Tail(secret).open()
    assert await client.lines() == ["mine"]

    await say(globex, "theirs")
    await say(acme, "of another team", team=payments)
    await say(acme, "of another stream", labels={"app": "mail"})
    await say(acme, "ours")

    assert await client.lines() == ["ours"]
    await client.socket.disconnect()


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"query": "{"}, "parse error at line 1, col "),
        ({"query": 'rate({app="shop"}[1m])'}, "parse error at line 1, col 1: only log"),
        ({"delay_for": "6"}, "delay_for can't be greater than 5"),
        ({"delay_for": "x"}, 'strconv.Atoi: parsing "x": invalid syntax'),
        ({"limit": "0"}, "limit must be a positive value"),
        ({"start": "x"}, "could not parse 'start' parameter"),
    ],
)
async def test_what_is_wrong_is_said_when_closing(secret, parameters, expected):
    code, reason = await Tail(secret, **parameters).refusal()

    assert code == 1011
    assert reason.startswith(expected)


async def test_a_tail_wants_a_token(cast, redis_client):
    code, _ = await Tail("nonsense").refusal()

    assert code == 4401


async def test_a_tail_begins_where_it_is_told_to(cast, secret):
    await keep(cast.acme, "old")
    later = str(nanoseconds(timezone.now() + timedelta(minutes=1)))
    client = await Tail(secret, start=later).open()

    # It listens a moment after it is open, and no history of later tells of this one.
    await say(cast.acme, "new")
    while await client.socket.receive_nothing(timeout=0.5):
        await say(cast.acme, "new")

    assert set(await client.lines()) == {"new"}
    await client.socket.disconnect()
