"""A WebSocket that is followed, against a real server."""

from __future__ import annotations

import json

import pytest

from monitoring.telemetry import Level
from sources.connectors import Outcome
from sources.connectors.streams.trying import try_out
from sources.connectors.streams.websocket import WebSocketStream
from sources.services.kinds.websocket import KIND
from tests.sources.connectors.streams.following import filled

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def wait(connection) -> None:
    """Keep the connection open until the other side ends it."""
    for _ in connection:
        pass


def test_what_a_message_says_becomes_a_line_with_its_time_and_level(
    follow, socket_server
):
    def script(connection):
        record = {
            "msg": "paid",
            "at": "2026-03-01T11:59:00.5Z",
            "level": "warning",
            "host": {"name": "web-1"},
            "order": 7,
        }
        connection.send(json.dumps({"data": [record, {"msg": "sent"}]}))
        connection.send(json.dumps({"status": "no line at all"}))
        wait(connection)

    stream = follow(
        KIND,
        url=socket_server(script).url,
        records_path="$.data",
        line_path="$.msg",
        time_path="$.at",
        level_path="$.level",
        label_paths={"host": "$.host.name"},
        field_paths={"order": "$['order']"},
    )

    stream.until_lines(2)

    first, second = stream.rows
    assert (first["line"], first["ts_ns"]) == ("paid", 1772366340_500000000)
    assert (first["level"], first["field.order"]) == (Level.WARN, "7")
    assert first["labels"] == {"env": "t", "host": "web-1", "source": "shop"}
    assert (second["line"], second["ts_ns"], second["level"]) == ("sent", None, None)


def test_a_text_is_taken_line_by_line(follow, socket_server):
    def script(connection):
        connection.send("one\r\ntwo\n\nthree")
        wait(connection)

    stream = follow(KIND, url=socket_server(script).url, payload="text")

    assert stream.until_lines(3) == ["one", "two", "three"]


def test_it_logs_in_before_it_subscribes(follow, socket_server):
    def script(connection):
        server.hear(connection)
        connection.send('{"type": "ping"}')
        server.hear(connection)
        server.hear(connection)
        connection.send('{"type": "welcome", "ok": true}')
        server.hear(connection)
        connection.send('{"line": "hello"}')
        wait(connection)

    server = socket_server(script)
    stream = follow(
        KIND,
        url=server.url,
        handshake=["hi"],
        login_message='{"token": "{{key}}"}',
        login_path="$.ok",
        login_equals="true",
        subscribe=['{"sub": "logs"}'],
        replies=[{"path": "$.type", "equals": "ping", "send": '{"type": "pong"}'}],
        secrets={"key": 'hun"ter2'},
        line_path="$.line",
    )

    stream.until_lines(1)

    assert server.heard == [
        "hi",
        '{"token": "hun\\"ter2"}',
        '{"type": "pong"}',
        '{"sub": "logs"}',
    ]


def test_it_goes_on_where_it_ended_when_the_server_comes_back(follow, socket_server):
    """The server cuts the connection in the middle, and sends the last one again."""

    def script(connection):
        if len(server.connections) == 1:
            for number in range(3):
                connection.send(json.dumps({"id": number, "line": f"line {number}"}))
            connection.recv(timeout=None)
        begin = json.loads(server.hear(connection))["after"]
        for number in range(int(begin), 6):
            connection.send(json.dumps({"id": number, "line": f"line {number}"}))
        wait(connection)

    server = socket_server(script)
    stream = follow(
        KIND,
        url=server.url,
        line_path="$.line",
        id_path="$.id",
        resume_message='{"after": "{{last_id}}"}',
    )
    stream.until_lines(3)
    server.kill()

    stream.until_lines(6)

    assert stream.lines == [f"line {number}" for number in range(6)]
    assert stream.shown.reconnects == 1
    assert stream.shown.last_error


def test_it_goes_on_where_it_ended_after_a_restart(follow, socket_server):
    def script(connection):
        begin = 0
        if len(server.connections) > 1:
            begin = int(server.hear(connection))
        for number in range(begin, begin + 3):
            connection.send(json.dumps({"id": number, "line": f"line {number}"}))
        wait(connection)

    server = socket_server(script)
    stream = follow(
        KIND,
        url=server.url,
        line_path="$.line",
        id_path="$.id",
        resume_message="{{last_id}}",
    )
    stream.until_lines(3)

    stream.restart()

    assert stream.until_lines(5) == [f"line {number}" for number in range(5)]
    assert server.heard == ["2"]


def test_what_could_not_be_stored_is_brought_again(follow, socket_server):
    def script(connection):
        connection.send('{"line": "one"}')
        wait(connection)

    stream = follow(KIND, url=socket_server(script).url, line_path="$.line")
    stream.connector.poll(stream.now)
    stream.until(lambda: not stream.connector._buffer.is_empty or stream.lines)
    if not stream.lines:
        assert stream.connector.poll(stream.now) is not None
        stream.connector.settle(Outcome.REFUSED, stream.now)

    assert stream.until_lines(1) == ["one"]


def test_another_collector_that_was_faster_is_followed(follow, socket_server):
    def script(connection):
        connection.send('{"id": "7", "line": "one"}')
        wait(connection)

    server = socket_server(script)
    stream = follow(KIND, url=server.url, line_path="$.line", id_path="$.id")
    other = follow(
        KIND, stream.source, url=server.url, line_path="$.line", id_path="$.id"
    )
    other.connector.poll(other.now)
    stream.until_lines(1)

    while (harvest := other.connector.poll(other.now)) is None:
        other._woken.wait(1)
    assert harvest.move.moves == 0
    other.connector.settle(Outcome.CONFLICT, other.now)
    other.until(lambda: len(server.connections) == 3)

    assert other.lines == []


def test_a_message_that_is_too_large_ends_the_connection_with_a_reason(
    follow, socket_server
):
    def script(connection):
        connection.send("x" * 3000)
        wait(connection)

    stream = follow(KIND, url=socket_server(script).url, max_message_bytes=2000)

    stream.until(lambda: "1009" in stream.connector.problem)

    assert stream.lines == []


def test_silence_is_noticed(follow, socket_server):
    stream = follow(KIND, url=socket_server(wait).url, idle_timeout_seconds=0.2)

    stream.until(lambda: bool(stream.connector.problem))

    assert stream.connector.problem == "Nothing was said for 0.2 s. It is tried again."


def test_a_private_address_is_refused(follow, socket_server, settings):
    settings.SOURCE_ALLOWED_NETWORKS = []
    server = socket_server(wait)
    stream = follow(KIND, url=server.url)

    stream.until(lambda: bool(stream.connector.problem))

    assert "is not a public address" in stream.connector.problem
    assert server.connections == []


def test_trying_it_out_tells_what_comes_and_what_does_not_fit(socket_server):
    def script(connection):
        connection.send('{"line": "one", "level": "error"}')
        connection.send("no JSON")
        wait(connection)

    config = filled(
        KIND,
        {
            "url": socket_server(script).url,
            "line_path": "$.line",
            "level_path": "$.level",
            "time_path": "$.when",
        },
    )

    tried = try_out(WebSocketStream, "websocket", config, seconds=0.5)

    assert tried.connected
    assert [record.line for record in tried.records] == ["one", "no JSON"]
    assert tried.notes == [
        "1 messages are no JSON: taken as lines.",
        "$.when leads somewhere in 0 of 1 records.",
    ]


def test_trying_out_a_port_that_is_closed_says_so(socket_server):
    server = socket_server(wait)
    server.close()

    tried = try_out(WebSocketStream, "websocket", filled(KIND, {"url": server.url}))

    assert (tried.connected, tried.error) == (
        False,
        "Connecting failed: connection refused.",
    )
