"""Where a source listens, as people and senders write it."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings

from sources.services.kinds.base import Config

TRANSPORTS = (
    ("udp+tcp", "UDP and TCP"),
    ("udp", "UDP"),
    ("tcp", "TCP"),
    ("tls", "TLS over TCP"),
)


def where(name: str, config: Config) -> str:
    """Return the place as people write it, such as "UDP and TCP port 5514"."""
    words = dict(TRANSPORTS)[config.get("transport", "udp+tcp")]
    return f"{words}, port {config.get('port')} of {address(config)}"


def address(config: Config) -> str:
    allowed = settings.COLLECTOR_LISTEN_ADDRESSES or ["127.0.0.1"]
    return str(config.get("address") or allowed[0])


def host(config: Config) -> str:
    """Return what senders call the collector's host; HOST where only they know."""
    listens_on = ip_address(address(config))
    return "HOST" if listens_on.is_unspecified else str(listens_on)


def has_udp(config: Config) -> bool:
    return "udp" in config.get("transport", "udp+tcp")
