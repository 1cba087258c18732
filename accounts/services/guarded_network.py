"""The same guard as egress has, for clients that go on talking: scrapes, probes, streams.

A source is set up by people who may know the operator's network better than we do, so
the operator can open parts of it to sources, by SOURCE_ALLOWED_NETWORKS, which
webhooks do not get to. The name is resolved and judged at each connection, also
at those that a redirect leads to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore
from django.conf import settings
from typing_extensions import override

from accounts.services.egress import EgressRefusedError, is_public


@dataclass(slots=True)
class Lookup:
    """What resolving a name took, in seconds, and the address that was chosen."""

    seconds: float = 0.0
    address: str = ""


def is_allowed(address: str) -> bool:
    """Whether sources may connect to the address."""
    if settings.INTEGRATIONS_ALLOW_PRIVATE_IPS or is_public(address):
        return True
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in settings.SOURCE_ALLOWED_NETWORKS)


def require_allowed(host: str, addresses: Iterable[str]) -> None:
    """Raises EgressRefusedError."""
    for address in addresses:
        if not is_allowed(address):
            raise EgressRefusedError(
                f"{host} is {address}, which is not a public address. The operator can "
                "open private networks to sources by SOURCE_ALLOWED_NETWORKS."
            )


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, all of them judged.

    Raises EgressRefusedError and OSError.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError(f"{host!r} is no name of a host") from None
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    require_allowed(host, addresses)
    return addresses


class GuardedBackend(httpcore.AnyIOBackend):
    """Lets httpcore connect to judged addresses only; `lookup` tells of the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.lookup = Lookup()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Try the addresses in their order. Raises EgressRefusedError."""
        begun = time.monotonic()
        try:
            addresses = await resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"{host}: {said(error)}") from error
        seconds = time.monotonic() - begun
        for place, address in enumerate(addresses):
            self.lookup = Lookup(seconds, address)
            try:
                return await super().connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                if place == len(addresses) - 1:
                    raise httpcore.ConnectError(said(error)) from error
        raise httpcore.ConnectError(f"{host} has no address")


def said(error: BaseException) -> str:
    """Return an error of the network in a few words."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            # asyncio writes the address instead; a resolver's numbers are not errno's.
            is_plain = not isinstance(seen, socket.gaierror) and (seen.errno or 0) > 0
            return (os.strerror(seen.errno or 0) if is_plain else seen.strerror).lower()
        # anyio gathers the errors of several attempts.
        inner = getattr(seen, "exceptions", None)
        seen = inner[0] if inner else seen.__cause__ or seen.__context__
    return str(error) or type(error).__name__
