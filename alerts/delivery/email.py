"""E-mail: text and HTML, and one thread for each alert."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string
from typing_extensions import override

from alerts.delivery import (
    Delivery,
    InvalidConfigError,
    Message,
    PermanentDeliveryError,
    Target,
    TemporaryDeliveryError,
    refuse_unknown,
)

MAX_ADDRESSES = 50
_PERMANENT = range(500, 600)


class EmailDelivery(Delivery):
    """Config: `{"addresses": ["oncall@example.org"]}`; it has no secret."""

    @override
    def clean(self, config: Mapping[str, Any], secret: str) -> dict[str, Any]:
        refuse_unknown(config, {"addresses"})
        addresses = config.get("addresses")
        if not isinstance(addresses, list) or not addresses:
            raise InvalidConfigError({"addresses": ["Give at least one address."]})
        if len(addresses) > MAX_ADDRESSES:
            message = f"Give {MAX_ADDRESSES} addresses at most."
            raise InvalidConfigError({"addresses": [message]})
        for address in addresses:
            _check_address(address)
        return {"addresses": list(dict.fromkeys(addresses))}

    @override
    def send(self, target: Target, message: Message, *, now: datetime) -> None:
        email = _compose(list(target.config["addresses"]), message)
        try:
            email.send()
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            text = f"The mail server refused all recipients: {error.recipients}"
            raise _error(max(codes, default=0), text) from error
        except smtplib.SMTPResponseException as error:
            reply = error.smtp_error
            words = (
                reply.decode(errors="replace") if isinstance(reply, bytes) else reply
            )
            text = f"The mail server answered {error.smtp_code}: {words}"
            raise _error(error.smtp_code, text) from error
        except (smtplib.SMTPException, OSError) as error:
            text = f"The mail server {settings.EMAIL_HOST} cannot be reached: {error}"
            raise TemporaryDeliveryError(text) from error


def _check_address(address: object) -> None:
    try:
        validate_email(address if isinstance(address, str) else "")
    except ValidationError:
        message = f"“{address}” is no e-mail address."
        raise InvalidConfigError({"addresses": [message]}) from None


def _compose(addresses: list[str], message: Message) -> EmailMultiAlternatives:
    context = {"message": message}
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    thread = f"<{message.thread}@{domain}>"
    email = EmailMultiAlternatives(
        subject=" ".join(f"{message.title}".split())[:200],
        body=render_to_string("alerts/email/message.txt", context),
        to=addresses,
        headers={
            "Message-ID": f"<{message.key}@{domain}>",
            "In-Reply-To": thread,
            "References": thread,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
    html = render_to_string("alerts/email/message.html", context)
    email.attach_alternative(html, "text/html")
    return email


def _error(code: int, text: str) -> PermanentDeliveryError | TemporaryDeliveryError:
    """A 5yz reply is final, except those about the login: an operator mends them."""
    authentication = {530, 534, 535, 538}
    if code in _PERMANENT and code not in authentication:
        return PermanentDeliveryError(text[:1000])
    return TemporaryDeliveryError(text[:1000])
