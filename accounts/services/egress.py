"""Calls to addresses that users name: never into the operator's own network.

The name is resolved once, every address it has is judged, and the connection goes to
an address that was judged, so that a name server cannot answer differently the second
time. Redirects are not followed, proxies of the environment are not used.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
from django.conf import settings

MAX_ANSWER_BYTES = 64 * 2**10
_PORTS = {"http": 80, "https": 443}


class InvalidUrlError(ValueError):
    """The text is no URL that can be called."""


class EgressRefusedError(Exception):
    """The address is private, and the operator does not allow calls to such."""


def check_url(url: str) -> None:
    """Refuse what can never be called, without resolving it. Raises InvalidUrlError."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidUrlError(f"This is no URL: {error}.") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InvalidUrlError("Give an http:// or https:// URL.")
    if parts.username or parts.password:
        raise InvalidUrlError("Put credentials into a header, not into the URL.")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidUrlError("A URL has no spaces and only ASCII characters.")


def post(
    url: str, *, content: bytes, headers: Mapping[str, str], timeout: float
) -> httpx.Response:
    """Send a POST and return the answer, with at most 64 KiB of its body.

    `timeout` is in seconds, for each step and for the body as a whole.
    Raises EgressRefusedError, OSError and httpx.TransportError.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    address = _judged_address(host, parts.port or _PORTS[parts.scheme])
    target = httpx.URL(url).copy_with(host=address)
    request_headers = {**headers, "Host": parts.netloc}
    with (
        httpx.Client(
            timeout=timeout, follow_redirects=False, trust_env=False
        ) as client,
        client.stream(
            "POST",
            target,
            content=content,
            headers=request_headers,
            extensions={"sni_hostname": host},
        ) as response,
    ):
        return _bounded(response, time.monotonic() + timeout)


def _judged_address(host: str, port: int) -> str:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in found]
    if not settings.INTEGRATIONS_ALLOW_PRIVATE_IPS:
        for address in addresses:
            if not is_public(address):
                raise EgressRefusedError(
                    f"{host} is {address}, which is not a public address. The operator "
                    "can allow such with INTEGRATIONS_ALLOW_PRIVATE_IPS=true."
                )
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether the address is one of the public Internet's, in any of its disguises."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner:
            return is_public(str(inner))
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast


def _bounded(response: httpx.Response, deadline: float) -> httpx.Response:
    body = b""
    for chunk in response.iter_raw():
        body += chunk
        if len(body) >= MAX_ANSWER_BYTES or time.monotonic() > deadline:
            break
    headers = [
        (name, value)
        for name, value in response.headers.multi_items()
        if name.lower() not in {"content-encoding", "content-length"}
    ]
    return httpx.Response(
        response.status_code, headers=headers, content=body[:MAX_ANSWER_BYTES]
    )
