"""Asks a name server for records, and compares them with what is expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from accounts.services.guarded_network import resolve, said
from sources.connectors.probe.findings import Findings, ProbeFailedError
from sources.connectors.probe.tcp_probe import host_and_port

_PORT = 53


class DnsProbe:
    """All names of a source are asked for alike."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._type = dns.rdatatype.from_text(config.get("record_type", "A"))

    async def probe(self, target: str, findings: Findings) -> None:
        """Raises ProbeFailedError."""
        findings.set("probe_dns_query_succeeded", 0)
        try:
            query = dns.message.make_query(target, self._type)
            answer = await self._ask(query)
        except dns.exception.DNSException as error:
            raise ProbeFailedError(f"{type(error).__name__}: {error}") from None
        except OSError as error:
            raise ProbeFailedError(said(error)) from None
        findings.set("probe_dns_query_succeeded", 1)
        self._tell(answer, findings)
        self._judge(answer)

    async def _ask(self, query: dns.message.Message) -> dns.message.Message:
        address, port = await self._server()
        if self._config.get("transport", "udp") == "tcp":
            return await dns.asyncquery.tcp(query, address, port=port)
        answer = await dns.asyncquery.udp(query, address, port=port)
        if answer.flags & dns.flags.TC:
            return await dns.asyncquery.tcp(query, address, port=port)
        return answer

    async def _server(self) -> tuple[str, int]:
        """Return the server's address; that of the system needs nobody's leave."""
        server = self._config.get("server", "")
        if not server:
            found = dns.resolver.Resolver()
            return str(found.nameservers[0]), found.port
        host, port = host_and_port(server, _PORT)
        addresses = await resolve(host, port)
        return addresses[0], port

    def _tell(self, answer: dns.message.Message, findings: Findings) -> None:
        findings.set("probe_dns_rcode", int(answer.rcode()))
        findings.set("probe_dns_answer_rrs", sum(map(len, answer.answer)))
        findings.set("probe_dns_authority_rrs", sum(map(len, answer.authority)))
        findings.set("probe_dns_additional_rrs", sum(map(len, answer.additional)))
        for records in answer.answer:
            if records.rdtype == dns.rdatatype.SOA:
                findings.set("probe_dns_serial", records[0].serial)

    def _judge(self, answer: dns.message.Message) -> None:
        rcode = dns.rcode.to_text(answer.rcode())
        wanted = self._config.get("expected_rcode", "NOERROR")
        if rcode != wanted:
            raise ProbeFailedError(f"the answer is {rcode}, not {wanted}")
        found = {
            _plain(record.to_text())
            for records in answer.answer
            if records.rdtype == self._type
            for record in records
        }
        if wanted == "NOERROR" and not found:
            raise ProbeFailedError("the answer holds no such record")
        missing = [
            v for v in self._config.get("expected", ()) if _plain(v) not in found
        ]
        if missing:
            there = ", ".join(sorted(found)[:5])
            raise ProbeFailedError(f"{missing[0]} is not among {there}")


def _plain(record: str) -> str:
    """Compare names without their last dot, and texts without their quotes."""
    return record.strip().rstrip(".").strip('"').lower()
