"""Certificates, and how long they are good."""

from __future__ import annotations

from sources.connectors.probe.tcp_probe import host_and_port
from sources.connectors.probe.tls_probe import DEFAULT_PORT
from sources.services.kinds.base import Setting, SettingType
from sources.services.kinds.probes import TIMES, TLS, kind_of, targets


def _target(target: str) -> str:
    try:
        host_and_port(target, DEFAULT_PORT)
    except ValueError:
        return "write host or host:port."
    return ""


KIND = kind_of(
    "tls_probe",
    "TLS certificate",
    "Looks at the certificate of any port that speaks TLS, and when it ends.",
    "key",
    (
        targets("One a line, as host or host:port.", _target),
        *TIMES,
        Setting(
            "least_days",
            SettingType.NUMBER,
            "Days that must be left",
            default=0,
            bounds=(0, 3650),
        ),
        *TLS,
    ),
)
