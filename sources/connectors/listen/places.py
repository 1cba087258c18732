"""Where sources may listen, and sockets there: the operator decides on which addresses.

Who adds a source opens a port of the collector's host, so its address must be one of
COLLECTOR_LISTEN_ADDRESSES.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings

ADDRESSES = "COLLECTOR_LISTEN_ADDRESSES"
_RECEIVE_BYTES = 16 * 2**20
# Of Linux: not bound by net.core.rmem_max, for those who have CAP_NET_ADMIN.
_SO_RCVBUFFORCE = 33
_BACKLOG = 128
_FIRST_FREE_PORT = 1024


class UnusablePlaceError(Exception):
    """There is no listening there; the text says why, and what to do."""


def address_of(config: Mapping[str, Any]) -> str:
    """Return the address to listen on. Raises UnusablePlaceError."""
    allowed = list(settings.COLLECTOR_LISTEN_ADDRESSES)
    if not allowed:
        raise UnusablePlaceError(
            f"Sources may not listen on this host: {ADDRESSES} names no address."
        )
    wanted = config.get("address") or allowed[0]
    problem = address_problem(wanted)
    if problem:
        raise UnusablePlaceError(problem)
    return str(wanted)


def address_problem(wanted: str) -> str:
    """Return why no source may listen on that address; empty when it may."""
    try:
        address = ip_address(wanted)
    except ValueError:
        return f"{wanted!r} is no IP address."
    allowed = [ip_address(text) for text in settings.COLLECTOR_LISTEN_ADDRESSES]
    if any(_includes(one, address) for one in allowed):
        return ""
    listed = ", ".join(map(str, allowed)) or "none"
    return (
        f"Sources may not listen on {address}; allowed: {listed}."
        f" The operator can allow it by {ADDRESSES}."
    )


def _includes(
    allowed: IPv4Address | IPv6Address, wanted: IPv4Address | IPv6Address
) -> bool:
    """Who may listen on all addresses of a family may do so on one."""
    same = allowed.version == wanted.version
    return allowed == wanted or (allowed.is_unspecified and same)


def bound(transport: str, address: str, port: int) -> socket.socket:
    """Return a socket that has the port; TCP's listens. Raises UnusablePlaceError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    opened = socket.socket(family, kind)
    try:
        _prepare(opened, transport)
        opened.bind((address, port))
        if transport != "udp":
            opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        raise UnusablePlaceError(_reason(error, transport, address, port)) from None
    return opened


def _prepare(opened: socket.socket, transport: str) -> None:
    opened.settimeout(0)
    if opened.family == socket.AF_INET6:
        # "::" takes IPv4 too.
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if transport == "udp":
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BYTES)
    else:
        # Connections of before must not keep the port from us.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _reason(error: OSError, transport: str, address: str, port: int) -> str:
    place = f"{'UDP' if transport == 'udp' else 'TCP'} port {port} of {address}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken by another program: choose another port."
    if error.errno == errno.EACCES and port < _FIRST_FREE_PORT:
        return (
            f"{place} is privileged: choose one from {_FIRST_FREE_PORT} on, or give"
            " the collector the capability CAP_NET_BIND_SERVICE."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"The collector's host has no address {address}."
    return f"{place} cannot be listened on: {error.strerror or error}."


# --- Senders -----------------------------------------------------------------------------


class Senders:
    """Which addresses may send; no network stands for all of them."""

    _REMEMBERED = 10_000

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ip_network(text, strict=False) for text in networks]
        self._known: dict[bytes | str, str] = {}

    def name(self, address: bytes | str) -> str:
        """Return the address as people write it, empty when it may not send."""
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= self._REMEMBERED:
                self._known.clear()
            found = self._known[address] = self._name(address)
        return found

    def _name(self, address: bytes | str) -> str:
        if isinstance(address, str):
            address = address.partition("%")[0]  # the zone of a link-local one
        parsed = ip_address(address)
        mapped = getattr(parsed, "ipv4_mapped", None)
        plain = mapped or parsed
        if self._networks and not any(plain in network for network in self._networks):
            return ""
        return str(plain)
