"""Connects to a port, and holds a short conversation where one is wished."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from typing import Any

from accounts.services.guarded_network import resolve, said
from sources.connectors.client_settings import context_of
from sources.connectors.probe import certificates
from sources.connectors.probe.findings import Findings, ProbeFailedError
from sources.connectors.probe.http_probe import compiled

_READ_BYTES = 64 * 2**10

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TcpProbe:
    """All ports of a source are probed alike."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._context = context_of(config) if config.get("tls") else None
        self._expected = compiled(config["expect"]) if config.get("expect") else None

    async def probe(self, target: str, findings: Findings) -> None:
        """Raises ProbeFailedError."""
        if self._expected is not None:
            findings.set("probe_failed_due_to_regex", 0)
        host, port = host_and_port(target)
        reader, writer = await connect(
            host,
            port,
            findings,
            self._context,
            self._config.get("tls_server_name") or host,
        )
        try:
            certificates.tell(findings, writer.get_extra_info("ssl_object"))
            await self._talk(reader, writer, findings)
        finally:
            writer.close()

    async def _talk(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        findings: Findings,
    ) -> None:
        if self._config.get("send"):
            writer.write(_unescaped(self._config["send"]))
        heard = b""
        while self._expected is not None:
            try:
                data = await reader.read(_READ_BYTES)
            except OSError as error:
                raise ProbeFailedError(said(error)) from None
            heard += data
            if self._expected.search(heard.decode("utf-8", "replace")):
                return
            if not data or len(heard) > _READ_BYTES:
                findings.set("probe_failed_due_to_regex", 1)
                start = heard[:100].decode("utf-8", "replace")
                raise ProbeFailedError(
                    f"expected {self._config['expect']}, got {start!r}"
                )


async def connect(
    host: str,
    port: int,
    findings: Findings,
    context: ssl.SSLContext | None,
    server_name: str,
) -> Streams:
    """Connect to the first address that answers. Raises ProbeFailedError."""
    begun = time.monotonic()
    try:
        addresses = await resolve(host, port)
    except OSError as error:
        raise ProbeFailedError(f"{host}: {said(error)}") from None
    findings.set("probe_dns_lookup_time_seconds", time.monotonic() - begun)
    problem = f"{host} has no address"
    for address in addresses:
        findings.set("probe_ip_protocol", 6 if ":" in address else 4)
        try:
            return await asyncio.open_connection(
                address,
                port,
                ssl=context,
                server_hostname=server_name if context else None,
            )
        except ssl.SSLError as error:
            raise ProbeFailedError(certificates.reason_of(error)) from None
        except OSError as error:
            problem = said(error)
    raise ProbeFailedError(problem)


def host_and_port(target: str, default: int | None = None) -> tuple[str, int]:
    """Raises ValueError for what is no host with a port."""
    host, colon, port = target.rpartition(":")
    if not colon or target.endswith("]") or (host.count(":") and host[0] != "["):
        if default is None:
            raise ValueError("write host:port")
        host, port = target, str(default)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError("write host:port")
    return host, int(port)


def _unescaped(text: str) -> bytes:
    r"""\r and \n are written as such."""
    return text.replace("\\r", "\r").replace("\\n", "\n").encode()
