"""Names that should resolve, and to what."""

from __future__ import annotations

import dns.exception
import dns.name

from sources.connectors.probe.tcp_probe import host_and_port
from sources.services.kinds.base import Config, Setting, SettingType
from sources.services.kinds.probes import TIMES, kind_of, targets

_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "SRV", "PTR", "CAA")
_CODES = ("NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED")


def _name(target: str) -> str:
    try:
        dns.name.from_text(target)
    except (dns.exception.DNSException, UnicodeError):
        return "this is no name."
    return ""


def _server(config: Config) -> list[str]:
    try:
        host_and_port(config["server"], 53)
    except ValueError:
        return ["Write host or host:port."]
    return []


KIND = kind_of(
    "dns_probe",
    "DNS check",
    "Asks name servers for records, and compares them with what is expected.",
    "search",
    (
        targets("Names to ask for, one a line.", _name),
        *TIMES,
        Setting(
            "record_type",
            SettingType.CHOICE,
            "Type of record",
            choices=tuple((name, name) for name in _TYPES),
            default="A",
        ),
        Setting(
            "expected",
            SettingType.LINES,
            "Expected records",
            "Each must be among the answers; one a line.",
            bounds=(0, 50),
        ),
        Setting(
            "server",
            SettingType.TEXT,
            "Name server",
            "host or host:port; empty: that of the collector's host.",
            bounds=(0, 260),
            check=_server,
            advanced=True,
        ),
        Setting(
            "expected_rcode",
            SettingType.CHOICE,
            "Expected code",
            choices=tuple((name, name) for name in _CODES),
            default="NOERROR",
            advanced=True,
        ),
        Setting(
            "transport",
            SettingType.CHOICE,
            "Transport",
            choices=(("udp", "UDP, then TCP for long answers"), ("tcp", "TCP")),
            default="udp",
            advanced=True,
        ),
    ),
)
