"""Streams over TLS whose servers have certificates of an authority of their own."""

from __future__ import annotations

import ssl

import pytest

from sources.services.kinds.http_stream import KIND as HTTP
from sources.services.kinds.mqtt import KIND as MQTT
from sources.services.kinds.websocket import KIND as WEBSOCKET
from tests.sources.authority import Authority
from tests.sources.connectors.streams.broker import MOSQUITTO

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

UNTRUSTED = "TLS failed: unable to get local issuer certificate. It is tried again."


def context_of(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue())
    return context


@pytest.fixture
def web_socket(authority, socket_server):
    """Say a line to each who connects and trusts."""

    def script(connection):
        connection.send('{"msg": "over wss"}')
        for _ in connection:
            pass

    return socket_server(script, ssl=context_of(authority))


@pytest.fixture
def http(authority, stream_server):
    def script(exchange):
        exchange.begin("application/x-ndjson")
        exchange.write('{"msg": "over https"}\n')
        server.wait()

    server = stream_server(script, ssl=context_of(authority))
    return server


@pytest.fixture
def secured(authority, broker):
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    broker.stop()
    broker.secure(authority, "plant", "hunter2")
    broker.start(anonymous=False)
    return broker


def test_a_web_socket_over_tls(follow, authority, web_socket):
    stream = follow(
        WEBSOCKET, url=web_socket.url, tls_ca=authority.pem, line_path="$.msg"
    )

    assert stream.until_lines(1) == ["over wss"]


def test_an_answer_over_tls(follow, authority, http):
    stream = follow(HTTP, url=http.url, tls_ca=authority.pem, line_path="$.msg")

    assert stream.until_lines(1) == ["over https"]


def test_a_broker_over_tls_with_a_user(follow, authority, secured):
    stream = follow(
        MQTT,
        url=secured.url,
        topics=["t"],
        tls_ca=authority.pem,
        username="plant",
        password="hunter2",
    )
    stream.until(lambda: stream.connector._feed.status.connected_since is not None)

    secured.publish("t", "over mqtts")

    assert stream.until_lines(1) == ["over mqtts"]


def test_a_broker_over_tls_tells_a_wrong_password(follow, authority, secured):
    stream = follow(
        MQTT,
        url=secured.url,
        topics=["t"],
        tls_ca=authority.pem,
        username="plant",
        password="wrong",
    )

    stream.until(lambda: "Not authorized" in stream.connector.problem)


@pytest.mark.parametrize(
    ("kind", "server", "more"),
    [
        (WEBSOCKET, "web_socket", {}),
        (HTTP, "http", {}),
        (MQTT, "secured", {"topics": ["t"]}),
    ],
    ids=["websocket", "http_stream", "mqtt"],
)
def test_a_server_that_is_not_trusted_is_told(follow, request, kind, server, more):
    stream = follow(kind, url=request.getfixturevalue(server).url, **more)

    stream.until(lambda: bool(stream.connector.problem))

    assert stream.connector.problem == UNTRUSTED


def test_who_does_not_ask_for_trust_gets_on_without(follow, web_socket, secured):
    """Of the certificate, not of the password."""
    login = {"username": "plant", "password": "hunter2"}
    socket = follow(WEBSOCKET, url=web_socket.url, tls_verify=False, line_path="$.msg")
    broker = follow(MQTT, url=secured.url, topics=["t"], tls_verify=False, **login)

    socket.until_lines(1)
    broker.until(lambda: broker.connector._feed.status.connected_since is not None)

    assert socket.lines == ["over wss"]
