"""What kinds that listen have in common: their settings, and how they are declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_network

from sources.connectors.listen.certificates import (
    MAX_PEM,
    file_problem,
)
from sources.connectors.listen.places import address_problem
from sources.services.kinds.base import (
    Config,
    Errors,
    Group,
    Kind,
    Setting,
    SettingType,
    Snippet,
)
from sources.services.kinds.common import HOST, certificates_check
from sources.services.kinds.listen_places import TRANSPORTS, where
from sources.services.kinds.listen_probing import How, newest_of, test_of

_MOST_CONNECTIONS = 10_000


# --- Checks ----------------------------------------------------------------------------


def _address(config: Config) -> list[str]:
    problem = address_problem(config["address"]) if config["address"] else ""
    return [problem] if problem else []


def _networks(config: Config) -> list[str]:
    problems = []
    for text in config["allowed_networks"]:
        try:
            ip_network(text, strict=False)
        except ValueError:
            problems.append(f"{text!r} is no network: write it as 10.0.0.0/8.")
    return problems[:3]


def _file(key: str) -> Callable[[Config], list[str]]:
    def check(config: Config) -> list[str]:
        problem = file_problem(config[key]) if config[key] else ""
        return [problem] if problem else []

    return check


def _together(config: Config) -> Errors:
    """Return what is wrong with settings that are right one by one."""
    if config.get("transport") != "tls":
        return {}
    if not (config.get("tls_certificate_file") or config.get("tls_certificate")):
        told = "TLS needs a certificate: give its file, or over the API its text."
        return {"tls_certificate_file": [told]}
    return {}


# --- Settings --------------------------------------------------------------------------


def settings_of(port: int, *own: Setting) -> tuple[Setting, ...]:
    """Return the settings of a kind whose senders expect that port."""
    return (
        Setting(
            "port",
            SettingType.INTEGER,
            "Port",
            "From 1024 on, unless the collector may open lower ones.",
            default=port,
            bounds=(1, 65_535),
        ),
        Setting(
            "transport",
            SettingType.CHOICE,
            "Transport",
            choices=TRANSPORTS,
            default="udp+tcp",
        ),
        Setting(
            "allowed_networks",
            SettingType.LINES,
            "Networks that may send",
            "One a line, as 10.0.0.0/8; empty: whoever reaches the port.",
            bounds=(0, 200),
            check=_networks,
        ),
        *own,
        *_ADVANCED,
        HOST,
    )


_ADVANCED = (
    Setting(
        "address",
        SettingType.TEXT,
        "Address to listen on",
        "One of COLLECTOR_LISTEN_ADDRESSES; empty: the first of them.",
        bounds=(0, 45),
        check=_address,
        advanced=True,
    ),
    Setting(
        "max_message_bytes",
        SettingType.INTEGER,
        "Longest message, in bytes",
        "Longer ones are left out and counted.",
        default=65_536,
        bounds=(480, 256 * 2**10),
        advanced=True,
    ),
    Setting(
        "max_connections",
        SettingType.INTEGER,
        "Most connections",
        default=500,
        bounds=(1, _MOST_CONNECTIONS),
        advanced=True,
    ),
    Setting(
        "idle_seconds",
        SettingType.SECONDS,
        "Seconds until a silent connection is closed",
        default=3600,
        bounds=(1, 7 * 86_400),
        advanced=True,
    ),
    Setting(
        "tls_certificate_file",
        SettingType.TEXT,
        "File of the certificate",
        "In PEM, with its chain; below FILE_SOURCE_ROOTS.",
        check=_file("tls_certificate_file"),
        advanced=True,
    ),
    Setting(
        "tls_key_file",
        SettingType.TEXT,
        "File of its key",
        "In PEM, without a password; empty where the certificate's file has it.",
        check=_file("tls_key_file"),
        advanced=True,
    ),
    Setting(
        "tls_client_ca_file",
        SettingType.TEXT,
        "File of the clients' CA",
        "Only clients with a certificate of it may send; empty: all may.",
        check=_file("tls_client_ca_file"),
        advanced=True,
    ),
    Setting(
        "tls_certificate",
        SettingType.TEXT,
        "The certificate itself, in PEM",
        bounds=(0, MAX_PEM),
        check=certificates_check("tls_certificate"),
        asked=False,
    ),
    Setting(
        "tls_key",
        SettingType.SECRET,
        "Its key, in PEM",
        bounds=(0, MAX_PEM),
        asked=False,
    ),
    Setting(
        "tls_client_ca",
        SettingType.TEXT,
        "The clients' CA itself, in PEM",
        bounds=(0, MAX_PEM),
        check=certificates_check("tls_client_ca"),
        asked=False,
    ),
)


# --- Kinds -----------------------------------------------------------------------------


def kind_of(
    *,
    name: str,
    title: str,
    help_text: str,
    connector: str,
    settings: tuple[Setting, ...],
    how: How,
    senders: Callable[[Config], Sequence[Snippet]],
    has_lines: bool = True,
) -> Kind:
    """Return a kind; `how` says in a line how to send to it, `senders` at length."""
    return Kind(
        name=name,
        title=title,
        help=help_text,
        icon="logs" if has_lines else "metrics",
        group=Group.PUSHED,
        has_lines=has_lines,
        connector=connector,
        test=test_of(name, connector, how),
        newest_lines=newest_of(name, connector, how) if has_lines else None,
        where=where,
        settings=settings,
        check=_together,
        senders=senders,
    )
