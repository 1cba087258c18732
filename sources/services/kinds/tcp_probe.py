"""Ports that should be open, and what they should say."""

from __future__ import annotations

from sources.connectors.probe.tcp_probe import host_and_port
from sources.services.kinds.base import Setting, SettingType
from sources.services.kinds.probes import TIMES, TLS, expression, kind_of, targets


def _target(target: str) -> str:
    try:
        host_and_port(target)
    except ValueError:
        return "write host:port."
    return ""


KIND = kind_of(
    "tcp_probe",
    "TCP check",
    "Connects to ports, and holds a short conversation where one is wished.",
    "link",
    (
        targets("One a line, as host:port.", _target),
        *TIMES,
        Setting("tls", SettingType.BOOLEAN, "Speak TLS", default=False),
        Setting(
            "send",
            SettingType.TEXT,
            "Text to send",
            r"\r and \n stand for the ends of lines.",
            bounds=(0, 1000),
            advanced=True,
        ),
        expression(
            "expect", "Expression that the answer matches", "In RE2, anywhere in it."
        ),
        *TLS,
    ),
)
