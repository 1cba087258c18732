"""Connections of streams: guarded, with the headers and certificates of the settings."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore
from websockets.exceptions import (
    ConnectionClosed,
    InvalidStatus,
    WebSocketException,
)

from accounts.services.egress import EgressRefusedError
from accounts.services.guarded_network import GuardedBackend, said
from sources.connectors.client_settings import USER_AGENT, authorization_of, context_of

CONNECT_SECONDS = 10.0
_OK, _CLIENT_ERROR = 200, 300
_SHOWN = 200
# An error may be told at length, or never to its end.
_REASON_SECONDS = 0.5


class StreamError(Exception):
    """The stream cannot be followed; the text is a sentence that says why."""


def told(error: BaseException) -> str:
    """Return an error of the network as a sentence; empty for what is none."""
    tls = _tls_error(error)
    if tls is not None:
        reason = getattr(tls, "verify_message", "") or tls.reason or str(tls)
        return f"TLS failed: {reason}."
    for kinds, words in _TOLD:
        if isinstance(error, kinds):
            return words(error)
    return ""


_TOLD: tuple[tuple[tuple[type[BaseException], ...], Callable[[Any], str]], ...] = (
    ((EgressRefusedError,), lambda e: f"{str(e).rstrip('.')}."),
    (
        (InvalidStatus,),
        lambda e: f"The server answered {e.response.status_code}, no WebSocket.",
    ),
    ((ConnectionClosed,), lambda e: f"The connection ended: {e}."),
    ((WebSocketException, ValueError), lambda e: f"This is no good WebSocket: {e}."),
    (
        (TimeoutError, httpcore.TimeoutException),
        lambda _: "The server did not answer in time.",
    ),
    ((OSError, httpcore.NetworkError), lambda e: f"Connecting failed: {said(e)}."),
    (
        (httpcore.ProtocolError, httpcore.UnsupportedProtocol),
        lambda e: f"This is no good HTTP: {e}.",
    ),
)


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def headers_of(config: Mapping[str, Any]) -> dict[str, str]:
    own = config.get("headers") or {}
    return {"User-Agent": USER_AGENT, **own, **authorization_of(config)}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    response: httpcore.Response

    async def body(self, limit: int) -> bytes:
        """Raises StreamError when there is more."""
        data = b""
        async for chunk in self.response.aiter_stream():
            data += chunk
            if len(data) > limit:
                raise StreamError(f"The answer has more than {limit:,} bytes.")
        return data


class Http:
    """Asks one server; belongs to one event loop. Redirects are not followed."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._headers = headers_of(config)
        self._server_name = config.get("tls_server_name", "")
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context_of(config),
            max_connections=4,
            keepalive_expiry=90,
            network_backend=GuardedBackend(),
        )

    async def close(self) -> None:
        await self._pool.aclose()

    @asynccontextmanager
    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        idle_seconds: float | None = 30,
    ) -> AsyncIterator[Answer]:
        """Raises StreamError for an answer that is an error, and what networks raise."""
        fields = {"Host": urlsplit(url).netloc, **self._headers, **(headers or {})}
        if content:
            fields["Content-Length"] = str(len(content))
        extensions: dict[str, Any] = {
            "timeout": {
                "connect": CONNECT_SECONDS,
                "read": idle_seconds,
                "write": CONNECT_SECONDS,
                "pool": CONNECT_SECONDS,
            }
        }
        if self._server_name:
            extensions["sni_hostname"] = self._server_name
        async with self._pool.stream(
            method,
            url,
            headers=list(fields.items()),
            content=content,
            extensions=extensions,
        ) as response:
            found = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers
            }
            yield Answer(response.status, found, response)


async def require_good(answer: Answer, url: str) -> None:
    """Raises StreamError."""
    if _OK <= answer.status < _CLIENT_ERROR:
        return
    begin = b""
    with suppress(TimeoutError, httpcore.ReadTimeout):
        async with asyncio.timeout(_REASON_SECONDS):
            async for chunk in answer.response.aiter_stream():
                begin += chunk
                if len(begin) >= _SHOWN:
                    break
    text = " ".join(begin[:_SHOWN].decode("utf-8", "replace").split())
    place = answer.headers.get("location")
    more = f", and leads to {place}" if place else f": {text}" if text else ""
    raise StreamError(f"{urlsplit(url).netloc} answered {answer.status}{more}.")
