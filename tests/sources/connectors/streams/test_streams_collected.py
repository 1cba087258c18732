"""Streams through the collector, with settings as the API takes them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from monitoring.telemetry import LogBatch
from sources.models import InboxBatch, Source, SourceState, SourceStream
from sources.services import probing
from sources.services.backlog import backlog
from sources.services.collecting import Collector
from sources.services.configs import InvalidSourceError, checked_config
from sources.services.kinds import KINDS
from sources.services.leases import Holder
from tests.factories.accounts import OrganizationFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Collecting:
    def __init__(self) -> None:
        self.now = START
        self._woken = threading.Event()
        self.collector = Collector(Holder.of_this_process(), self._woken.set)

    def until(self, condition) -> None:
        for _ in range(400):
            self.collector.step(self.now)
            if condition():
                return
            self._woken.wait(0.05)
            self._woken.clear()
            self.now += timedelta(seconds=0.1)
        raise AssertionError("it never came true")


@pytest.fixture
def collecting():
    backlog.forget()
    one = Collecting()
    yield one
    one.collector.stop()
    backlog.forget()


def hello(connection) -> None:
    connection.send('{"id": "7", "line": "hello"}')
    for _ in connection:
        pass


def websocket(server, **config) -> dict[str, object]:
    return {"url": server.url, "line_path": "$.line", "id_path": "$.id", **config}


def test_a_line_reaches_the_inbox_with_where_the_stream_goes_on(
    collecting, socket_server
):
    given = websocket(socket_server(hello), secrets={"key": "hunter2"})
    source = Source.unscoped.create(
        organization=OrganizationFactory(),
        kind="websocket",
        name="shop",
        config=checked_config("websocket", given),
    )
    assert "hunter2" not in str(source.config)

    collecting.until(InboxBatch.objects.exists)

    batch = LogBatch.decode(bytes(InboxBatch.objects.get().payload))
    stream = SourceStream.objects.get(source=source)
    assert batch.table.column("line").to_pylist() == ["hello"]
    assert (stream.position["id"], stream.moves) == ("7", 1)
    collecting.until(
        lambda: SourceStream.objects.filter(connected_since__isnull=False).exists()
    )


def test_why_a_stream_is_not_connected_stands_at_the_source(collecting, socket_server):
    server = socket_server(hello)
    server.close()
    source = Source.unscoped.create(
        organization=OrganizationFactory(),
        kind="websocket",
        name="shop",
        config=checked_config("websocket", websocket(server)),
    )

    collecting.until(
        lambda: SourceState.objects.filter(last_error__contains="refused").exists()
    )

    told = SourceState.objects.get(source=source).last_error
    assert told == "Connecting failed: connection refused. It is tried again."


def test_a_test_shows_what_comes_and_how_it_is_read(socket_server):
    def script(connection):
        for _ in range(20):
            connection.send('{"line": "hello", "level": "warn"}')
        for _ in connection:
            pass

    given = websocket(socket_server(script), level_path="$.level")

    probe = probing.test_source("websocket", given, stored=None)
    preview = probing.preview_source(given, kind="websocket", received_ns=0)

    assert probe.ok
    assert "“hello” is read with level warn." in probe.problems
    assert [line.line for line in preview.lines] == ["hello"] * len(preview.lines)
    assert preview.total >= 1


WS, HTTP, MQTT = (
    {"url": "wss://x"},
    {"url": "https://x"},
    {"url": "mqtt://x", "topics": ["a"]},
)
CHAT = {"url": "https://x", "user_id": "u", "token": "t"}


@pytest.mark.parametrize(
    ("kind", "config", "key", "problem"),
    [
        ("websocket", {}, "url", "Give a URL, such as"),
        ("websocket", {"url": "https://x"}, "url", "begins with wss:// or ws://"),
        ("websocket", {"url": "wss://a:b@x"}, "url", "credentials"),
        (
            "websocket",
            {"url": "wss://x/{{nope}}"},
            "url",
            "{{nope}} stands for nothing",
        ),
        ("websocket", {**WS, "line_path": "message"}, "line_path", "is no JSONPath"),
        ("websocket", {**WS, "label_paths": {"a": "b"}}, "label_paths", "no JSONPath"),
        (
            "websocket",
            {**WS, "login_message": "hi"},
            "login_path",
            "Say what the answer",
        ),
        (
            "websocket",
            {**WS, "resume_message": "hi"},
            "resume_message",
            "It needs the path",
        ),
        (
            "websocket",
            {**WS, "subscribe": ["{{x}}"]},
            "subscribe",
            "stands for nothing",
        ),
        (
            "websocket",
            {**WS, "replies": [{"path": "$.a"}]},
            "replies",
            "A rule has path",
        ),
        ("websocket", {**WS, "replies": {"path": 1}}, "replies", "must be a list"),
        ("websocket", {**WS, "tls_ca": "none"}, "tls_ca", "no certificates in PEM"),
        ("http_stream", {**HTTP, "body": "x"}, "body", "Only a POST has a body."),
        (
            "http_stream",
            {**HTTP, "cursor_path": "$.a"},
            "cursor_path",
            "Only what is polled",
        ),
        ("http_stream", {**HTTP, "mode": "push"}, "mode", "This must be"),
        ("mqtt", {**MQTT, "topics": ["a/#/b"]}, "topics", "# stands alone"),
        ("mqtt", {**MQTT, "password": "x"}, "username", "A password needs a user."),
        (
            "mqtt",
            {**MQTT, "metrics": [{"name": "a b"}]},
            "metrics",
            "no name of a metric",
        ),
        ("mqtt", {**MQTT, "metrics": [{"name": "{{x}}"}]}, "metrics", "is no part"),
        ("mqtt", {**MQTT, "metrics": [{"name": "a", "labels": 1}]}, "metrics", "paths"),
        ("mqtt", {**MQTT, "metrics": [7]}, "metrics", "A rule has a name"),
        ("mqtt", {**MQTT, "metrics": [{"name": "a", "topic": 5}]}, "metrics", "texts"),
        ("rocketchat", {**CHAT, "token": "a\nb"}, "token", "only ASCII characters"),
        (
            "rocketchat",
            {**CHAT, "logs": False, "activity": False},
            "logs",
            "Choose the log",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused_in_words(kind, config, key, problem):
    with pytest.raises(InvalidSourceError) as refused:
        checked_config(kind, config)

    assert problem in refused.value.fields[f"config.{key}"][0]


@pytest.mark.parametrize("kind", ["websocket", "http_stream", "mqtt", "rocketchat"])
def test_another_address_wants_the_secrets_again(kind):
    assert "url" in KINDS[kind].addresses
