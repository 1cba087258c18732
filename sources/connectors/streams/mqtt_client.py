"""paho's MQTT client, as sources may use it."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import ssl
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from django.conf import settings
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from typing_extensions import override

from accounts.services.egress import EgressRefusedError
from accounts.services.guarded_network import resolve
from sources.connectors import SourceSpec
from sources.connectors.client_settings import context_of
from sources.connectors.streams.feed import FIRST_DELAY, LONGEST_DELAY
from sources.connectors.streams.network import CONNECT_SECONDS, told


class Client(paho.Client):
    """Connects to judged addresses only: paho would resolve the name by itself."""

    failure: str = ""  # why connecting failed the last time

    @override
    def _create_socket_connection(self) -> socket.socket:
        try:
            addresses = asyncio.run(resolve(self._host, self._port))
        except EgressRefusedError as error:
            # paho goes on after an OSError, and ends after all others.
            raise ConnectionError(str(error)) from error
        return socket.create_connection((addresses[0], self._port), CONNECT_SECONDS)

    @override
    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """paho forgets to close a connection whose handshake fails."""
        if self._ssl_context is None:
            raise ValueError("There is no context to speak TLS with.")
        secured = self._ssl_context.wrap_socket(
            tcp_sock, server_hostname=self._host, do_handshake_on_connect=False
        )
        try:
            secured.settimeout(CONNECT_SECONDS)
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    def received(self, mid: int, qos: int) -> None:
        """Say that a message is ours now: the broker need not send it again."""
        if qos == 1:
            self._send_puback(mid)
        else:
            super()._send_pubrec(mid)

    # paho says so before it hands over what has QoS 2; a process that ended in
    # between would lose it. The standard allows either order (4.3.3).

    @override
    def _send_pubrec(self, mid: int) -> MQTTErrorCode:
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    @override
    def _handle_publish(self) -> MQTTErrorCode:
        code = super()._handle_publish()
        with self._in_message_mutex:
            held = list(self._in_messages.values())
            self._in_messages.clear()
        for message in held:
            self._handle_on_message(message)
        return code

    @override
    def _handle_pubrel(self) -> MQTTErrorCode:
        self._manual_ack = False  # it is stored already: let it be completed
        try:
            return super()._handle_pubrel()
        finally:
            self._manual_ack = True

    @override
    def reconnect(self) -> MQTTErrorCode:
        try:
            return super().reconnect()
        except (OSError, ValueError) as error:
            self.failure = _failure(error)
            raise ConnectionError(self.failure) from error


def client_of(spec: SourceSpec, *, on_trial: bool) -> Client:
    """Raises ssl.SSLError for certificates that cannot be read."""
    config = spec.config
    parts = urlsplit(config["url"])
    is_web = parts.scheme in {"ws", "wss"}
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=_client_id(spec, on_trial=on_trial),
        clean_session=on_trial,
        transport="websockets" if is_web else "tcp",
        manual_ack=True,
    )
    if is_web:
        client.ws_set_options(path=parts.path or "/mqtt")
    if parts.scheme in {"mqtts", "wss"}:
        client.tls_set_context(context_of(config))
    if config.get("username"):
        client.username_pw_set(config["username"], config.get("password") or None)
    first = FIRST_DELAY * random.uniform(1, 2)  # noqa: S311 - spreads load
    client.reconnect_delay_set(first, LONGEST_DELAY)  # type: ignore[arg-type]  # any number will do
    client.connect_timeout = CONNECT_SECONDS
    return client


def _client_id(spec: SourceSpec, *, on_trial: bool) -> str:
    """Return the same name always: the broker keeps the session under it."""
    if on_trial:
        return f"vedette-test-{random.getrandbits(64):x}"
    own = f"{settings.SECRET_KEY}/{spec.id}".encode()
    name = f"vedette-{hashlib.sha256(own).hexdigest()[:12]}"
    return spec.config.get("client_id") or name


def _failure(error: BaseException) -> str:
    """A refused address is the cause of the error that it was turned into."""
    if isinstance(error.__cause__, EgressRefusedError):
        return told(error.__cause__)
    if isinstance(error, paho.WebsocketConnectionError):
        return f"The broker does not speak WebSocket there: {error}."
    return told(error)
