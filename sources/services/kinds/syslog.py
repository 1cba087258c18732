"""Syslog, as every Unix and every network device sends it."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import available_timezones

from sources.services.kinds import listen_places, listening
from sources.services.kinds.base import (
    Config,
    Setting,
    SettingType,
    Snippet,
)


def _zone(config: Config) -> list[str]:
    if config["zone"] in available_timezones():
        return []
    return [f"{config['zone']!r} is no time zone: write it as Europe/Berlin."]


def _logger(config: Config) -> str:
    transport = "-d" if listen_places.has_udp(config) else "-T --octet-count"
    place = f"-n {listen_places.host(config)} -P {config['port']}"
    return f"logger {place} {transport} --rfc5424 -t hello 'Hello, Vedette'"


def _how(config: Config) -> str:
    return _rsyslog(config) if config["transport"] == "tls" else _logger(config)


def _rsyslog(config: Config) -> str:
    """The queue is what lets rsyslog wait while nobody listens.

    With the 1,000 messages it has unless told otherwise rsyslog discards some while it
    is busy writing others to disk (discarded.full in its impstats).
    """
    protocol = "udp" if config["transport"] == "udp" else "tcp"
    place = f'target="{listen_places.host(config)}" port="{config["port"]}"'
    lines = [
        f'*.* action(type="omfwd" {place} protocol="{protocol}"',
        '  template="RSYSLOG_SyslogProtocol23Format"',
    ]
    if protocol == "tcp":
        lines += [
            '  TCP_Framing="octet-counted" action.resumeRetryCount="-1"',
            '  queue.type="LinkedList" queue.size="100000" queue.filename="vedette"',
            '  queue.saveOnShutdown="on"',
        ]
    if config["transport"] == "tls":
        lines.append(
            '  StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="anon"'
        )
    return "\n".join([*lines, ")"])


def _syslog_ng(config: Config) -> str:
    transport = {"udp+tcp": "tcp"}.get(config["transport"], config["transport"])
    tls = " tls(peer-verify(yes))" if transport == "tls" else ""
    host = listen_places.host(config)
    return (
        f'destination d_vedette {{ syslog("{host}" port({config["port"]})'
        f' transport("{transport}"){tls} disk-buffer(reliable(no)'
        " disk-buf-size(64M))); };\n"
        "log { source(s_src); destination(d_vedette); };"
    )


def _docker(config: Config) -> str:
    scheme = {"udp": "udp", "tls": "tcp+tls"}.get(config["transport"], "tcp")
    return (
        "docker run --log-driver syslog \\\n"
        f"  --log-opt syslog-address={scheme}://{listen_places.host(config)}:{config['port']} \\\n"
        "  --log-opt syslog-format=rfc5424micro --log-opt tag='{{.Name}}' IMAGE"
    )


def _systemd(config: Config) -> str:
    return (
        "# /etc/systemd/journald.conf: rsyslog or syslog-ng send on what it gets\n"
        "[Journal]\nForwardToSyslog=yes"
    )


def _cisco(config: Config) -> str:
    protocol = "udp" if listen_places.has_udp(config) else "tcp"
    return (
        "! Cisco IOS; others ask for a syslog server and its port\n"
        "service timestamps log datetime msec show-timezone year\n"
        f"logging host {listen_places.host(config)} transport {protocol}"
        f" port {config['port']}"
    )


def _senders(config: Config) -> Sequence[Snippet]:
    snippets = [
        Snippet("rsyslog: /etc/rsyslog.d/60-vedette.conf", _rsyslog(config)),
        Snippet("syslog-ng", _syslog_ng(config)),
        Snippet("Docker", _docker(config)),
        Snippet("systemd", _systemd(config)),
    ]
    if config["transport"] != "tls":
        snippets.insert(0, Snippet("Try it from a shell", _logger(config)))
        snippets.append(Snippet("Network devices", _cisco(config)))
    return snippets


KIND = listening.kind_of(
    name="syslog",
    title="Syslog",
    help_text="Takes syslog of servers and network devices, over UDP, TCP or TLS.",
    connector="sources.connectors.listen.syslog.Syslog",
    settings=listening.settings_of(
        5514,
        Setting(
            "zone",
            SettingType.TEXT,
            "Time zone of the senders",
            "Of times that name none, as those of RFC 3164.",
            default="UTC",
            bounds=(1, 60),
            check=_zone,
        ),
    ),
    how=_how,
    senders=_senders,
)
