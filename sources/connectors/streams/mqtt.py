"""Subscribes at an MQTT broker; what has QoS 1 or 2 is acknowledged once it is stored.

The session at the broker outlives us: what was not acknowledged, and what came while
we were away, is sent when we are back.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode
from typing_extensions import override

from sources.connectors.streams.connector import Streaming
from sources.connectors.streams.extraction import Extractor
from sources.connectors.streams.feed import Assignment, Feed
from sources.connectors.streams.mqtt_client import client_of
from sources.connectors.streams.parcels import Parcel, Record
from sources.connectors.streams.readings import Rule
from sources.connectors.streams.topics import TopicPattern

PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_FAILURE = 0x80
_KEEPALIVE = 60
_REMEMBERED = 2000


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message that wants to be acknowledged; a repetition has the same."""

    mid: int
    qos: int
    digest: bytes


class MqttFeed(Feed):
    """Runs paho's client in a thread of its own."""

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        config = self.config = self.spec.config
        self._topics: list[str] = config["topics"]
        self._qos = 0 if self.on_trial else int(config.get("qos", "1"))
        self._extractor = Extractor(config)
        self._pattern = TopicPattern(config.get("topic_pattern", ""))
        self._rules = [Rule(rule) for rule in config.get("metrics") or []]
        self._most: int = config.get("max_message_bytes", 2**20)
        self._connection = 0
        # What is stored, but whose acknowledgement the broker may not have heard.
        self._stored: dict[Receipt, None] = {}
        # What is not stored yet, and over which connection it came.
        self._pending: dict[Receipt, int] = {}
        # Retained messages come again at every subscription.
        self._retained: dict[str, bytes] = {}
        before = self.position.get("topics", ())
        self._left = [topic for topic in before if topic not in self._topics]
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._client = client_of(self.spec, on_trial=self.on_trial)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    @property
    @override
    def notes(self) -> list[str]:
        return self._extractor.problems

    @override
    def start(self) -> None:
        parts = urlsplit(self.config["url"])
        port = parts.port or PORTS[parts.scheme]
        self._client.connect_async(parts.hostname or "", port, _KEEPALIVE)
        self._client.loop_start()

    @override
    def stop(self) -> None:
        self._stopping.set()
        self._client.disconnect()
        self._client.loop_stop()

    @override
    def stored(self, parcels: Sequence[Parcel]) -> None:
        """Acknowledge; what came over another connection is sent again and known."""
        for parcel in parcels:
            receipt = parcel.receipt
            if not isinstance(receipt, Receipt):
                continue
            with self._lock:
                connection = self._pending.pop(receipt, None)
                self._stored[receipt] = None
                while len(self._stored) > _REMEMBERED:
                    del self._stored[next(iter(self._stored))]
            if connection == self._connection:
                self._client.received(receipt.mid, receipt.qos)

    # --- Called by paho, in its thread -------------------------------------------------

    def _on_connect(
        self, client: Any, data: Any, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        if reason.is_failure:
            self.status.failed(f"The broker refuses the connection: {reason}.")
            self.buffer.nudge()
            return
        self._connection += 1
        if self._left:
            self._client.unsubscribe(self._left)
        self._client.subscribe([(topic, self._qos) for topic in self._topics])

    def _on_subscribe(
        self, client: Any, data: Any, mid: int, reasons: list[ReasonCode], rest: Any
    ) -> None:
        pairs = zip(self._topics, reasons, strict=False)
        refused = [topic for topic, reason in pairs if reason.value >= _FAILURE]
        names = ", ".join(refused[:5])
        self.status.trouble(
            "topics",
            f"The broker refuses to subscribe to {names}." if refused else "",
        )
        self.status.connected()
        self.buffer.nudge()

    def _on_connect_fail(self, client: Any, data: Any) -> None:
        self.status.failed(self._client.failure)
        self.buffer.nudge()

    def _on_disconnect(
        self, client: Any, data: Any, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        if self._stopping.is_set():
            return
        if self.status.connected_since is not None:
            self.status.failed(f"The broker ended the connection: {reason}.")
        # The broker sends again what was not acknowledged.
        self.buffer.forget(self._comes_again)
        self.buffer.nudge()

    def _comes_again(self, parcel: Parcel) -> bool:
        if parcel.receipt is None:
            return False
        with self._lock:
            self._pending.pop(parcel.receipt, None)
        return True

    def _on_message(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        """Whatever a message is like, the next one is read."""
        self.status.messages += 1
        try:
            self._take(message)
        except Exception as error:
            logger.exception("Source %s: a message is lost.", self.spec.name)
            self.status.lost += 1
            self.status.trouble("message", f"A message could not be read: {error}.")
            if message.qos:
                self._client.received(message.mid, message.qos)

    def _take(self, message: paho.MQTTMessage) -> None:
        receipt = self._receipt(message)
        if self._is_known(message, receipt):
            return
        parcel = replace(self._parcel(message, receipt), position=self._subscribed())
        # While nothing is read, the broker keeps the rest.
        while not self.buffer.wait_for_room(1.0):
            if self._stopping.is_set():
                return
        self.buffer.put(parcel)

    def _receipt(self, message: paho.MQTTMessage) -> Receipt | None:
        if not message.qos or self.on_trial:
            return None
        return Receipt(message.mid, message.qos, _digest(message))

    def _subscribed(self) -> dict[str, Any] | None:
        """Return the topics once, so that a later source knows what to unsubscribe."""
        if self.position.get("topics") == self._topics:
            return None
        self.position["topics"] = self._topics
        return dict(self.position)

    def _is_known(self, message: paho.MQTTMessage, receipt: Receipt | None) -> bool:
        """Whether it is sent again though it is stored, or will be."""
        known = message.retain and self._is_retained_known(message)
        if receipt is None:
            return known
        with self._lock:
            if message.dup and receipt in self._pending:
                self._pending[receipt] = self._connection
                return True
            if known or (message.dup and receipt in self._stored):
                self._client.received(receipt.mid, receipt.qos)
                return True
            # The number is used again, for another message.
            self._stored.pop(receipt, None)
            self._pending[receipt] = self._connection
            return False

    def _is_retained_known(self, message: paho.MQTTMessage) -> bool:
        digest = _digest(message)
        if self._retained.get(message.topic) == digest:
            return True
        if len(self._retained) < _REMEMBERED:
            self._retained[message.topic] = digest
        return False

    def _parcel(self, message: paho.MQTTMessage, receipt: Receipt | None) -> Parcel:
        size = len(message.payload)
        if size > self._most:
            self.status.lost += 1
            told = f"Messages over {self._most:,} bytes are left out"
            self.status.trouble("size", f"{told}, the last in {message.topic}.")
            return Parcel(receipt=receipt)
        payload = message.payload.decode("utf-8", "replace")
        parts = self._pattern.labels(message.topic)
        now_ms = time.time_ns() // 10**6
        found = (r.point(message.topic, parts, payload, now_ms) for r in self._rules)
        points = [point for point in found if point is not None]
        if points:
            return Parcel(points=points, size=size, receipt=receipt)
        records = self._records(payload, message.topic, parts)
        return Parcel(records, size=size, receipt=receipt)

    def _records(
        self, payload: str, topic: str, parts: Mapping[str, str]
    ) -> list[Record]:
        """The topic is a label where its parts are not, else a field."""
        where = {"topic": topic}
        labels, fields = (parts, where) if parts else (where, {})
        return [
            replace(
                record,
                labels={**labels, **record.labels},
                fields={**fields, **record.fields},
            )
            for record in self._extractor.read(payload).records
        ]


def _digest(message: paho.MQTTMessage) -> bytes:
    told = message.topic.encode("utf-8", "replace") + b"\0" + message.payload
    return hashlib.sha256(told).digest()[:16]


class MqttStream(Streaming):
    """Follows the topics of one source."""

    feed = MqttFeed
