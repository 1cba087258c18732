"""Looks at the certificate of any port that speaks TLS from the first byte."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from sources.connectors.client_settings import context_of
from sources.connectors.probe import certificates
from sources.connectors.probe.findings import Findings, ProbeFailedError
from sources.connectors.probe.tcp_probe import connect, host_and_port

DEFAULT_PORT = 443


class TlsProbe:
    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._context = context_of(config)

    async def probe(self, target: str, findings: Findings) -> None:
        """Raises ProbeFailedError."""
        host, port = host_and_port(target, DEFAULT_PORT)
        name = self._config.get("tls_server_name") or host
        try:
            days = await self._look(host, port, name, self._context, findings)
        except ProbeFailedError:
            # A certificate that is not trusted has its end, too.
            if self._context.verify_mode is not ssl.CERT_NONE:
                await self._look_anyway(host, port, name, findings)
            raise
        least = self._config.get("least_days", 0)
        if days is not None and days < least:
            raise ProbeFailedError(
                f"the certificate ends in {days:.1f} days, and {least} are wanted"
            )

    async def _look_anyway(
        self, host: str, port: int, name: str, findings: Findings
    ) -> None:
        trusting = context_of({"tls_verify": False})
        try:
            await self._look(host, port, name, trusting, findings)
        except ProbeFailedError:
            return

    async def _look(
        self,
        host: str,
        port: int,
        name: str,
        context: ssl.SSLContext,
        findings: Findings,
    ) -> float | None:
        """Return how many days are left. Raises ProbeFailedError."""
        _, writer = await connect(host, port, findings, context, name)
        try:
            return certificates.tell(findings, writer.get_extra_info("ssl_object"))
        finally:
            writer.close()
