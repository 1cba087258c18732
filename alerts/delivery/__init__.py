"""Sending a message to where people are: one module a kind, all of the same shape.

`adapter_of(kind)` is the only way to one. A new kind is a module here, a line in
`_ADAPTERS`, a choice in `NotificationChannel.Kind` and a section in docs/alerting.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.utils.module_loading import import_string


class InvalidConfigError(ValueError):
    """A channel's settings cannot work; `fields` says what to mend."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{n}: {' '.join(t)}" for n, t in fields.items()))
        self.fields = fields


class DeliveryError(Exception):
    """The message was not delivered."""


class PermanentDeliveryError(DeliveryError):
    """It never will be: trying again is of no use."""


class TemporaryDeliveryError(DeliveryError):
    """Trying again may help, after `retry_after` seconds where the receiver says so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Target:
    """A channel as an adapter needs it: its secret is readable here."""

    name: str
    config: Mapping[str, Any]
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be said about one transition of one alert.

    `key` is the same at every attempt, so that a receiver can tell a repetition;
    `thread` is the same for all messages about one alert.
    """

    key: str
    thread: str
    status: str  # firing or resolved
    severity: str
    name: str
    reason: str
    value: float | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    fingerprint: str
    organization: str
    url: str
    rule_url: str
    kind: str = "firing"  # notification_reason: firing, worsened, resolved, test

    @property
    def title(self) -> str:
        word = "RESOLVED" if self.status == "resolved" else self.severity.upper()
        return f"[{word}] {self.name}"


class Delivery(ABC):
    """One kind of channel."""

    @abstractmethod
    def clean(self, config: Mapping[str, Any], secret: str) -> dict[str, Any]:
        """Return the settings as they are to be stored. Raises InvalidConfigError."""

    @abstractmethod
    def send(self, target: Target, message: Message, *, now: datetime) -> None:
        """Deliver, within about ten seconds. Raises DeliveryError."""


_ADAPTERS = {
    "email": "alerts.delivery.email.EmailDelivery",
    "webhook": "alerts.delivery.webhook.WebhookDelivery",
}


@cache
def adapter_of(kind: str) -> Delivery:
    """Raises KeyError for a kind that there is not."""
    adapter: Delivery = import_string(_ADAPTERS[kind])()
    return adapter


def refuse_unknown(config: Mapping[str, Any], known: set[str]) -> None:
    """Raises InvalidConfigError naming the settings that the kind does not have."""
    unknown = sorted(set(config) - known)
    if unknown:
        words = [f"Unknown setting; known: {', '.join(sorted(known))}."]
        raise InvalidConfigError(dict.fromkeys(unknown, words))
