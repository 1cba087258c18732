"""The pages of sources that are sent to."""

from __future__ import annotations

import socket
import threading
from html import unescape

import pytest
from django.urls import reverse

from accounts.scope import Scope
from sources.models import Source
from sources.services.kinds import listen_probing
from sources.services.sources import create_source
from tests.sources.connectors.listening import free_port

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

TLS = {"transport": "tls", "tls_certificate_file": "/tmp/certificate.pem"}  # noqa: S108 - a name


@pytest.fixture
def alice(client, cast, redis_client):
    client.force_login(cast.alice)
    return client


@pytest.fixture
def short_tests(monkeypatch):
    monkeypatch.setattr(listen_probing, "TEST_SECONDS", 0.05)


def source_of(cast, kind: str, **config) -> Source:
    scope = Scope.of_system(cast.acme.pk, cast.acme.slug)
    return create_source(scope, kind=kind, name="net", config=config)


@pytest.mark.parametrize(
    ("kind", "config", "snippets"),
    [
        (
            "syslog",
            {"port": 6000},
            [
                "logger -n 127.0.0.1 -P 6000 -d --rfc5424",
                'target="127.0.0.1" port="6000" protocol="tcp"',
                "syslog-address=tcp://127.0.0.1:6000",
                "logging host 127.0.0.1 transport udp port 6000",
                'syslog("127.0.0.1" port(6000)',
            ],
        ),
        ("syslog", {"port": 6514, **TLS}, ['StreamDriver="gtls"']),
        ("gelf", {"port": 6001}, ["gelf-address=udp://127.0.0.1:6001"]),
        ("gelf", {"port": 6001, **TLS}, ["openssl s_client"]),
        (
            "statsd",
            {"port": 6002},
            ["nc -u -w1 127.0.0.1 6002", "DD_DOGSTATSD_PORT=6002"],
        ),
        ("statsd", {"port": 6002, **TLS}, ["openssl s_client"]),
    ],
)
def test_a_source_s_page_says_how_to_send(alice, cast, kind, config, snippets):
    source = source_of(cast, kind, **config)

    page = unescape(
        alice.get(reverse("source-detail", args=["acme", source.pk])).content.decode()
    )

    assert [snippet for snippet in snippets if snippet not in page] == []


@pytest.mark.parametrize("kind", ["syslog", "gelf", "statsd"])
def test_a_test_says_that_the_port_is_free_and_how_to_send(
    alice, cast, kind, short_tests
):
    source = source_of(cast, kind, port=free_port())

    answer = alice.post(reverse("source-test", args=["acme", source.pk]))

    test = answer.context["test"]
    assert test["ok"]
    assert "can be listened on. Nothing came within 0.05 s; try:" in test["text"]


def test_a_test_says_that_the_port_is_taken(alice, cast, short_tests):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        source = source_of(cast, "syslog", port=taken.getsockname()[1], transport="tcp")
        answer = alice.post(reverse("source-test", args=["acme", source.pk]))

    assert not answer.context["test"]["ok"]
    assert "If this source is enabled" in answer.context["test"]["text"]


def test_the_wizard_shows_what_comes_meanwhile(alice):
    port = free_port()
    done = threading.Event()

    def send() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            while not done.wait(0.02):
                sender.sendto(b"<13>GET /cart 200", ("127.0.0.1", port))

    sender = threading.Thread(target=send)
    sender.start()
    fields = {"kind": "syslog", "port": str(port), "transport": "udp", "zone": "UTC"}
    try:
        answer = alice.post(
            reverse("source-add", args=["acme"]), {"step": "where", **fields}
        )
    finally:
        done.set()
        sender.join()

    assert answer.context["step"] == "check"
    assert "GET /cart 200" in answer.content.decode()


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        ("zone", "Mars/Base", "no time zone"),
        ("allowed_networks", "here", "no network"),
        ("address", "0.0.0.0", "COLLECTOR_LISTEN_ADDRESSES"),  # noqa: S104 - refused
        ("address", "web1", "no IP address"),
        ("port", "70000", "from 1 to 65535"),
        ("transport", "tls", "TLS needs a certificate"),
        ("tls_key_file", "/etc/shadow", "outside the allowed directories"),
    ],
)
def test_what_cannot_be_is_told(alice, field, text, problem):
    fields = {"kind": "syslog", "port": "5514", "transport": "udp", "zone": "UTC"}

    answer = alice.post(
        reverse("source-add", args=["acme"]), {"step": "where", **fields, field: text}
    )

    assert answer.status_code == 422
    assert problem in unescape(answer.content.decode())
