from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from alerts.delivery import (
    InvalidConfigError,
    Message,
    PermanentDeliveryError,
    Target,
    TemporaryDeliveryError,
    adapter_of,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Receiver:
    """A web server that keeps what it is sent and answers as it is told."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def body(self):
        return json.loads(self.received[-1][1])


@pytest.fixture
def receiver(settings):
    settings.INTEGRATIONS_ALLOW_PRIVATE_IPS = True
    state = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            state.received.append((dict(self.headers), self.rfile.read(length)))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"what the receiver says")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        state.url = f"http://localhost:{server.server_port}/hook?team=a"
        yield state
        server.shutdown()


def message(**changes) -> Message:
    values = {
        "key": "alert-7-11-3",
        "thread": "alert-7",
        "status": "firing",
        "kind": "firing",
        "severity": "critical",
        "name": "CPU",
        "reason": "value 97 > 90 (critical)",
        "value": 97.0,
        "labels": {"host": "web-1"},
        "annotations": {"summary": "CPU is busy"},
        "starts_at": NOW,
        "ends_at": None,
        "fingerprint": "00000000000000ff",
        "organization": "Acme",
        "url": "http://localhost:8000/o/acme/alerts/7",
        "rule_url": "http://localhost:8000/o/acme/rules/2",
    }
    return Message(**values | changes)


def send(receiver: Receiver, said: Message | None = None, **target) -> None:
    config = {"url": receiver.url, **target.pop("config", {})}
    adapter = adapter_of("webhook")
    adapter.send(Target("ops", config, **target), said or message(), now=NOW)


def test_the_body_is_alertmanagers_webhook_version_4(receiver):
    send(receiver)

    labels = {"host": "web-1", "alertname": "CPU", "severity": "critical"}
    assert receiver.body == {
        "version": "4",
        "groupKey": "{}:{alert=alert-7}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "ops",
        "groupLabels": {"alertname": "CPU"},
        "commonLabels": labels,
        "commonAnnotations": {"summary": "CPU is busy"},
        "routeLabels": {},
        "externalURL": "http://localhost:8000",
        "notification_reason": "firing",
        "alerts": [
            {
                "status": "firing",
                "labels": labels,
                "annotations": {"summary": "CPU is busy"},
                "startsAt": "2026-01-01T12:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://localhost:8000/o/acme/rules/2",
                "fingerprint": "00000000000000ff",
                "value": 97.0,
                "reason": "value 97 > 90 (critical)",
                "url": "http://localhost:8000/o/acme/alerts/7",
            }
        ],
    }


def test_a_resolved_alert_has_an_end(receiver):
    send(receiver, message(status="resolved", kind="resolved", ends_at=NOW))

    assert receiver.body["status"] == "resolved"
    assert receiver.body["alerts"][0]["endsAt"] == "2026-01-01T12:00:00Z"


def test_the_secret_signs_time_and_body(receiver):
    send(receiver, secret="s3cret")

    headers, body = receiver.received[0]
    moment = int(NOW.timestamp())
    digest = hmac.new(b"s3cret", f"{moment}.".encode() + body, hashlib.sha256)
    assert headers["X-Vedette-Signature"] == f"t={moment},v1={digest.hexdigest()}"
    assert headers["Idempotency-Key"] == "alert-7-11-3"
    assert headers["Host"] == receiver.url.split("/")[2]


def test_own_headers_are_sent_along(receiver):
    send(receiver, config={"headers": {"X-Token": "abc"}})

    assert receiver.received[0][0]["X-Token"] == "abc"
    assert "X-Vedette-Signature" not in receiver.received[0][0]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one(receiver, status):
    receiver.status = status

    send(receiver)

    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_the_receivers_troubles_are_temporary(receiver, status):
    receiver.status = status

    with pytest.raises(TemporaryDeliveryError, match=f"answered {status}: what the"):
        send(receiver)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410])
def test_a_refusal_is_final(receiver, status):
    receiver.status = status
    receiver.headers = {"Location": "http://127.0.0.1/elsewhere"}

    with pytest.raises(PermanentDeliveryError, match=f"answered {status}"):
        send(receiver)

    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("Thu, 01 Jan 2026 12:01:30 GMT", 90), ("nonsense", None)],
)
def test_the_receiver_may_say_when_to_come_back(receiver, header, seconds):
    receiver.status, receiver.headers = 429, {"Retry-After": header}

    with pytest.raises(TemporaryDeliveryError) as failure:
        send(receiver)

    assert failure.value.retry_after == seconds


def test_a_closed_port_is_temporary(receiver):
    with pytest.raises(TemporaryDeliveryError, match="No answer"):
        send(Receiver(url="http://127.0.0.1:9/hook"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://0.0.0.0/",
        "http://2130706433/",
    ],
)
def test_private_addresses_are_refused_unless_the_operator_allows_them(settings, url):
    settings.INTEGRATIONS_ALLOW_PRIVATE_IPS = False

    with pytest.raises(PermanentDeliveryError, match="not a public address"):
        send(Receiver(url=url))


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "url"),
        ({"url": 7}, "url"),
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://example.org:99999/"}, "url"),
        ({"url": "http://user:pw@example.org/"}, "url"),
        ({"url": "http://example.org/a b"}, "url"),
        ({"url": "http://example.org/", "headers": ["x"]}, "headers"),
        ({"url": "http://example.org/", "headers": {"A": "b\r\nC: d"}}, "headers"),
        ({"url": "http://example.org/", "headers": {"Host": "x"}}, "headers"),
        ({"url": "http://example.org/", "colour": "red"}, "colour"),
    ],
)
def test_settings_that_cannot_work_are_refused(config, field):
    with pytest.raises(InvalidConfigError) as refusal:
        adapter_of("webhook").clean(config, "")

    assert list(refusal.value.fields) == [field]
