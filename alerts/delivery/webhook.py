"""Webhooks: Alertmanager's JSON, version 4, signed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson
from django.conf import settings
from typing_extensions import override

from accounts.services.egress import (
    EgressRefusedError,
    InvalidUrlError,
    check_url,
    post,
)
from alerts.delivery import (
    Delivery,
    InvalidConfigError,
    Message,
    PermanentDeliveryError,
    Target,
    TemporaryDeliveryError,
    refuse_unknown,
)
from monitoring.moments import iso

TIMEOUT_SECONDS = 10.0
MAX_HEADERS = 20
_NEVER = "0001-01-01T00:00:00Z"
_OURS = {"content-type", "content-length", "host", "idempotency-key", "user-agent"}


class WebhookDelivery(Delivery):
    """Config: `{"url": "https://…", "headers": {…}?}`; the secret signs the body."""

    @override
    def clean(self, config: Mapping[str, Any], secret: str) -> dict[str, Any]:
        refuse_unknown(config, {"url", "headers"})
        url = config.get("url")
        try:
            check_url(url if isinstance(url, str) else "")
        except InvalidUrlError as error:
            raise InvalidConfigError({"url": [str(error)]}) from None
        cleaned: dict[str, Any] = {"url": url}
        if config.get("headers"):
            cleaned["headers"] = _clean_headers(config["headers"])
        return cleaned

    @override
    def send(self, target: Target, message: Message, *, now: datetime) -> None:
        body = orjson.dumps(payload(message, receiver=target.name))
        headers = {
            **target.config.get("headers", {}),
            "Content-Type": "application/json",
            "User-Agent": "Vedette",
            "Idempotency-Key": message.key,
        }
        if target.secret:
            headers["X-Vedette-Signature"] = signature(target.secret, body, at=now)
        try:
            response = post(
                target.config["url"],
                content=body,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
            )
        except EgressRefusedError as error:
            raise PermanentDeliveryError(str(error)) from error
        except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
            words = str(error) or type(error).__name__
            raise TemporaryDeliveryError(f"No answer: {words}") from error
        _judge(response, now=now)


def payload(message: Message, *, receiver: str) -> dict[str, Any]:
    """Return the body that Alertmanager's webhook receivers understand."""
    labels = {
        **message.labels,
        "alertname": message.name,
        "severity": message.severity,
    }
    alert = {
        "status": message.status,
        "labels": labels,
        "annotations": dict(message.annotations),
        "startsAt": iso(message.starts_at),
        "endsAt": iso(message.ends_at) if message.ends_at else _NEVER,
        "generatorURL": message.rule_url,
        "fingerprint": message.fingerprint,
        "value": message.value,
        "reason": message.reason,
        "url": message.url,
    }
    return {
        "version": "4",
        "groupKey": f"{{}}:{{alert={message.thread}}}",
        "truncatedAlerts": 0,
        "status": message.status,
        "receiver": receiver,
        "groupLabels": {"alertname": message.name},
        "commonLabels": labels,
        "commonAnnotations": dict(message.annotations),
        "routeLabels": {},
        "externalURL": settings.SITE_ROOT,
        "notification_reason": message.kind,
        "alerts": [alert],
    }


def signature(secret: str, body: bytes, *, at: datetime) -> str:
    """Return `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    moment = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256)
    return f"t={moment},v1={digest.hexdigest()}"


def _judge(response: httpx.Response, *, now: datetime) -> None:
    code = response.status_code
    if 200 <= code < 300:  # noqa: PLR2004 - the successful answers
        return
    said = response.text[:300].strip()
    text = f"The receiver answered {code}" + (f": {said}" if said else "")
    if code >= 500 or code in {408, 425, 429}:  # noqa: PLR2004 - the server's failures
        wait = _retry_after(response.headers.get("Retry-After", ""), now=now)
        raise TemporaryDeliveryError(text, retry_after=wait)
    raise PermanentDeliveryError(text)


def _retry_after(header: str, *, now: datetime) -> float | None:
    if header.isdigit():
        return float(header[:6])
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _clean_headers(headers: object) -> dict[str, str]:
    if not isinstance(headers, dict) or len(headers) > MAX_HEADERS:
        message = f"Give an object of names and values, {MAX_HEADERS} at most."
        raise InvalidConfigError({"headers": [message]})
    for name, value in headers.items():
        text = f"{name}{value}" if isinstance(value, str) else "\n"
        if not name or not text.isascii() or not text.isprintable() or ":" in name:
            message = f"“{name}” is no valid header, or its value is none."
            raise InvalidConfigError({"headers": [message]})
        if name.lower() in _OURS:
            raise InvalidConfigError({"headers": [f"“{name}” is set by Vedette."]})
    return dict(headers)
