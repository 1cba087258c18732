from __future__ import annotations

import http.server
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from alerts import periodic
from alerts.models import Notification, Transition
from alerts.services.channels import send_test
from alerts.services.notifications import LEASE, deliver, enqueue
from alerts.services.retries import MAX_ATTEMPTS, retry_delay
from tests.factories.alerts import make_alert, make_channel

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Receiver:
    status: int = 200
    bodies: list[dict] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def receiver(settings):
    """A web server that keeps what it is sent and answers as it is told."""
    settings.INTEGRATIONS_ALLOW_PRIVATE_IPS = True
    state = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.bodies.append(json.loads(body))
            state.keys.append(self.headers["Idempotency-Key"])
            self.send_response(state.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        state.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield state
        server.shutdown()


@pytest.fixture
def tell(cast, receiver):
    """Write a transition of an alert, and its notification to the receiver."""
    channel = make_channel(cast.acme, config={"url": receiver.url}, secret="s3cret")

    def write(status="firing", *, alert=None, severity="warning") -> Notification:
        alert = alert or make_alert(cast.acme, now=NOW)
        transition = Transition.unscoped.create(
            organization=cast.acme,
            alert=alert,
            at=NOW,
            to_status=status,
            to_severity=severity,
            reason="value 85 > 80 (warning)",
            value=85.0,
        )
        enqueue([transition], now=NOW)
        return Notification.unscoped.get(transition=transition, channel=channel)

    return write


def test_a_delivered_notification_says_so(tell, receiver):
    notification = tell()

    deliver(notification.pk, now=NOW)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == ("delivered", 1)
    assert notification.delivered_at >= NOW
    alert = receiver.bodies[0]["alerts"][0]
    assert alert["reason"] == "value 85 > 80 (warning)"
    assert alert["url"].endswith(f"/o/acme/alerts/{notification.alert_id}")


def test_it_is_delivered_once(tell, receiver):
    notification = tell()

    deliver(notification.pk, now=NOW)
    deliver(notification.pk, now=NOW)

    assert len(receiver.bodies) == 1


def test_while_a_worker_tries_others_keep_off(tell, receiver):
    notification = tell()
    Notification.unscoped.update(attempts=1, next_attempt_at=NOW + LEASE)

    deliver(notification.pk, now=NOW)

    assert receiver.bodies == []


def test_a_failed_attempt_is_made_again_later(tell, receiver):
    notification = tell()
    receiver.status = 503

    deliver(notification.pk, now=NOW)

    notification.refresh_from_db()
    assert notification.status == "pending"
    assert "503" in notification.last_error
    wait = notification.next_attempt_at - NOW
    assert 3 * SECOND < wait < 8 * SECOND


def test_every_attempt_has_the_same_key(tell, receiver):
    notification = tell()
    receiver.status = 503
    deliver(notification.pk, now=NOW)

    receiver.status = 200
    deliver(notification.pk, now=NOW + 60 * SECOND)

    assert len(set(receiver.keys)) == 1
    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == ("delivered", 2)


def test_a_refusal_is_final(tell, receiver):
    notification = tell()
    receiver.status = 404

    deliver(notification.pk, now=NOW)

    notification.refresh_from_db()
    assert notification.status == "dead"


def test_after_the_last_attempt_it_is_given_up(tell, receiver):
    notification = tell()
    receiver.status = 503

    moment = NOW
    for _ in range(MAX_ATTEMPTS + 3):
        deliver(notification.pk, now=moment)
        moment += timedelta(hours=1)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == ("dead", MAX_ATTEMPTS)
    assert len(receiver.bodies) == MAX_ATTEMPTS


def test_beat_finds_what_is_due(tell):
    notification = tell()

    calls = periodic.due(NOW)

    assert [(call.path, call.args) for call in calls] == [
        ("alerts.tasks.deliver", (notification.pk,))
    ]


def test_what_waits_for_its_retry_is_not_due(tell, receiver):
    notification = tell()
    receiver.status = 503
    deliver(notification.pk, now=NOW)

    assert periodic.due(NOW + SECOND) == []
    assert len(periodic.due(NOW + 60 * SECOND)) == 1


def test_news_is_not_followed_by_what_it_has_overtaken(tell, receiver, cast):
    alert = make_alert(cast.acme, now=NOW)
    fired = tell(alert=alert)
    receiver.status = 503
    deliver(fired.pk, now=NOW)
    resolved = tell("resolved", alert=alert)

    receiver.status = 200
    deliver(resolved.pk, now=NOW)

    fired.refresh_from_db()
    assert fired.status == "superseded"


def test_a_channel_that_is_switched_off_gets_nothing_more(tell, receiver):
    notification = tell()
    channel = notification.channel
    channel.enabled = False
    channel.save()

    deliver(notification.pk, now=NOW)

    notification.refresh_from_db()
    assert (notification.status, receiver.bodies) == ("dead", [])


def test_an_unreadable_secret_is_named(tell, receiver, settings):
    notification = tell()
    settings.SECRET_KEY = "another"

    deliver(notification.pk, now=NOW)

    notification.refresh_from_db()
    assert notification.status == "dead"
    assert "SECRET_KEY has changed" in notification.last_error


def test_mail_is_a_channel_like_any_other(cast):
    channel = make_channel(
        cast.acme, "mail", kind="email", config={"addresses": ["a@example.org"]}
    )

    send_test(cast.scope(cast.alice), channel, now=NOW)

    assert [message.subject for message in mail.outbox] == ["[INFO] Test notification"]


def test_the_transaction_that_writes_it_nudges_a_worker_once_it_commits(
    cast, tell, django_capture_on_commit_callbacks, redis_client
):
    with django_capture_on_commit_callbacks() as callbacks:
        tell()

    assert len(callbacks) == 1


@pytest.mark.parametrize(
    ("attempts", "jitter", "retry_after", "seconds"),
    [
        (1, 0.5, None, 5),
        (2, 0.5, None, 10),
        (5, 0.5, None, 80),
        (9, 0.5, None, 600),
        (10**6, 0.5, None, 600),
        (1, 0.0, None, 3.75),
        (1, 1.0, None, 6.25),
        (1, 0.5, 120, 120),
        (9, 0.5, 1, 600),
        (1, 0.5, 10**9, 3600),
    ],
)
def test_the_wait_doubles_up_to_ten_minutes(attempts, jitter, retry_after, seconds):
    delay = retry_delay(attempts, jitter=jitter, retry_after=retry_after)

    assert delay == seconds * SECOND
