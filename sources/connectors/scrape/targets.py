"""Targets: what discovery found, relabelled, and when each is scraped. Pure.

Reference: prometheus/scrape/target.go of Prometheus 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.durations import milliseconds_of
from monitoring.labels import Labels, fingerprint, make_labels
from sources.connectors.asking import Schedule
from sources.connectors.scrape.relabelling import relabel
from sources.connectors.scrape.settings import Group, ScrapeSettings, query_of

_LEAST_INTERVAL_MS = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """Something to scrape; equal ones are scraped once. Times are in milliseconds."""

    labels: Labels
    url: str
    interval_ms: int
    timeout_ms: int

    @property
    def schedule(self) -> Schedule:
        """Return when it is scraped: spread over the interval, and always the same."""
        own = make_labels({**dict(self.labels), "__url__": self.url})
        return Schedule(self.interval_ms, fingerprint(own) % self.interval_ms)


@dataclass(frozen=True, slots=True)
class Found:
    """The targets of a source: `active` with what was discovered of each."""

    active: Mapping[Target, Mapping[str, str]]
    dropped: tuple[Mapping[str, str], ...]
    problems: tuple[str, ...]


class _UnusableTargetError(ValueError):
    """The text says what is wrong with a target."""


def targets_of(
    groups: Iterable[Group], settings: ScrapeSettings, extra: Mapping[str, str]
) -> Found:
    """Relabel what was discovered; `extra` are labels that all targets have."""
    active: dict[Target, Mapping[str, str]] = {}
    dropped: list[Mapping[str, str]] = []
    problems: list[str] = []
    for discovered in _discovered(groups, settings, extra):
        kept = relabel(discovered, settings.relabel)
        if kept is None:
            dropped.append(discovered)
            continue
        try:
            active.setdefault(_target(kept, settings), discovered)
        except _UnusableTargetError as error:
            problems.append(str(error))
    return Found(active, tuple(dropped), tuple(dict.fromkeys(problems)))


def _discovered(
    groups: Iterable[Group], settings: ScrapeSettings, extra: Mapping[str, str]
) -> Iterable[dict[str, str]]:
    base = {**settings.target_labels, **extra}
    for group in groups:
        for address in group.targets:
            yield {**base, **group.labels, "__address__": address}


def _target(labels: dict[str, str], settings: ScrapeSettings) -> Target:
    """Raises _UnusableTargetError."""
    address = labels.get("__address__", "")
    if not address or set(address) & set("/@?# \\") or not address.isprintable():
        raise _UnusableTargetError(
            f"{address!r} is no address: write host:port, without a scheme or a path."
        )
    scheme = labels.get("__scheme__", "")
    if scheme not in {"http", "https"}:
        raise _UnusableTargetError(f"{address}: the scheme must be http or https.")
    interval = _milliseconds(labels, "__scrape_interval__")
    timeout = _milliseconds(labels, "__scrape_timeout__")
    if interval < _LEAST_INTERVAL_MS or not 0 < timeout <= interval:
        raise _UnusableTargetError(
            f"{address}: the timeout must be over 0 and not longer than the interval, "
            "which is 1 s at least."
        )
    kept = {n: v for n, v in labels.items() if not n.startswith("__")}
    kept.setdefault("instance", address)
    return Target(make_labels(kept), _url(labels, settings), interval, timeout)


def _url(labels: Mapping[str, str], settings: ScrapeSettings) -> str:
    params: dict[str, Any] = {k: list(v) for k, v in settings.params.items()}
    for name, value in labels.items():
        if name.startswith("__param_"):
            key = name.removeprefix("__param_")
            params[key] = [value, *params.get(key, [])[1:]]
    path = labels.get("__metrics_path__", "")
    path = path if path.startswith("/") else f"/{path}"
    query = query_of(params)
    joint = "&" if "?" in path else "?"
    base = f"{labels['__scheme__']}://{labels['__address__']}{path}"
    return f"{base}{joint}{query}" if query else base


def _milliseconds(labels: Mapping[str, str], name: str) -> int:
    text = labels.get(name, "")
    found = milliseconds_of(text)
    if found is None and text.endswith("s"):
        try:
            return round(float(text[:-1]) * 1000)
        except ValueError:
            found = None
    if found is None:
        raise _UnusableTargetError(f"{name} {text!r} is no duration.")
    return found
