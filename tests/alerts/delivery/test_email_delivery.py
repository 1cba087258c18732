from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiosmtpd.controller import Controller

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
class Mailbox:
    """What a real SMTP server was sent; it answers as it is told."""

    answer: str = "250 OK"
    recipient_answer: str = "250 OK"
    mails: list[tuple[list[str], email.message.EmailMessage]] = field(
        default_factory=list
    )

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.recipient_answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((list(envelope.rcpt_tos), parsed))
        return self.answer


@pytest.fixture
def mailbox(settings, unused_tcp_port):
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=unused_tcp_port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_tcp_port
    settings.DEFAULT_FROM_EMAIL = "Vedette <alerts@example.org>"
    yield box
    controller.stop()


def message(**changes) -> Message:
    values = {
        "key": "alert-7-11-3",
        "thread": "alert-7",
        "status": "firing",
        "severity": "critical",
        "name": "CPU",
        "reason": "value 97 > 90 (critical)",
        "value": 97.0,
        "labels": {"host": "<b>web-1</b>"},
        "annotations": {"summary": "CPU is busy"},
        "starts_at": NOW,
        "ends_at": None,
        "fingerprint": "00000000000000ff",
        "organization": "Acme",
        "url": "http://localhost:8000/o/acme/alerts/7",
        "rule_url": "http://localhost:8000/o/acme/rules/2",
    }
    return Message(**values | changes)


def send(said: Message | None = None, *addresses: str) -> None:
    config = {"addresses": list(addresses or ["oncall@example.org"])}
    adapter_of("email").send(Target("ops", config), said or message(), now=NOW)


def test_the_mail_says_what_is_wrong(mailbox):
    send(None, "a@example.org", "b@example.org")

    recipients, mail = mailbox.mails[0]
    assert recipients == ["a@example.org", "b@example.org"]
    assert mail["Subject"] == "[CRITICAL] CPU"
    assert mail["From"] == "Vedette <alerts@example.org>"
    text = mail.get_body(("plain",)).get_content()
    for part in ("value 97 > 90", "CPU is busy", "host=<b>web-1</b>", "/alerts/7"):
        assert part in text


def test_the_html_escapes_what_users_wrote(mailbox):
    send()

    html = mailbox.mails[0][1].get_body(("html",)).get_content()
    assert "&lt;b&gt;web-1&lt;/b&gt;" in html
    assert "<b>web-1" not in html


def test_all_mails_about_an_alert_form_a_thread(mailbox):
    send()
    send(message(key="alert-7-12-3", status="resolved", ends_at=NOW))

    first, second = (mail for _, mail in mailbox.mails)
    assert first["Message-ID"] == "<alert-7-11-3@example.org>"
    assert second["Message-ID"] == "<alert-7-12-3@example.org>"
    assert first["References"] == second["References"] == "<alert-7@example.org>"
    assert second["Subject"] == "[RESOLVED] CPU"


def test_no_machine_answers_it(mailbox):
    send()

    assert mailbox.mails[0][1]["Auto-Submitted"] == "auto-generated"


def test_a_name_with_a_newline_is_no_second_header(mailbox):
    send(message(name="CPU\nBcc: everyone@example.org"))

    mail = mailbox.mails[0][1]
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[CRITICAL] CPU Bcc: everyone@example.org"


def test_an_unreachable_server_is_temporary(settings, unused_tcp_port):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_tcp_port

    with pytest.raises(TemporaryDeliveryError, match="cannot be reached"):
        send()


def test_a_busy_server_is_temporary(mailbox):
    mailbox.answer = "451 Try later"

    with pytest.raises(TemporaryDeliveryError, match="451"):
        send()


def test_a_refused_mail_is_final(mailbox):
    mailbox.answer = "554 No"

    with pytest.raises(PermanentDeliveryError, match="554"):
        send()


def test_a_recipient_nobody_knows_is_final(mailbox):
    mailbox.recipient_answer = "550 Unknown"

    with pytest.raises(PermanentDeliveryError, match="refused all recipients"):
        send()


def test_a_greylisted_recipient_is_temporary(mailbox):
    mailbox.recipient_answer = "450 Later"

    with pytest.raises(TemporaryDeliveryError):
        send()


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "addresses"),
        ({"addresses": []}, "addresses"),
        ({"addresses": "a@example.org"}, "addresses"),
        ({"addresses": ["nobody"]}, "addresses"),
        ({"addresses": [7]}, "addresses"),
        ({"addresses": ["a@example.org\nBcc: b@example.org"]}, "addresses"),
        ({"addresses": [f"a{n}@example.org" for n in range(51)]}, "addresses"),
        ({"addresses": ["a@example.org"], "cc": "x"}, "cc"),
    ],
)
def test_settings_that_cannot_work_are_refused(config, field):
    with pytest.raises(InvalidConfigError) as refusal:
        adapter_of("email").clean(config, "")

    assert list(refusal.value.fields) == [field]
