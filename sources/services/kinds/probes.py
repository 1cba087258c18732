"""What kinds of probes have in common: their settings, and trying one out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import re2

from monitoring.labels import series_text
from sources.connectors.probe import PROBERS, Probed, probe
from sources.connectors.probe.http_probe import compiled
from sources.services.kinds.base import (
    Config,
    Group,
    Kind,
    Probe,
    ProbedSample,
    Setting,
    SettingType,
)
from sources.services.kinds.common import HOST, few_of, tls_server_name, tls_verify

CONNECTOR = "sources.connectors.probe.Probe"
TARGETS_TRIED = 5
SAMPLES_SHOWN = 20
# Somebody waits for the answer.
MAX_SECONDS = 5.0
MAX_TARGETS = 500


def targets(help_text: str, check: Callable[[str], str]) -> Setting:
    """Return the setting of what is probed; `check` says what is wrong with one."""

    def problems(config: Config) -> list[str]:
        told = ((target, check(target)) for target in config["targets"])
        return [f"{target}: {problem}" for target, problem in told if problem][:3]

    return Setting(
        "targets",
        SettingType.LINES,
        "Targets",
        help_text,
        required=True,
        bounds=(1, MAX_TARGETS),
        check=problems,
        missing="Give at least one target.",
    )


TIMES = (
    Setting(
        "interval_seconds",
        SettingType.SECONDS,
        "Seconds between two probes",
        default=60,
        bounds=(1, 86_400),
    ),
    Setting(
        "timeout_seconds",
        SettingType.SECONDS,
        "Seconds that a target has to answer",
        default=10,
        bounds=(0.1, 600),
    ),
)
TLS = (tls_verify(), tls_server_name("Empty: the host that is asked."))


def expression(key: str, label: str, help_text: str = "") -> Setting:
    """Return a setting for a regular expression in RE2."""

    def check(config: Config) -> list[str]:
        try:
            compiled(config[key])
        except re2.error as error:
            return [f"This is no expression in RE2: {error}."]
        return []

    return Setting(
        key,
        SettingType.TEXT,
        label,
        help_text,
        bounds=(0, 1000),
        check=check,
        advanced=True,
    )


def kind_of(
    name: str,
    title: str,
    help_text: str,
    icon: str,
    settings: tuple[Setting, ...],
    *,
    addresses: tuple[str, ...] = (),
) -> Kind:
    def test(config: Config) -> Probe:
        return _test(name, config)

    return Kind(
        name=name,
        title=title,
        help=help_text,
        icon=icon,
        group=Group.CHECKED,
        connector=CONNECTOR,
        test=test,
        where=_where,
        settings=(*settings, HOST),
        check=_together,
        addresses=addresses,
    )


def _together(config: Config) -> dict[str, list[str]]:
    if config.get("timeout_seconds", 10) <= config.get("interval_seconds", 60):
        return {}
    return {"timeout_seconds": ["The timeout may not be longer than the interval."]}


def _where(name: str, config: Config) -> str:
    places = few_of(config.get("targets", []))
    return f"{places}, every {config.get('interval_seconds', 60):g} s"


def _test(name: str, config: Config) -> Probe:
    first = config["targets"][:TARGETS_TRIED]
    found = asyncio.run(_probe_all(name, config, first))
    good = sum(not one.reason for one in found.values())
    problems = [f"{t}: {one.reason}." for t, one in found.items() if one.reason]
    samples = [s for target, one in found.items() for s in _samples(target, one)]
    text = (
        f"{good} of {len(first)} {'target' if len(first) == 1 else 'targets'} are well."
    )
    return Probe(
        ok=good > 0,
        text=" ".join([text, *problems[:1]]),
        problems=problems,
        samples=samples[:SAMPLES_SHOWN],
        total=len(samples),
    )


async def _probe_all(
    name: str, config: Mapping[str, Any], first: list[str]
) -> dict[str, Probed]:
    prober = PROBERS[name](config)
    seconds = min(float(config["timeout_seconds"]), MAX_SECONDS)
    found = await asyncio.gather(*(probe(prober, t, seconds) for t in first))
    return dict(zip(first, found, strict=True))


def _samples(target: str, found: Probed) -> list[ProbedSample]:
    return [
        ProbedSample(series_text(name, {**dict(labels), "target": target}), value)
        for (name, labels), value in found.findings.samples.items()
    ]
