"""statsd and DogStatsD, as applications send their metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from sources.services.kinds import listen_places, listening
from sources.services.kinds.base import (
    Config,
    Setting,
    SettingType,
    Snippet,
)

# Prometheus's own, in seconds.
_SECONDS = [
    "0.005",
    "0.01",
    "0.025",
    "0.05",
    "0.1",
    "0.25",
    "0.5",
    "1",
    "2.5",
    "5",
    "10",
]
_NUMBERS = [
    "1",
    "2.5",
    "5",
    "10",
    "25",
    "50",
    "100",
    "250",
    "500",
    "1000",
    "2500",
    "5000",
    "10000",
    "100000",
    "1000000",
]
_MOST_BUCKETS = 50


def _buckets(key: str) -> Callable[[Config], list[str]]:
    def check(config: Config) -> list[str]:
        try:
            bounds = [float(text) for text in config[key]]
        except ValueError:
            return ["Write one number a line."]
        if not all(map(math.isfinite, bounds)) or len(set(bounds)) < len(bounds):
            return ["Each bound must be a number of its own; +Inf is always there."]
        return []

    return check


def _how(config: Config) -> str:
    host, port = listen_places.host(config), config["port"]
    if config["transport"] == "tls":
        connect = f"openssl s_client -quiet -connect {host}:{port}"
        return f"printf 'hello:1|c\\n' | {connect}"
    udp = "-u " if listen_places.has_udp(config) else ""
    return f"printf 'hello:1|c\\n' | nc {udp}-w1 {host} {port}"


def _senders(config: Config) -> Sequence[Snippet]:
    host, port = listen_places.host(config), config["port"]
    python = (
        "# pip install statsd\n"
        "from statsd import StatsClient\n"
        f'StatsClient("{host}", {port}).timing("checkout.time", 320)  # in milliseconds'
    )
    datadog = f"DD_AGENT_HOST={host} DD_DOGSTATSD_PORT={port}"
    snippets = [Snippet("Try it from a shell", _how(config))]
    if listen_places.has_udp(config):
        snippets += [
            Snippet("Python", python),
            Snippet("Datadog's libraries: environment", datadog),
        ]
    return snippets


KIND = listening.kind_of(
    name="statsd",
    title="statsd",
    help_text="Takes metrics of applications, with DogStatsD's tags, and adds them up.",
    connector="sources.connectors.listen.statsd.Statsd",
    settings=listening.settings_of(
        8125,
        Setting(
            "flush_seconds",
            SettingType.SECONDS,
            "Seconds between two samples",
            default=10,
            bounds=(1, 300),
        ),
        Setting(
            "timers",
            SettingType.CHOICE,
            "Timers and histograms become",
            choices=(("histogram", "Histograms"), ("summary", "Summaries")),
            default="histogram",
        ),
        Setting(
            "timer_buckets",
            SettingType.LINES,
            "Buckets of timers, in seconds",
            "One bound a line.",
            default=_SECONDS,
            bounds=(1, _MOST_BUCKETS),
            check=_buckets("timer_buckets"),
            advanced=True,
        ),
        Setting(
            "histogram_buckets",
            SettingType.LINES,
            "Buckets of histograms and distributions",
            "One bound a line.",
            default=_NUMBERS,
            bounds=(1, _MOST_BUCKETS),
            check=_buckets("histogram_buckets"),
            advanced=True,
        ),
    ),
    how=_how,
    senders=_senders,
    has_lines=False,
)
