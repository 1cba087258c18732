"""What kinds that listen have in common: their settings, trying one out, and how to send."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from monitoring.telemetry import LogBatch
from sources.connectors import Harvest, Outcome, SourceSpec
from sources.connectors.listen import Listener
from sources.connectors.listen.certificates import (
    MAX_PEM,
    file_problem,
)
from sources.connectors.listen.places import address_problem
from sources.services.kinds.base import (
    Config,
    Errors,
    Probe,
    ProbedSample,
    Setting,
    SettingType,
)
from sources.services.kinds.common import HOST, certificates_check

# Somebody waits for the answer.
TEST_SECONDS = 2.0
_LINES_SHOWN = 200
_SAMPLES_SHOWN = 20
_MOST_CONNECTIONS = 10_000

TRANSPORTS = (
    ("udp+tcp", "UDP and TCP"),
    ("udp", "UDP"),
    ("tcp", "TCP"),
    ("tls", "TLS over TCP"),
)


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


def together(config: Config) -> Errors:
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


# --- Trying it out ---------------------------------------------------------------------


def test_of(
    kind: str, connector: str, how: Callable[[Config], str]
) -> Callable[[Config], Probe]:
    """Return what tests a kind: it listens for a moment, and shows what came."""

    def test(config: Config) -> Probe:
        problem, harvest = listen(kind, connector, config)
        if problem:
            return Probe(ok=False, text=problem, problems=[problem])
        place = where("", config)
        if harvest is None:
            told = f"{place} can be listened on. Nothing came within {TEST_SECONDS:g} s"
            return Probe(ok=True, text=f"{told}; try: {how(config)}")
        first = _first(harvest)
        text = f"{place}: {first[0].series if first else 'messages'} came at once."
        if isinstance(harvest.batch, LogBatch):
            line = _lines(harvest)[0]
            text = f"{place}: {harvest.batch.count} came at once, first: {line[:200]}"
        return Probe(ok=True, text=text, samples=first, total=_count(harvest))

    return test


def newest_of(
    kind: str, connector: str, how: Callable[[Config], str]
) -> Callable[[Config, list[str]], tuple[list[str], str]]:
    def newest_lines(config: Config, problems: list[str]) -> tuple[list[str], str]:
        problem, harvest = listen(kind, connector, config)
        place = where("", config)
        if harvest is None:
            nothing = f"Nothing came to {place} just now. Try: {how(config)}"
            problems.append(problem or nothing)
            return [], ""
        return _lines(harvest), place

    return newest_lines


def listen(kind: str, connector: str, config: Config) -> tuple[str, Harvest | None]:
    """Listen until something comes, or for TEST_SECONDS; return a problem or that.

    What comes is taken from the network, and stored nowhere.
    """
    woken = threading.Event()
    spec = SourceSpec(0, 0, None, kind, "test", _at_once(config), {}, 1)
    listener: Listener = import_string(connector)(spec, woken.set)
    ends = time.monotonic() + TEST_SECONDS
    listener.open(timezone.now())
    try:
        while (left := ends - time.monotonic()) > 0 and not listener.problem:
            harvest = listener.poll(timezone.now())
            if harvest is not None:
                listener.settle(Outcome.REFUSED, timezone.now())
                return "", harvest
            woken.wait(min(left, _LOOK_SECONDS))
            woken.clear()
        return _problem(listener.problem), None
    finally:
        listener.close()


_LOOK_SECONDS = 0.1


def _at_once(config: Config) -> dict[str, Any]:
    return {**config, "flush_seconds": _LOOK_SECONDS} if config else {}


def _problem(problem: str) -> str:
    if "is taken by" not in problem:
        return problem
    return f"{problem} If this source is enabled, it is its collector that has it."


def _lines(harvest: Harvest) -> list[str]:
    column = harvest.batch.table.column("line")  # type: ignore[union-attr]  # of lines
    lines: list[str] = column.slice(0, _LINES_SHOWN).to_pylist()
    return lines


def _count(harvest: Harvest) -> int:
    return sum(batch.count for batch in harvest.batches)


def _first(harvest: Harvest) -> Sequence[ProbedSample]:
    found: list[ProbedSample] = []
    for batch in harvest.batches:
        if isinstance(batch, LogBatch):
            continue
        pairs = zip(batch.series_index.tolist(), batch.values.tolist(), strict=True)
        for index, value in pairs:
            found.append(ProbedSample(_written(dict(batch.series[index])), value))
    return found[:_SAMPLES_SHOWN]


def _written(labels: Mapping[str, str]) -> str:
    own = {"__name__", "source"}
    inner = ", ".join(f'{n}="{v}"' for n, v in labels.items() if n not in own)
    return f"{labels['__name__']}{{{inner}}}" if inner else labels["__name__"]


# --- How to send -----------------------------------------------------------------------


def where(name: str, config: Config) -> str:
    """Return the place as people write it, such as "UDP and TCP port 5514"."""
    words = dict(TRANSPORTS)[config.get("transport", "udp+tcp")]
    return f"{words}, port {config.get('port')} of {address(config)}"


def address(config: Config) -> str:
    allowed = settings.COLLECTOR_LISTEN_ADDRESSES or ["127.0.0.1"]
    return str(config.get("address") or allowed[0])


def host(config: Config) -> str:
    """Return what senders call the collector's host; HOST where only they know."""
    listens_on = ip_address(address(config))
    return "HOST" if listens_on.is_unspecified else str(listens_on)


def has_udp(config: Config) -> bool:
    return "udp" in config.get("transport", "udp+tcp")
