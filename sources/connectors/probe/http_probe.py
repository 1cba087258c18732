"""Asks a URL, and looks at the status, the body and how long each phase took."""

from __future__ import annotations

import ssl
import time
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import re2

from accounts.services.guarded_network import GuardedBackend, said
from sources.connectors.client_settings import USER_AGENT, authorization_of, context_of
from sources.connectors.probe import certificates
from sources.connectors.probe.findings import Findings, ProbeFailedError

MAX_BODY_BYTES = 4 * 2**20
_MAX_HOPS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_PHASES = ("resolve", "connect", "tls", "processing", "transfer")
_SECRET = {"authorization", "cookie"}


class HttpProbe:
    """All URLs of a source are asked alike."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._context = context_of(config)
        self._headers = _headers(config)
        self._conditions = _conditions(config)

    async def probe(self, target: str, findings: Findings) -> None:
        """Raises ProbeFailedError."""
        for phase in _PHASES:
            findings.set("probe_http_duration_seconds", 0, phase=phase)
        findings.set("probe_http_status_code", 0)
        findings.set("probe_http_redirects", 0)
        findings.set("probe_failed_due_to_regex", 0)
        try:
            status, body = await self._followed(url_of(target), findings)
        except ssl.SSLError as error:
            raise ProbeFailedError(certificates.reason_of(error)) from None
        except (OSError, httpcore.NetworkError, httpcore.TimeoutException) as error:
            raise ProbeFailedError(_network_reason(error)) from None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise ProbeFailedError(f"no good HTTP: {error}") from None
        self._judge(status, body, findings)

    async def _followed(self, url: str, findings: Findings) -> tuple[int, bytes]:
        method, headers = self._config.get("method", "GET"), dict(self._headers)
        content = self._config.get("body", "").encode()
        for _ in range(_MAX_HOPS):
            exchange = _Exchange(findings, self._context, self._config)
            status, found, body = await exchange.ask(method, url, headers, content)
            wanted = self._config.get("follow_redirects", True)
            if status not in _REDIRECTS or not wanted or "location" not in found:
                return status, body
            findings.add("probe_http_redirects", 1)
            next_url = urljoin(url, found["location"])
            if urlsplit(next_url).netloc != urlsplit(url).netloc:
                headers = {k: v for k, v in headers.items() if k.lower() not in _SECRET}
            if status not in {307, 308} and method != "HEAD":
                method, content = "GET", b""
            url = next_url
        raise ProbeFailedError(f"more than {_MAX_HOPS} redirects")

    def _judge(self, status: int, body: bytes, findings: Findings) -> None:
        wanted = self._config.get("expected_status") or ["2xx"]
        if not any(_is_status(status, pattern) for pattern in wanted):
            raise ProbeFailedError(f"status {status}, not {' or '.join(wanted)}")
        text = body.decode("utf-8", "replace")
        for condition, told in self._conditions:
            if not condition(text):
                findings.set("probe_failed_due_to_regex", 1)
                raise ProbeFailedError(told)


class _Exchange:
    """One request and its answer, timed by phases."""

    def __init__(
        self, findings: Findings, context: ssl.SSLContext, config: Mapping[str, Any]
    ) -> None:
        self._findings, self._context, self._config = findings, context, config
        self._begun: dict[str, float] = {}
        self._network = GuardedBackend()

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        extensions: dict[str, Any] = {"trace": self._trace}
        if self._config.get("tls_server_name"):
            extensions["sni_hostname"] = self._config["tls_server_name"]
        fields = {"Host": urlsplit(url).netloc, **headers}
        if content:
            fields["Content-Length"] = str(len(content))
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self._context, network_backend=self._network
            ) as pool,
            pool.stream(
                method,
                url,
                headers=list(fields.items()),
                content=content,
                extensions=extensions,
            ) as response,
        ):
            found = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers
            }
            self._tell(response, url, found)
            body = await self._body(response, found)
        return response.status, found, body

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore around each of its steps."""
        step, _, edge = event.rpartition(".")
        now = time.monotonic()
        if edge == "started":
            self._begun[step] = now
            return
        seconds = now - self._begun.get(step, now)
        if step == "connection.connect_tcp":
            looked_up = self._network.lookup.seconds
            self._phase("resolve", looked_up)
            self._phase("connect", max(0.0, seconds - looked_up))
            self._findings.add("probe_dns_lookup_time_seconds", looked_up)
        elif step == "connection.start_tls":
            self._phase("tls", seconds)
        elif step == "http11.receive_response_headers":
            sent = self._begun.get("http11.send_request_headers", now)
            self._phase("processing", now - sent)
        elif step == "http11.receive_response_body":
            self._phase("transfer", seconds)

    def _phase(self, phase: str, seconds: float) -> None:
        self._findings.add("probe_http_duration_seconds", seconds, phase=phase)

    def _tell(
        self, response: httpcore.Response, url: str, headers: Mapping[str, str]
    ) -> None:
        findings = self._findings
        version = response.extensions["http_version"].decode().removeprefix("HTTP/")
        length = headers.get("content-length", "")
        findings.set("probe_http_status_code", response.status)
        findings.set("probe_http_version", float(version))
        findings.set("probe_http_ssl", url.startswith("https:"))
        findings.set(
            "probe_ip_protocol", 6 if ":" in self._network.lookup.address else 4
        )
        findings.set(
            "probe_http_content_length", int(length) if length.isdecimal() else -1
        )
        stream = response.extensions["network_stream"]
        certificates.tell(findings, stream.get_extra_info("ssl_object"))

    async def _body(
        self, response: httpcore.Response, headers: Mapping[str, str]
    ) -> bytes:
        """Return the beginning of the body, unpacked."""
        body = b""
        unpacker = zlib.decompressobj(wbits=31)
        packed = headers.get("content-encoding") == "gzip"
        async for chunk in response.aiter_stream():
            data = chunk
            if packed:
                try:
                    data = unpacker.decompress(chunk, MAX_BODY_BYTES)
                except zlib.error:
                    raise ProbeFailedError("the body is no good gzip") from None
            body += data
            if len(body) >= MAX_BODY_BYTES:
                break
        self._findings.set("probe_http_uncompressed_body_length", len(body))
        return body[:MAX_BODY_BYTES]


def url_of(target: str) -> str:
    """A host alone is asked over HTTP, as blackbox_exporter does."""
    return target if "://" in target else f"http://{target}"


def _headers(config: Mapping[str, Any]) -> dict[str, str]:
    return {
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        **config.get("headers", {}),
        **authorization_of(config),
    }


def _conditions(config: Mapping[str, Any]) -> list[tuple[Any, str]]:
    found: list[tuple[Any, str]] = []
    if text := config.get("body_contains"):
        found.append((lambda body: text in body, f"the body does not contain “{text}”"))
    if pattern := config.get("body_matches"):
        wanted = compiled(pattern)
        told = f"the body does not match {pattern}"
        found.append((lambda body: wanted.search(body) is not None, told))
    if pattern := config.get("body_does_not_match"):
        unwanted = compiled(pattern)
        told = f"the body matches {pattern}"
        found.append((lambda body: unwanted.search(body) is None, told))
    return found


def compiled(pattern: str) -> Any:
    """Raises re2.error."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 * 2**20
    return re2.compile(pattern, options)


def status_problem(pattern: str) -> str:
    try:
        _is_status(200, pattern)
    except ValueError:
        return f"{pattern!r}: write 200, 2xx or 200-299."
    return ""


def _is_status(status: int, pattern: str) -> bool:
    """Raises ValueError for what is no pattern of a status."""
    text = pattern.strip().lower()
    if len(text) == 3 and text.endswith("xx"):  # noqa: PLR2004 - as 2xx
        return status // 100 == int(text[0])
    first, dash, last = text.partition("-")
    return int(first) <= status <= int(last if dash else first)


def _network_reason(error: BaseException) -> str:
    """TLS fails within what httpcore calls an error of connecting."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return certificates.reason_of(seen)
        seen = seen.__cause__ or seen.__context__
    return said(error)
