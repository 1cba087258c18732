"""One GET of one target, exactly as Prometheus asks, within bounds and in time."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpcore

from accounts.services.egress import EgressRefusedError
from accounts.services.guarded_network import GuardedBackend, said
from sources.connectors.client_settings import (
    USER_AGENT,
    authorization,
    tls_context,
)
from sources.connectors.scrape.settings import ScrapeSettings

ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
_MAX_HOPS = 10
# More would cost the process its descriptors.
_KEPT_OPEN = 300
_REDIRECTS = {301, 302, 303, 307, 308}
_GONE_ON_OTHER_HOSTS = {"authorization", "cookie"}


class ScrapeError(Exception):
    """The target could not be scraped; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    content_type: str


class Client:
    """Keeps a connection to each target of one source. Belongs to one event loop.

    Each URL has a pool of its own: one pool of hundreds of connections looks through
    all of them whenever one is needed.
    """

    def __init__(self, settings: ScrapeSettings) -> None:
        self._settings = settings
        self._headers = _own_headers(settings)
        self._context = tls_context(verify=settings.tls.verify, ca=settings.tls.ca)
        self._network = GuardedBackend()
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def forget(self, url: str) -> None:
        """Close the connection to a target that is no more."""
        pool = self._pools.pop(url, None)
        if pool is not None:
            await pool.aclose()

    def _pool_of(self, url: str) -> httpcore.AsyncConnectionPool:
        if url not in self._pools:
            keeps = len(self._pools) < _KEPT_OPEN
            self._pools[url] = httpcore.AsyncConnectionPool(
                ssl_context=self._context,
                max_keepalive_connections=1 if keeps else 0,
                # Targets are asked at every interval: keep what is open that long.
                keepalive_expiry=self._settings.interval * 2 + 5,
                network_backend=self._network,
            )
        return self._pools[url]

    async def get(
        self, url: str, headers: Mapping[str, str], *, seconds: float, limit: int
    ) -> Answer:
        """Raises ScrapeError."""
        try:
            async with asyncio.timeout(seconds):
                return await self._followed(url, {**self._headers, **headers}, limit)
        except TimeoutError:
            raise ScrapeError(f"no answer within {seconds:g} s") from None
        except EgressRefusedError as error:
            raise ScrapeError(str(error)) from None
        except (OSError, httpcore.NetworkError, httpcore.TimeoutException) as error:
            raise ScrapeError(said(error)) from None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise ScrapeError(f"no good HTTP: {error}") from None

    async def _followed(self, url: str, headers: dict[str, str], limit: int) -> Answer:
        """Follow redirects; each hop is judged by itself."""
        pool = self._pool_of(url)
        for _ in range(_MAX_HOPS):
            answer = await self._once(pool, url, headers, limit)
            if isinstance(answer, Answer):
                return answer
            target = urljoin(url, answer)
            if urlsplit(target).netloc != urlsplit(url).netloc:
                gone = _GONE_ON_OTHER_HOSTS
                headers = {k: v for k, v in headers.items() if k.lower() not in gone}
            url = target
        raise ScrapeError(f"more than {_MAX_HOPS} redirects")

    async def _once(
        self,
        pool: httpcore.AsyncConnectionPool,
        url: str,
        headers: dict[str, str],
        limit: int,
    ) -> Answer | str:
        """Return the answer, or where it redirects to."""
        fields = {"Host": urlsplit(url).netloc, **headers}
        server_name = self._settings.tls.server_name
        async with pool.stream(
            "GET",
            url,
            headers=list(fields.items()),
            extensions={"sni_hostname": server_name} if server_name else {},
        ) as response:
            said_headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers
            }
            goes_on = self._settings.follow_redirects and "location" in said_headers
            if response.status in _REDIRECTS and goes_on:
                return said_headers["location"]
            if response.status != 200:  # noqa: PLR2004 - OK
                raise ScrapeError(f"server returned HTTP status {response.status}")
            packed = said_headers.get("content-encoding", "") == "gzip"
            body = await _body(response, limit, packed=packed)
        return Answer(body, said_headers.get("content-type", ""))


async def _body(response: httpcore.Response, limit: int, *, packed: bool) -> bytes:
    """Raises ScrapeError when there is more than the limit once it is unpacked."""
    chunks, size = [], 0
    unpacker = zlib.decompressobj(wbits=31)
    async for chunk in response.aiter_stream():
        data = chunk
        if packed:
            try:
                data = unpacker.decompress(chunk, limit - size + 1)
            except zlib.error:
                raise ScrapeError("the body is no good gzip") from None
        size += len(data)
        if size > limit:
            raise ScrapeError(f"the body exceeds the limit of {limit} bytes")
        chunks.append(data)
    if packed and not unpacker.eof:
        raise ScrapeError("the gzip'd body ends too early")
    return b"".join(chunks)


def _own_headers(settings: ScrapeSettings) -> Mapping[str, str]:
    who = authorization(settings.username, settings.password, settings.bearer_token)
    return {**settings.headers, **who}


def scrape_headers(timeout_ms: int) -> dict[str, str]:
    """Return what Prometheus says when it scrapes."""
    return {
        "User-Agent": USER_AGENT,
        "Accept": ACCEPT,
        "Accept-Encoding": "gzip",
        "X-Prometheus-Scrape-Timeout-Seconds": f"{timeout_ms / 1000:g}",
    }
